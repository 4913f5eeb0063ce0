#include "bitline/train/fingerprint.h"

#include <span>

#include "bitline/base/hash.h"
#include "bitline/ir/shapes.h"

namespace bitline::train {

namespace {

std::uint64_t hash_floats(std::uint64_t h, const std::vector<float>& values) {
  return hash_combine(h, hash_bytes(std::as_bytes(std::span(values))));
}

std::uint64_t hash_numbers(std::uint64_t h, const std::vector<double>& values) {
  return hash_combine(h, hash_bytes(std::as_bytes(std::span(values))));
}

std::uint64_t hash_graph(std::uint64_t h, const ir::Graph& graph) {
  for (const ir::Node& node : graph.nodes()) h = hash_combine(h, hash_bytes(ir::op_name(node.op)));
  for (const ir::Shape& shape : ir::infer_shapes(graph))
    h = hash_combine(h, hash_bytes(ir::shape_text(shape)));
  for (const auto& [id, tensor] : graph.constants()) h = hash_floats(h, tensor.data);
  return h;
}

std::uint64_t hash_model(std::uint64_t h, const quant::QuantizedModel& model) {
  h = hash_graph(h, model.graph);
  for (const auto& [name, layer] : model.layers) {
    h = hash_combine(h, hash_bytes(std::string_view(name + layer.config.text())));
    h = hash_floats(h, {layer.activation_scale, layer.activation_signed ? 1.0f : 0.0f});
    if (layer.activation_offset != 0.0f) h = hash_floats(h, {layer.activation_offset});
    h = hash_floats(hash_floats(hash_floats(h, layer.weight_scale), layer.psum_step), layer.psum_centre);
  }
  return h;
}

}  // namespace

std::string fingerprint(const quant::QuantizedModel& start, const ir::Graph* teacher, const TrainData& data,
                        const TrainOptions& o, std::uint64_t seed) {
  std::uint64_t h = hash_bytes(data.train->name());
  h = hash_numbers(
      h, {double(o.epochs), double(o.batch), double(o.shards), o.learning_rate, o.scale_learning_rate,
          o.range_learning_rate, o.momentum, o.weight_decay, o.warmup_epochs, o.label_smoothing,
          o.distillation, o.temperature, o.clip_norm, o.freeze_batch_norm, double(o.evaluate_images)});
  h = hash_numbers(h, {double(data.train->size()), data.test == nullptr ? 0.0 : double(data.test->size()),
                       double(data.augmentation.pad), double(data.augmentation.flip)});
  h = hash_floats(hash_floats(h, data.normalization.mean), data.normalization.stddev);
  h = hash_combine(hash_combine(h, hash_bytes(o.device)), hash_bytes(o.cim_operator));
  // The usual quantizers hash to nothing, so that runs begun before there were others go on.
  if (!(o.quantizers == Quantizers()))
    h = hash_combine(
        h, hash_bytes(std::string_view(o.quantizers.weights.text() + " " + o.quantizers.activations.text() +
                                       " " + o.quantizers.psums.text())));
  if (o.small_epochs > 0) h = hash_numbers(h, {double(o.small_epochs), double(o.small_side)});
  h = hash_model(hash_combine(h, seed), start);
  return hash_text(o.distillation > 0.0 ? hash_graph(h, *teacher) : h);
}

}  // namespace bitline::train
