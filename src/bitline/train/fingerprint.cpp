#include "bitline/train/fingerprint.h"

#include <algorithm>
#include <concepts>
#include <span>

#include "bitline/base/hash.h"
#include "bitline/ir/op_fields.h"
#include "bitline/ir/shapes.h"

namespace bitline::train {

namespace {

constexpr std::int64_t kSeenImages = 8;  // of a data set

std::uint64_t hash_floats(std::uint64_t h, const std::vector<float>& values) {
  return hash_combine(h, hash_bytes(std::as_bytes(std::span(values))));
}

std::uint64_t hash_numbers(std::uint64_t h, const std::vector<double>& values) {
  return hash_combine(h, hash_bytes(std::as_bytes(std::span(values))));
}

// An archive of ir::visit_fields.
class FieldHash {
 public:
  void operator()(const char*, float value) { h_ = hash_floats(h_, {value}); }
  void operator()(const char*, bool value) { h_ = hash_combine(h_, value ? 1 : 0); }
  template <class Integer>
  requires std::integral<Integer>
  void operator()(const char*, Integer value, ir::FieldBounds) {
    h_ = hash_combine(h_, static_cast<std::uint64_t>(value));
  }
  template <class List>
  requires(!std::integral<List>) void operator()(const char*, const List& values, ir::FieldBounds) {
    h_ = hash_combine(h_, values.size());
    for (const auto value : values) h_ = hash_combine(h_, static_cast<std::uint64_t>(value));
  }
  std::uint64_t value() const { return h_; }

 private:
  std::uint64_t h_ = 0;
};

std::uint64_t hash_node(std::uint64_t h, const ir::Node& node) {
  FieldHash fields;
  ir::Op op = node.op;  // the lists of fields take references
  std::visit([&](auto& o) { visit_fields(fields, o); }, op);
  h = hash_combine(hash_combine(h, hash_bytes(ir::op_name(node.op))), fields.value());
  for (const ir::ValueId id : node.inputs) h = hash_combine(h, static_cast<std::uint64_t>(id));
  return hash_combine(h, static_cast<std::uint64_t>(node.output));
}

std::uint64_t hash_graph(std::uint64_t h, const ir::Graph& graph) {
  for (const ir::Node& node : graph.nodes()) h = hash_node(h, node);
  for (const ir::Shape& shape : ir::infer_shapes(graph))
    h = hash_combine(h, hash_bytes(ir::shape_text(shape)));
  for (const auto& [id, tensor] : graph.constants())
    h = hash_floats(hash_combine(h, static_cast<std::uint64_t>(id)), tensor.data);
  return hash_combine(h, static_cast<std::uint64_t>(graph.output()));
}

// All labels, and the pixels of a few images: another folder or another way of resizing is another set.
std::uint64_t hash_data(std::uint64_t h, const data::Dataset& set) {
  h = hash_combine(h, hash_bytes(set.name()));
  for (std::int64_t i = 0; i < set.size(); ++i) h = hash_combine(h, static_cast<std::uint64_t>(set.label(i)));
  std::vector<float> pixels(static_cast<std::size_t>(set.shape().count()));
  const std::int64_t seen = std::min(kSeenImages, set.size());
  for (std::int64_t i = 0; i < seen; ++i) {
    set.read(i * set.size() / seen, pixels);
    h = hash_floats(h, pixels);
  }
  return h;
}

std::uint64_t hash_model(std::uint64_t h, const quant::QuantizedModel& model) {
  h = hash_graph(h, model.graph);
  for (const auto& [name, layer] : model.layers) {
    h = hash_combine(h, hash_bytes(std::string_view(name + layer.config.text())));
    h = hash_floats(h,
                    {layer.activation_scale, layer.activation_signed ? 1.0f : 0.0f, layer.activation_offset});
    h = hash_floats(hash_floats(hash_floats(h, layer.weight_scale), layer.psum_step), layer.psum_centre);
  }
  return h;
}

}  // namespace

std::string fingerprint(const quant::QuantizedModel& start, const ir::Graph* teacher, const TrainData& data,
                        const TrainOptions& o, std::uint64_t seed) {
  std::uint64_t h = hash_data(0, *data.train);
  if (data.test != nullptr) h = hash_data(h, *data.test);
  h = hash_numbers(
      h, {double(o.epochs), double(o.batch), double(o.shards), o.learning_rate, o.scale_learning_rate,
          o.range_learning_rate, o.momentum, o.weight_decay, o.warmup_epochs, o.label_smoothing,
          o.distillation, o.temperature, o.clip_norm, o.freeze_batch_norm, double(o.evaluate_images)});
  h = hash_numbers(h, {double(data.train->size()), data.test == nullptr ? 0.0 : double(data.test->size()),
                       double(data.augmentation.pad), double(data.augmentation.flip)});
  h = hash_floats(hash_floats(h, data.normalization.mean), data.normalization.stddev);
  for (const std::string& name : {o.backend.device, o.backend.cim_operator, o.backend.compute})
    h = hash_combine(h, hash_bytes(name));
  h = hash_combine(
      h, hash_bytes(std::string_view(o.quantizers.weights.text() + " " + o.quantizers.activations.text() +
                                     " " + o.quantizers.psums.text())));
  h = hash_numbers(h, {double(o.small_epochs), double(o.small_side)});
  h = hash_model(hash_combine(h, seed), start);
  return hash_text(o.distillation > 0.0 ? hash_graph(h, *teacher) : h);
}

}  // namespace bitline::train
