// Do the passes keep the function of the network, and remove exactly what they promise?
#include "bitline/ir/fold.h"

#include <cmath>
#include <string>

#include "reference.h"
#include <gtest/gtest.h>

#include "bitline/base/error.h"
#include "bitline/ir/interpreter.h"

namespace bitline::ir {
namespace {

constexpr Window kSame3x3{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};

ValueId add_norm(Graph& g, Draw& draw, const std::string& name, ValueId x, std::int64_t channels) {
  const ValueId gamma = g.add_constant(name + ".gamma", draw.normals({channels}, 1.0, 0.2));
  const ValueId beta = g.add_constant(name + ".beta", draw.normals({channels}, 0.0, 0.3));
  const ValueId mean = g.add_constant(name + ".mean", draw.normals({channels}, 0.0, 0.3));
  Tensor variance = draw.normals({channels}, 1.0, 0.2);
  for (float& v : variance.data) v = std::fabs(v);
  const ValueId var = g.add_constant(name + ".variance", std::move(variance));
  return g.add_node(name, BatchNorm{1e-3f}, {x, gamma, beta, mean, var});
}

ValueId add_conv(Graph& g, Draw& draw, const std::string& name, ValueId x, const Shape& weight,
                 std::int64_t groups) {
  std::vector<ValueId> inputs = {x, g.add_constant(name + ".weight", draw.normals(weight, 0.0, 0.3))};
  if (draw.coin()) inputs.push_back(g.add_constant(name + ".bias", draw.normals({weight[0]})));
  return g.add_node(name, Conv{kSame3x3, groups}, inputs);
}

// Convolutions with and without groups, bias, norm and shortcut, then a normalized Linear.
Graph random_network(std::uint64_t seed) {
  Draw draw(seed);
  Graph g;
  ValueId x = g.add_input("x", {kBatch, 4, 6, 6});
  for (int layer = 0; layer < 4; ++layer) {
    const std::string name = "layer" + std::to_string(layer);
    const std::int64_t groups = draw.coin() ? 1 : 4;
    ValueId y = add_conv(g, draw, name, x, {4, 4 / groups, 3, 3}, groups);
    const bool split = draw.between(0, 3) == 0;  // a second reader forbids folding
    ValueId normed = draw.between(0, 3) == 0 ? y : add_norm(g, draw, name + ".norm", y, 4);
    if (split) normed = g.add_node(name + ".join", Add{}, {normed, y});
    x = g.add_node(name + ".relu", Relu{},
                   {draw.coin() ? g.add_node(name + ".add", Add{}, {normed, x}) : normed});
  }
  const ValueId flat = g.add_node("flat", Flatten{1}, {x});
  const ValueId w = g.add_constant("fc.weight", draw.normals({5, 144}, 0.0, 0.1));
  g.set_output(add_norm(g, draw, "fc.norm", g.add_node("fc", Linear{}, {flat, w}), 5));
  return g;
}

int count_norms(const Graph& g) {
  int count = 0;
  for (const Node& node : g.nodes()) count += std::holds_alternative<BatchNorm>(node.op) ? 1 : 0;
  return count;
}

TEST(FoldBatchNorm, KeepsTheFunctionOfRandomNetworks) {
  int before = 0, after = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Graph g = random_network(seed);
    const Graph folded = fold_batch_norm(g);
    before += count_norms(g);
    after += count_norms(folded);
    EXPECT_NE(folded.find_node("fc"), nullptr);
    EXPECT_EQ(folded.find_node("fc.norm"), nullptr);
    const Tensor x = Draw(seed + 1000).normals({3, 4, 6, 6});
    const Tensor want = run_graph(g, x), got = run_graph(folded, x);
    ASSERT_EQ(got.shape, want.shape);
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(got.data[i], want.data[i], 2e-5 * (1.0 + std::fabs(want.data[i])));
    }
  }
  EXPECT_GT(after, 0);  // some had two readers
  EXPECT_LT(after, before / 2);
}

