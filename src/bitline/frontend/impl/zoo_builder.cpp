#include "bitline/frontend/impl/zoo_builder.h"

#include <cmath>

#include "bitline/base/hash.h"
#include "bitline/base/philox.h"
#include "bitline/ir/shapes.h"

namespace bitline::frontend {

namespace {

Philox stream_of(std::uint64_t seed, const std::string& name) {
  return {seed, stream_id("zoo.weights", hash_bytes(name))};
}

ir::Tensor filled(std::int64_t count, float value) {
  return {{count}, std::vector<float>(static_cast<std::size_t>(count), value)};
}

ir::Tensor without_values(const ir::Shape& shape) {
  ir::Tensor out;
  out.shape = shape;
  return out;
}

}  // namespace

ir::ValueId ZooBuilder::input(std::int64_t channels, std::int64_t height, std::int64_t width) {
  shapes_.push_back({ir::kBatch, channels, height, width});
  return graph_.add_input("input", shapes_.back());
}

ir::ValueId ZooBuilder::constant(const std::string& name, ir::Tensor tensor) {
  shapes_.push_back(tensor.shape);
  return graph_.add_constant(name, std::move(tensor));
}

ir::ValueId ZooBuilder::node(const std::string& name, ir::Op op, const std::vector<ir::ValueId>& inputs) {
  std::vector<ir::Shape> shapes;
  for (const ir::ValueId id : inputs) shapes.push_back(shape(id));
  const ir::ValueId out = graph_.add_node(name, std::move(op), inputs);
  shapes_.push_back(ir::infer_shape(graph_.nodes().back(), shapes));
  return out;
}

ir::Tensor ZooBuilder::normal(const std::string& name, const ir::Shape& shape, double deviation) const {
  if (!seed_) return without_values(shape);
  const Philox random = stream_of(*seed_, name);
  ir::Tensor out(shape);
  for (std::size_t i = 0; i < out.size(); ++i) out.data[i] = static_cast<float>(deviation * random.normal(i));
  return out;
}

ir::Tensor ZooBuilder::uniform(const std::string& name, const ir::Shape& shape, double bound) const {
  if (!seed_) return without_values(shape);
  const Philox random = stream_of(*seed_, name);
  ir::Tensor out(shape);
  for (std::size_t i = 0; i < out.size(); ++i)
    out.data[i] = static_cast<float>(bound * (2.0 * random.uniform(i) - 1.0));
  return out;
}

ir::ValueId ZooBuilder::square_conv(const std::string& name, ir::ValueId x, std::int64_t outputs,
                                    std::int64_t kernel, std::int64_t stride, std::int64_t groups,
                                    bool bias) {
  ir::Conv op;
  op.window.kernel = {kernel, kernel};
  op.window.stride = {stride, stride};
  op.window.pad_begin = {kernel / 2, kernel / 2};
  op.window.pad_end = {kernel / 2, kernel / 2};
  op.groups = groups;
  return convolution(name, x, outputs, op, bias);
}

ir::ValueId ZooBuilder::convolution(const std::string& name, ir::ValueId x, std::int64_t outputs,
                                    const ir::Conv& op, bool bias) {
  const auto [height, width] = op.window.kernel;
  const double fan_out = static_cast<double>(outputs / op.groups * height * width);
  const std::string weight = name + ".weight";
  const ir::Shape shape{outputs, channels(x) / op.groups, height, width};
  std::vector<ir::ValueId> inputs{x, constant(weight, normal(weight, shape, std::sqrt(2.0 / fan_out)))};
  if (bias) inputs.push_back(constant(name + ".bias", filled(outputs, 0.0f)));
  return node(name, op, inputs);
}

ir::ValueId ZooBuilder::conv(const std::string& name, ir::ValueId x, std::int64_t outputs,
                             std::int64_t kernel, std::int64_t stride, bool bias) {
  return square_conv(name, x, outputs, kernel, stride, 1, bias);
}

ir::ValueId ZooBuilder::depthwise(const std::string& name, ir::ValueId x, std::int64_t stride) {
  return square_conv(name, x, channels(x), 3, stride, channels(x), false);
}

ir::ValueId ZooBuilder::linear(const std::string& name, ir::ValueId x, std::int64_t outputs) {
  const std::int64_t fan_in = shape(x).back();
  const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
  const std::string weight = name + ".weight";
  const std::string bias = name + ".bias";
  const ir::ValueId w = constant(weight, uniform(weight, {outputs, fan_in}, bound));
  const ir::ValueId b = constant(bias, uniform(bias, {outputs}, bound));
  return node(name, ir::Linear{}, {x, w, b});
}

ir::ValueId ZooBuilder::batch_norm(const std::string& name, ir::ValueId x) {
  const std::int64_t count = channels(x);
  const ir::ValueId weight = constant(name + ".weight", filled(count, 1.0f));
  const ir::ValueId bias = constant(name + ".bias", filled(count, 0.0f));
  const ir::ValueId mean = constant(name + ".running_mean", filled(count, 0.0f));
  const ir::ValueId variance = constant(name + ".running_var", filled(count, 1.0f));
  return node(name, ir::BatchNorm{}, {x, weight, bias, mean, variance});
}

ir::ValueId ZooBuilder::max_pool(const std::string& name, ir::ValueId x, std::int64_t kernel,
                                 std::int64_t stride, std::int64_t pad) {
  ir::MaxPool op;
  op.window.kernel = {kernel, kernel};
  op.window.stride = {stride, stride};
  op.window.pad_begin = {pad, pad};
  op.window.pad_end = {pad, pad};
  return node(name, op, {x});
}

ir::Graph ZooBuilder::finish(ir::ValueId output) {
  graph_.set_output(output);
  return std::move(graph_);
}

ir::Graph ZooBuilder::classify(const std::string& name, ir::ValueId x, std::int64_t classes) {
  x = node("avgpool", ir::GlobalAveragePool{}, {x});
  return finish(linear(name, node("flatten", ir::Flatten{}, {x}), classes));
}

}  // namespace bitline::frontend
