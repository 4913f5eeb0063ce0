// Activations that stay channels-last between layers on arrays.
#include "bitline/sim/layout.h"

#include <set>
#include <string>

#include "sim/small_net.h"
#include <gtest/gtest.h>

#include "bitline/sim/calibrate.h"
#include "bitline/sim/network.h"

namespace bitline::sim {
namespace {

ir::Conv convolution() {
  ir::Conv conv;
  conv.window.kernel = {3, 3};
  conv.window.pad_begin = conv.window.pad_end = {1, 1};
  return conv;
}

ir::ValueId add_conv(ir::Graph& g, const std::string& name, ir::ValueId x, std::int64_t in,
                     std::int64_t out) {
  ir::Tensor weight({out, in, 3, 3});
  for (std::size_t i = 0; i < weight.size(); ++i)
    weight.data[i] = static_cast<float>(i * 7 % 13) / 13.0f - 0.45f;
  return g.add_node(name, convolution(), {x, g.add_constant(name + ".weight", std::move(weight))});
}

ir::ValueId add_batch_norm(ir::Graph& g, const std::string& name, ir::ValueId x, std::int64_t channels) {
  std::vector<ir::ValueId> inputs = {x};
  for (const float first : {0.8f, -0.3f, 0.1f, 0.5f}) {
    ir::Tensor values({channels});
    for (std::size_t c = 0; c < values.size(); ++c) values.data[c] = first + 0.17f * static_cast<float>(c);
    inputs.push_back(g.add_constant(name + std::to_string(inputs.size()), std::move(values)));
  }
  return g.add_node(name, ir::BatchNorm{}, inputs);
}

// A float layer, two on arrays, a sum of both layouts, one that only works channels-first, and the result.
ir::Graph residual_net() {
  ir::Graph g;
  const ir::ValueId stem = g.add_node("stem-relu", ir::Relu{},
                                      {add_conv(g, "stem", g.add_input("x", {ir::kBatch, 3, 6, 5}), 3, 5)});
  const ir::ValueId norm = add_batch_norm(g, "first-norm", add_conv(g, "first", stem, 5, 5), 5);
  const ir::ValueId first = g.add_node("first-relu", ir::Relu{}, {norm});
  const ir::ValueId sum = g.add_node("sum", ir::Add{}, {add_conv(g, "second", first, 5, 5), stem});
  ir::MaxPool pool;
  pool.window.kernel = pool.window.stride = {2, 2};
  const ir::ValueId small = g.add_node("pool", pool, {g.add_node("sum-relu", ir::Relu{}, {sum})});
  g.set_output(g.add_node("mean", ir::GlobalAveragePool{}, {add_conv(g, "third", small, 5, 4)}));
  return g;
}

const std::set<std::string> kOnArray = {"first", "second", "third"};

TEST(Layout, FollowsLayersOnArraysThroughElementWiseOperators) {
  const ir::Graph g = residual_net();
  const Layout layout(g, [](const ir::Node& node) { return kOnArray.count(node.name) != 0; });
  const std::set<std::string> expected = {"first", "first-norm", "first-relu", "second",
                                          "sum",   "sum-relu",   "third"};
  for (const ir::Node& node : g.nodes())
    EXPECT_EQ(layout.channels_last(node.output), expected.count(node.name) != 0) << node.name;
}

TEST(Layout, TurningThereAndBackIsTheIdentity) {
  const ir::Tensor x = random_images(3, 5);
  EXPECT_EQ(to_channels_first(to_channels_last(x)).data, x.data);
  ir::Tensor small({1, 2, 1, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(to_channels_last(small).data, (std::vector<float>{1, 4, 2, 5, 3, 6}));
}

TEST(Layout, ANetworkGivesWhatItsLayersGiveOneByOne) {
  CalibrateOptions options;
  options.policy.last = mapping::Placement::kArray;
  ir::Tensor x({4, 3, 6, 5});
  for (std::size_t i = 0; i < x.size(); ++i) x.data[i] = static_cast<float>(i * 31 % 17) / 17.0f;
  const quant::QuantizedModel model = calibrate(residual_net(), x, options, {});
  ASSERT_EQ(model.layers.size(), kOnArray.size());
  const auto hook = [&](const ir::Node& node, const ir::Operands& operands,
                        ir::Tensor*) -> std::optional<ir::Tensor> {
    if (model.layers.count(node.name) == 0) return std::nullopt;
    const LayerProgram program = compile_node(model.graph, node, model.layers.at(node.name));
    return run_layer(program, *choose_kernel("reference", program).prepare(program), *operands[0]);
  };
  EXPECT_EQ(Network(model).forward(x).data, ir::run_graph(model.graph, x, hook).data);
}

}  // namespace
}  // namespace bitline::sim
