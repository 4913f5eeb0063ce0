// A pass that writes a constant owns it; what it did not change is shared again.
#include "bitline/ir/constants.h"

#include <gtest/gtest.h>

namespace bitline::ir {
namespace {

// Two linear layers and a sum that read one tensor.
Graph shared_weight() {
  Graph g;
  const ValueId x = g.add_input("x", {kBatch, 2});
  const ValueId w = g.add_constant("w", {{2, 2}, {1.0f, 2.0f, 3.0f, 4.0f}});
  const ValueId a = g.add_node("a", Linear{}, {x, w});
  const ValueId b = g.add_node("b", Linear{}, {a, w});
  g.set_output(g.add_node("sum", MatMul{}, {b, w}));
  return g;
}

bool is_linear(const Node& node) {
  return std::holds_alternative<Linear>(node.op);
}

const Tensor& weight(const Graph& g, const char* node) {
  return g.constant(g.find_node(node)->inputs[1]);
}

TEST(OwnConstants, AWriteIsSeenByTheOwnerAlone) {
  OwnedConstants owned = own_constants(shared_weight(), is_linear);
  EXPECT_EQ(owned.original.size(), 2U);
  owned.graph.constant(owned.graph.find_node("a")->inputs[1]).data[0] = 9.0f;
  EXPECT_EQ(weight(owned.graph, "a").data[0], 9.0f);
  EXPECT_EQ(weight(owned.graph, "b").data[0], 1.0f);
  EXPECT_EQ(weight(owned.graph, "sum").data[0], 1.0f);
  const Graph joined = rejoin_constants(owned.graph, owned.original);
  EXPECT_EQ(weight(joined, "a").data[0], 9.0f);
  EXPECT_EQ(joined.find_node("b")->inputs[1], joined.find_node("sum")->inputs[1]);  // b's copy did not change
  EXPECT_EQ(joined.constants().size(), 2U);
}

TEST(OwnConstants, NothingHappensWhereNothingIsShared) {
  Graph g;
  const ValueId x = g.add_input("x", {kBatch, 1});
  g.set_output(g.add_node("a", Linear{}, {x, g.add_constant("w", {{1, 1}, {1.0f}})}));
  const OwnedConstants owned = own_constants(g, is_linear);
  EXPECT_TRUE(owned.original.empty());
  EXPECT_EQ(rejoin_constants(owned.graph, owned.original).value_count(), g.value_count());
}

TEST(OwnConstants, CopiesHaveNewNames) {
  Graph g = shared_weight();
  g.add_constant("a.weight", {{1}, {0.0f}});
  const Graph owned = own_constants(g, is_linear).graph;
  EXPECT_EQ(owned.value_name(owned.find_node("a")->inputs[1]), "a.weight_2");
  EXPECT_EQ(owned.value_name(owned.find_node("b")->inputs[1]), "b.weight");
}

}  // namespace
}  // namespace bitline::ir
