#include "workloads.h"

#include "bitline/base/philox.h"
#include "bitline/frontend/zoo.h"
#include "bitline/mapping/tiling.h"
#include "bitline/sim/calibrate.h"

namespace bitline::bench {

namespace {

constexpr std::int64_t kChannels = 64;
constexpr std::uint64_t kSeed = 1;
constexpr int kClasses = 10;

ir::Graph one_convolution(std::int64_t side, std::int64_t groups) {
  ir::Graph g;
  const ir::ValueId x = g.add_input("x", {ir::kBatch, kChannels, side, side});
  const ir::ValueId w = g.add_constant("w", random_tensor({kChannels, kChannels / groups, 3, 3}));
  for (float& v : g.constant(w).data) v -= 0.5f;
  ir::Conv conv;
  conv.groups = groups;
  conv.window.kernel = {3, 3};
  conv.window.pad_begin = conv.window.pad_end = {1, 1};
  g.set_output(g.add_node("conv", conv, {x, w}));
  return g;
}

}  // namespace

ir::Tensor random_tensor(ir::Shape shape) {
  ir::Tensor t(std::move(shape));
  const Philox random(kSeed, stream_id("bench"));
  for (std::size_t i = 0; i < t.size(); ++i) t.data[i] = static_cast<float>(random.uniform(i));
  return t;
}

ConvLayer::ConvLayer(std::int64_t side, int dac_bits, bool depthwise)
    : graph(one_convolution(side, depthwise ? kChannels : 1)), x(random_tensor({1, kChannels, side, side})) {
  sim::CalibrateOptions options;
  options.config.dac_bits = dac_bits;
  using mapping::Placement;
  options.policy = {Placement::kArray, Placement::kArray, Placement::kArray, {}};
  model = sim::calibrate(graph, x, options, Context{});
}

quant::QuantizedModel float_resnet20() {
  return {frontend::zoo("resnet20", kClasses, kSeed), {}, {}};
}

quant::QuantizedModel float_resnet18() {
  return {frontend::zoo("resnet18-cifar", kClasses, kSeed), {}, {}};
}

quant::QuantizedModel array_resnet20() {
  const ir::Tensor few_images = random_tensor({2, 3, 32, 32});
  return sim::calibrate(float_resnet20().graph, few_images, sim::CalibrateOptions{}, Context{});
}

quant::QuantizedModel all_on_arrays(ir::Graph graph, const mapping::Chip& chip, int bits) {
  quant::QuantizedModel model{std::move(graph), {}, {}};
  quant::CimConfig config;
  config.weight_bits = config.activation_bits = bits;
  config.array_rows = static_cast<int>(chip.active_rows);
  config.array_columns = static_cast<int>(chip.columns);
  config.cell_bits = chip.cell_bits;
  config.dac_bits = 1;
  for (const ir::Node& node : model.graph.nodes())
    if (mapping::layer_shape(model.graph, node)) model.layers[node.name].config = config;
  return model;
}

NoiseImages::NoiseImages(std::int64_t size) : size_(size) {
  for (int i = 0; i < kClasses; ++i) names_.push_back(std::to_string(i));
}

void NoiseImages::read(std::int64_t index, std::span<float> pixels) const {
  const Philox random(kSeed, stream_id("noise"));
  const std::uint64_t first = static_cast<std::uint64_t>(index) * pixels.size();
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(random.uniform(first + i));
}

}  // namespace bitline::bench