TEST(FoldBatchNorm, ComputesTheFormula) {
  Graph g;
  const ValueId x = g.add_input("x", {kBatch, 1});
  const ValueId w = g.add_constant("w", Tensor({1, 1}, {3})), b = g.add_constant("b", Tensor({1}, {5}));
  const ValueId fc = g.add_node("fc", Linear{}, {x, w, b});
  std::vector<ValueId> inputs = {fc};
  for (const float v : {2.0f, 7.0f, 1.0f, 12.0f})
    inputs.push_back(g.add_constant("p" + std::to_string(v), Tensor({1}, {v})));
  g.set_output(g.add_node("norm", BatchNorm{4.0f}, inputs));
  const Graph folded = fold_batch_norm(g);
  ASSERT_EQ(folded.nodes().size(), 1u);
  EXPECT_EQ(folded.constants().size(), 2u);
  const Node& node = folded.nodes()[0];
  EXPECT_EQ(folded.constant(node.inputs[1]).data, (std::vector<float>{1.5f}));  // 3 * 2/4
  EXPECT_EQ(folded.constant(node.inputs[2]).data, (std::vector<float>{9.0f}));  // (5-1) * 2/4 + 7
  EXPECT_EQ(folded.value_name(node.inputs[1]), "w");
}

TEST(FoldBatchNorm, LeavesASharedWeightToItsOtherReader) {
  Draw draw(3);
  Graph g;
  const ValueId x = g.add_input("x", {kBatch, 2, 4, 4});
  const ValueId w = g.add_constant("w", draw.normals({2, 2, 3, 3}));
  const ValueId a = add_norm(g, draw, "norm", g.add_node("a", Conv{kSame3x3, 1}, {x, w}), 2);
  g.set_output(g.add_node("b", Conv{kSame3x3, 1}, {a, w}));
  const Graph folded = fold_batch_norm(g);
  EXPECT_EQ(count_norms(folded), 0);
  EXPECT_EQ(folded.constant(folded.find_node("b")->inputs[1]).data, g.constant(w).data);
  EXPECT_NE(folded.constant(folded.find_node("a")->inputs[1]).data, g.constant(w).data);
  EXPECT_EQ(folded.value_name(folded.find_node("b")->inputs[1]), "w");
  EXPECT_EQ(folded.value_name(folded.find_node("a")->inputs[1]), "a.weight");
}

TEST(FoldBatchNorm, KeepsANormAcrossTheTokensOfALinear) {
  Draw draw(4);
  Graph g;
  const ValueId x = g.add_input("x", {kBatch, 3, 8});
  const ValueId w = g.add_constant("w", draw.normals({3, 8}));
  g.set_output(add_norm(g, draw, "norm", g.add_node("fc", Linear{}, {x, w}), 3));
  EXPECT_EQ(count_norms(fold_batch_norm(g)), 1);
}

TEST(RemoveDeadCode, DropsWhatTheOutputDoesNotNeed) {
  Graph g;
  const ValueId dead_constant = g.add_constant("dead", Tensor({1}, {1}));
  const ValueId x = g.add_input("x", {kBatch, 1});
  const ValueId k = g.add_constant("k", Tensor({1}, {2}));
  const ValueId dead = g.add_node("dead.add", Add{}, {x, dead_constant});
  g.add_node("dead.relu", Relu{}, {dead});
  g.set_output(g.add_node("mul", Mul{}, {x, k}));
  const Graph lean = remove_dead_code(g);
  ASSERT_EQ(lean.nodes().size(), 1u);
  EXPECT_EQ(lean.nodes()[0].name, "mul");
  EXPECT_EQ(lean.value_count(), 3);
  EXPECT_EQ(lean.value_name(lean.nodes()[0].inputs[1]), "k");
  EXPECT_EQ(run_graph(lean, Tensor({1, 1}, {4})).data, (std::vector<float>{8}));
}

TEST(RemoveDeadCode, KeepsTheInputEvenWhenUnread) {
  Graph g;
  g.add_input("x", {kBatch, 1});
  g.set_output(g.add_constant("k", Tensor({1}, {2})));
  const Graph lean = remove_dead_code(g);
  EXPECT_EQ(lean.value_name(lean.input()), "x");
  EXPECT_EQ(run_graph(lean, Tensor({1, 1})).data, (std::vector<float>{2}));
}

}  // namespace
}  // namespace bitline::ir
