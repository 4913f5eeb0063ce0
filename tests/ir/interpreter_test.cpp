// Does run_graph compute the network, the same in every thread, without touching what is still needed?
#include "bitline/ir/interpreter.h"

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "reference.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bitline/base/error.h"

namespace bitline::ir {
namespace {

using testing::HasSubstr;
using Values = std::vector<float>;

constexpr Window kSame3x3{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};

// A residual network with every operator that oneDNN runs.
Graph residual_network(Draw& draw) {
  Graph g;
  const ValueId x = g.add_input("x", {kBatch, 3, 12, 12});
  const ValueId w1 = g.add_constant("w1", draw.normals({16, 3, 3, 3}, 0, 0.2));
  const ValueId w2 = g.add_constant("w2", draw.normals({16, 16, 3, 3}, 0, 0.1));
  const ValueId w3 = g.add_constant("w3", draw.normals({10, 64}, 0, 0.1));
  const ValueId stem = g.add_node("stem", Relu{}, {g.add_node("stem.conv", Conv{kSame3x3, 1}, {x, w1})});
  const ValueId branch = g.add_node("branch", Conv{kSame3x3, 1}, {stem, w2});
  const ValueId sum = g.add_node("sum", Relu{}, {g.add_node("sum.add", Add{}, {branch, stem})});
  const ValueId top = g.add_node("max", MaxPool{Window{{2, 2}, {3, 3}}}, {sum});
  const ValueId mean = g.add_node("mean", AveragePool{Window{{2, 2}, {2, 2}}}, {top});
  g.set_output(g.add_node("logits", Linear{}, {g.add_node("flat", Flatten{1}, {mean}), w3}));
  return g;
}

// Node by node, keeping everything: what run_graph must equal.
Tensor run_slowly(const Graph& g, const Tensor& input) {
  std::vector<Tensor> values(static_cast<std::size_t>(g.value_count()));
  values[static_cast<std::size_t>(g.input())] = input;
  for (const auto& [id, value] : g.constants()) values[static_cast<std::size_t>(id)] = value;
  for (const Node& node : g.nodes()) {
    Operands operands;
    for (const ValueId id : node.inputs) operands.push_back(&values[static_cast<std::size_t>(id)]);
    values[static_cast<std::size_t>(node.output)] = run_node(node, operands);
  }
  return values[static_cast<std::size_t>(g.output())];
}

TEST(RunGraph, EqualsNodeByNodeExecution) {
  Draw draw(1);
  const Graph g = residual_network(draw);
  const Tensor x = draw.normals({4, 3, 12, 12});
  const Tensor y = run_graph(g, x);
  EXPECT_EQ(y.shape, (Shape{4, 10}));
  EXPECT_EQ(y.data, run_slowly(g, x).data);
}

TEST(RunGraph, IsTheSameInEveryThread) {
  Draw draw(2);
  const Graph g = residual_network(draw);
  const Tensor x = draw.normals({5, 3, 12, 12});
  const Tensor alone = run_graph(g, x);
  std::array<Tensor, 4> results;
  std::vector<std::thread> threads;
  for (Tensor& r : results) threads.emplace_back([&g, &x, &r] { r = run_graph(g, x); });
  for (std::thread& t : threads) t.join();
  for (const Tensor& r : results) EXPECT_EQ(r.data, alone.data);
}

TEST(RunGraph, InPlaceOperatorsSpareValuesThatAreReadAgain) {
  Graph g;
  const ValueId x = g.add_input("x", {kBatch, 2});
  const ValueId k = g.add_constant("k", Tensor({1, 2}, {-5, 1}));
  const ValueId a = g.add_node("a", Relu{}, {x});    // must not change the caller's tensor
  const ValueId b = g.add_node("b", Add{}, {a, k});  // a is read again below
  const ValueId c = g.add_node("c", Relu{}, {b});    // b dies
  const ValueId d = g.add_node("d", Add{}, {c, c});  // c is read twice at once
  const ValueId e = g.add_node("e", Relu{}, {k});    // must not change the constant
  const ValueId f = g.add_node("f", Mul{}, {e, d});
  g.set_output(g.add_node("g", Add{}, {f, a}));
  const Tensor input({1, 2}, {-1, 3});
  EXPECT_EQ(run_graph(g, input).data, (Values{0, 11}));
  EXPECT_EQ(input.data, (Values{-1, 3}));
  EXPECT_EQ(g.constant(k).data, (Values{-5, 1}));
}

TEST(RunGraph, OutputMayBeReadInsideOrBeTheInput) {
  Graph g;
  const ValueId x = g.add_input("x", {kBatch, 1});
  const ValueId a = g.add_node("a", Add{}, {x, x});
  g.add_node("b", Relu{}, {a});
  g.set_output(a);
  const Tensor input({2, 1}, {-1, 2});
  EXPECT_EQ(run_graph(g, input).data, (Values{-2, 4}));
  g.set_output(x);
  EXPECT_EQ(run_graph(g, input).data, input.data);
}

TEST(RunGraph, HooksTakeNodesOverAndSeeConstants) {
  Draw draw(3);
  const Graph g = residual_network(draw);
  const Tensor x = draw.normals({2, 3, 12, 12});
  int seen = 0;
  const Tensor y =
      run_graph(g, x, [&](const Node& node, const Operands& operands, Tensor*) -> std::optional<Tensor> {
        ++seen;
        if (node.name != "logits") return std::nullopt;
        EXPECT_EQ(operands[1]->shape, (Shape{10, 64}));
        return Tensor({2, 10});
      });
  EXPECT_EQ(seen, static_cast<int>(g.nodes().size()));
  EXPECT_EQ(y.data, Values(20, 0.0f));
}

TEST(RunGraph, AHookMustReturnTheNodesShape) {
  Draw draw(4);
  const Graph g = residual_network(draw);
  const auto wrong = [](const Node&, const Operands&, Tensor*) { return std::optional(Tensor({1})); };
  EXPECT_THROW(run_graph(g, Tensor({1, 3, 12, 12}), wrong), Error);
}

TEST(RunGraph, FreesActivationsAfterTheirLastReader) {
  Draw draw(5);
  const Graph g = residual_network(draw);
  const Tensor* stem = nullptr;
  run_graph(g, draw.normals({1, 3, 12, 12}),
            [&](const Node& node, const Operands& operands, Tensor*) -> std::optional<Tensor> {
              if (node.name == "branch") stem = operands[0];
              if (node.name == "sum.add" || node.name == "sum") {
                EXPECT_EQ(stem->data.empty(), node.name == "sum");
              }
              return std::nullopt;
            });
  EXPECT_NE(stem, nullptr);
}

TEST(RunGraph, AcceptsAnEmptyBatch) {
  Draw draw(6);
  EXPECT_EQ(run_graph(residual_network(draw), Tensor({0, 3, 12, 12})).shape, (Shape{0, 10}));
}

TEST(RunGraph, RejectsAnInputThatDoesNotFit) {
  Draw draw(7);
  const Graph g = residual_network(draw);
  EXPECT_THAT(
      [&] {
        run_graph(g, Tensor({1, 3, 12, 11}));
      },
      testing::ThrowsMessage<Error>(HasSubstr("'x' is [N, 3, 12, 12], but it was given [1, 3, 12, 11]")));
}

TEST(RunNode, ChecksShapes) {
  const Tensor x({1, 4}), weight({3, 5});
  EXPECT_THAT(
      [&] {
        run_node(make_node(Linear{}, 2), {&x, &weight});
      },
      testing::ThrowsMessage<Error>(HasSubstr("node 'node': Linear")));
}

}  // namespace
}  // namespace bitline::ir
