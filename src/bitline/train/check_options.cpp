#include "bitline/train/check_options.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "bitline/base/error.h"
#include "bitline/base/units.h"
#include "bitline/ir/classes.h"
#include "bitline/ir/shapes.h"

namespace bitline::train {

namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

void require_between(const char* what, double value, double low, double high) {
  if (std::isfinite(value) && value >= low && value <= high) return;
  bad_input(std::string(what) + " = " + number_text(value) + " is out of range", {},
            high == kNoLimit ? "expected at least " + number_text(low)
                             : "expected " + number_text(low) + " to " + number_text(high));
}

void check_values(const TrainOptions& o) {
  if (o.epochs < 1) bad_input("epochs must be at least 1");
  if (o.batch < 2 || o.shards < 1 || o.shards > o.batch / 2)
    bad_input("batch must hold at least two images a shard", {},
              "batch " + std::to_string(o.batch) + ", shards " + std::to_string(o.shards));
  require_between("learning_rate", o.learning_rate, 0.0, kNoLimit);
  require_between("scale_learning_rate", o.scale_learning_rate, 0.0, kNoLimit);
  require_between("range_learning_rate", o.range_learning_rate, 0.0, kNoLimit);
  require_between("momentum", o.momentum, 0.0, 1.0);
  require_between("weight_decay", o.weight_decay, 0.0, kNoLimit);
  require_between("warmup_epochs", o.warmup_epochs, 0.0, o.epochs);
  require_between("label_smoothing", o.label_smoothing, 0.0, 1.0);
  require_between("distillation", o.distillation, 0.0, 1.0);
  require_between("temperature", o.temperature, 1e-3, kNoLimit);
  require_between("clip_norm", o.clip_norm, 0.0, kNoLimit);
  require_between("freeze_batch_norm", o.freeze_batch_norm, 0.0, 1.0);
  require_between("evaluate_images", double(o.evaluate_images), 0.0, kNoLimit);
  require_between("checkpoint_steps", double(o.checkpoint_steps), 0.0, kNoLimit);
  require_between("small_epochs", double(o.small_epochs), 0.0, o.epochs);
  require_between("stop_after_steps", double(o.stop_after_steps), 0.0, kNoLimit);
}

ir::Shape output_shape(const ir::Graph& graph) {
  return ir::infer_shapes(graph)[static_cast<std::size_t>(graph.output())];
}

void check_fit(const data::Dataset& set, const ir::Graph& graph) {
  const data::ImageShape s = set.shape();
  const ir::Shape& in = graph.input_shape();
  if (in.size() != 4 || in[1] != s.channels || in[2] != s.height || in[3] != s.width) {
    bad_input("the data set " + set.name() + " does not fit the model: images are " +
              ir::shape_text({ir::kBatch, s.channels, s.height, s.width}) + ", the model takes " +
              ir::shape_text(in));
  }
  const auto classes = static_cast<std::int64_t>(set.class_names().size());
  if (ir::class_count(graph) != classes) {
    bad_input("the data set " + set.name() + " has " + std::to_string(classes) +
              " classes, the model's output is " + ir::shape_text(output_shape(graph)));
  }
}

// The network must take the smaller images and still give one row of logits for each.
void check_small(const quant::QuantizedModel& start, const data::ImageShape& images, const TrainOptions& o) {
  require_between("small_side", double(o.small_side), 1.0, double(std::min(images.height, images.width) - 1));
  if (!start.layers.empty())
    bad_input("small images are for float training; the network has layers on arrays", {},
              "set small_epochs to 0");
  ir::Graph graph = start.graph;
  graph.set_input_shape({ir::kBatch, images.channels, o.small_side, o.small_side});
  std::string why;
  try {
    if (output_shape(graph) == output_shape(start.graph)) return;
    why = "its output becomes " + ir::shape_text(output_shape(graph));
  } catch (const Error& error) {
    why = error.message();
  }
  const std::string side = std::to_string(o.small_side);
  bad_input("the network does not take images of " + side + "x" + side + ": " + why, {},
            "another small_side, or small_epochs 0");
}

// A choice that nothing in the network could follow.
void check_quantizers(const quant::QuantizedModel& start, const Quantizers& quantizers) {
  if (start.layers.empty() && quantizers != Quantizers())
    bad_input("quantizers are chosen, but the network has no layers on arrays", {},
              "train it in float without them, or use bitline quantize");
  if (quantizers.psums != Quantizers().psums && !quant::has_converters(start))
    bad_input("a quantizer of partial sums is chosen, but no layer quantizes them", {},
              "use a precision such as W4A4P4 instead of W4A4Pideal, or leave it out");
}

}  // namespace

void check_options(const quant::QuantizedModel& start, const ir::Graph* teacher, const TrainData& data,
                   const TrainOptions& o) {
  const ir::Graph& graph = start.graph;
  check_values(o);
  check_quantizers(start, o.quantizers);
  if (data.train->size() < o.batch) bad_input("the data set has fewer images than one batch");
  check_fit(*data.train, graph);
  if (data.test != nullptr) check_fit(*data.test, graph);
  if (o.small_epochs > 0) check_small(start, data.train->shape(), o);
  if (o.distillation <= 0.0) return;
  if (teacher == nullptr) bad_input("distillation needs a float network to learn from");
  check_fit(*data.train, *teacher);
  if (output_shape(*teacher) != output_shape(graph))
    bad_input("the network to learn from has outputs " + ir::shape_text(output_shape(*teacher)) +
              ", the model has " + ir::shape_text(output_shape(graph)));
}

}  // namespace bitline::train
