// Do the parts of a cut graph compute the graph, and are they as small as they can be?
#include "bitline/ir/segments.h"

#include <string>

#include "reference.h"
#include <gtest/gtest.h>

#include "bitline/ir/interpreter.h"

namespace bitline::ir {
namespace {

constexpr Window kSame3x3{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};

bool is_conv(const Node& node) {
  return std::holds_alternative<Conv>(node.op);
}

class Chain {
 public:
  Chain() { x_ = graph_.add_input("x", {kBatch, 4, 6, 6}); }

  ValueId conv(ValueId x) {
    const std::string name = "conv" + std::to_string(++convs_);
    weight_ = graph_.add_constant(name + ".weight", draw_.normals({4, 4, 3, 3}, 0.0, 0.3));
    return graph_.add_node(name, Conv{kSame3x3, 1}, {x, weight_});
  }
  ValueId relu(ValueId x) { return graph_.add_node("relu" + std::to_string(++relus_), Relu{}, {x}); }
  ValueId block(ValueId x) {
    const ValueId y = conv(relu(conv(x)));
    return relu(graph_.add_node("add" + std::to_string(++adds_), Add{}, {y, x}));
  }
  ValueId input() const { return x_; }
  ValueId last_weight() const { return weight_; }
  Graph& graph() { return graph_; }
  Graph finish(ValueId y) {
    graph_.set_output(y);
    return graph_;
  }

 private:
  Graph graph_;
  Draw draw_{5};
  ValueId x_ = -1, weight_ = -1;
  int convs_ = 0, relus_ = 0, adds_ = 0;
};

std::vector<std::string> last_nodes(const std::vector<Graph>& parts) {
  std::vector<std::string> names;
  for (const Graph& part : parts) names.push_back(part.nodes().back().name);
  return names;
}

void expect_same_function(const Graph& graph, const std::vector<Graph>& parts) {
  Draw draw(9);
  const Tensor x = draw.normals({3, 4, 6, 6});
  Tensor y = x;
  for (const Graph& part : parts) y = run_graph(part, y);
  const Tensor expected = run_graph(graph, x);
  EXPECT_EQ(y.shape, expected.shape);
  EXPECT_EQ(y.data, expected.data);
}

TEST(Segments, APlainNetworkIsCutBehindEachActivation) {
  Chain chain;
  const ValueId y = chain.conv(chain.relu(chain.conv(chain.relu(chain.conv(chain.relu(chain.input()))))));
  const Graph graph = chain.finish(y);
  const std::vector<Graph> parts = cut_into_segments(graph, is_conv);
  EXPECT_EQ(last_nodes(parts), (std::vector<std::string>{"relu2", "relu3", "conv3"}));
  EXPECT_EQ(parts[0].nodes().front().name, "relu1");
  EXPECT_EQ(parts[1].constants().size(), 1U);
  expect_same_function(graph, parts);
}

TEST(Segments, ShortcutsHoldABlockTogether) {
  Chain chain;
  const Graph graph = chain.finish(chain.block(chain.block(chain.relu(chain.conv(chain.input())))));
  const std::vector<Graph> parts = cut_into_segments(graph, is_conv);
  EXPECT_EQ(last_nodes(parts), (std::vector<std::string>{"relu1", "relu3", "relu5"}));
  expect_same_function(graph, parts);
}

TEST(Segments, NodesThatDoNotCountJoinTheOthers) {
  Chain chain;
  const Graph graph = chain.finish(chain.block(chain.block(chain.relu(chain.conv(chain.input())))));
  const auto only_fourth = [](const Node& node) { return node.name == "conv4"; };
  EXPECT_EQ(last_nodes(cut_into_segments(graph, only_fourth)), (std::vector<std::string>{"relu5"}));
  const auto first_and_fourth = [](const Node& node) { return node.name == "conv1" || node.name == "conv4"; };
  const std::vector<Graph> parts = cut_into_segments(graph, first_and_fourth);
  EXPECT_EQ(last_nodes(parts), (std::vector<std::string>{"relu3", "relu5"}));
  expect_same_function(graph, parts);
  const auto nothing = [](const Node&) { return false; };
  EXPECT_EQ(cut_into_segments(graph, nothing).size(), 1U);
}

TEST(Segments, LayersThatShareAWeightStayTogether) {
  Chain chain;
  const ValueId first = chain.relu(chain.conv(chain.input()));
  const ValueId shared = chain.last_weight();
  const ValueId second = chain.relu(chain.conv(first));
  const ValueId third = chain.graph().add_node("again", Conv{kSame3x3, 1}, {second, shared});
  const Graph graph = chain.finish(chain.relu(third));
  const std::vector<Graph> parts = cut_into_segments(graph, is_conv);
  EXPECT_EQ(parts.size(), 1U);
  expect_same_function(graph, parts);
}

TEST(Segments, AnInputThatIsReadAgainIsNoNarrowPlace) {
  Chain chain;
  const ValueId y = chain.relu(chain.conv(chain.relu(chain.conv(chain.input()))));
  const Graph graph = chain.finish(chain.graph().add_node("sum", Add{}, {y, chain.input()}));
  EXPECT_EQ(cut_into_segments(graph, is_conv).size(), 1U);
}

}  // namespace
}  // namespace bitline::ir
