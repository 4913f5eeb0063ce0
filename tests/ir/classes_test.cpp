// What a classifier's output says, and where its logits are.
#include "bitline/ir/classes.h"

#include "base/error_of.h"
#include <gtest/gtest.h>

#include "bitline/ir/interpreter.h"

namespace bitline::ir {
namespace {

Graph classifier(std::int64_t classes, bool softmax, int axis = 1) {
  Graph g;
  const ValueId x = g.add_input("x", {kBatch, 2});
  Tensor w({classes, 2});
  for (std::size_t i = 0; i < w.size(); ++i) w.data[i] = static_cast<float>(i % 5) - 2.0f;
  ValueId y = g.add_node("fc", Linear{}, {x, g.add_constant("w", w)});
  if (softmax) y = g.add_node("flat", Flatten{}, {g.add_node("prob", Softmax{axis}, {y})});
  g.set_output(y);
  return g;
}

TEST(Classes, OnesBehindTheClassesCountForNothing) {
  EXPECT_EQ(class_count(Shape{kBatch, 10}), 10);
  EXPECT_EQ(class_count(Shape{kBatch, 10, 1, 1}), 10);
  EXPECT_EQ(class_count(Shape{kBatch, 10, 2, 1}), 0);
  EXPECT_EQ(class_count(Shape{kBatch}), 0);
}

TEST(Classes, TheSoftmaxAtTheEndIsNoPartOfTheLogits) {
  const Graph g = classifier(4, true);
  ASSERT_NE(final_softmax(g), nullptr);
  EXPECT_EQ(final_softmax(g)->name, "prob");
  EXPECT_EQ(logits_value(g), g.find_node("fc")->output);
  EXPECT_EQ(up_to_logits(g).nodes().size(), 1U);
  EXPECT_EQ(final_softmax(classifier(4, true, -1))->name, "prob");
  EXPECT_EQ(final_softmax(classifier(4, false)), nullptr);
}

TEST(Classes, ASoftmaxInsideStays) {
  Graph g = classifier(4, true);
  g.set_output(g.add_node("double", Add{}, {g.output(), g.output()}));
  EXPECT_EQ(final_softmax(g), nullptr);
  EXPECT_EQ(logits_value(g), g.output());
}

TEST(Classes, IgnoredOutputsAreCutOut) {
  const Tensor x({1, 2}, {0.5f, 2.0f});
  for (const bool softmax : {false, true}) {
    const std::vector<float> all = run_graph(classifier(5, false), x).data;
    const Graph g = classifier(5, softmax);
    EXPECT_EQ(run_graph(without_outputs(g, {0}), x).data,
              (std::vector<float>{all[1], all[2], all[3], all[4]}));
    EXPECT_EQ(run_graph(without_outputs(g, {3, 1, 3}), x).data, (std::vector<float>{all[0], all[2], all[4]}));
    EXPECT_EQ(class_count(without_outputs(g, {4})), 4);
  }
  EXPECT_EQ(error_of([] { without_outputs(classifier(5, false), {5}); }, ErrorCode::kBadInput),
            "output 5 cannot be ignored: the network has 5 outputs (they count from 0)");
  EXPECT_EQ(error_of(
                [] {
                  without_outputs(classifier(2, false), {0, 1});
                },
                ErrorCode::kBadInput),
            "no output is left that tells classes apart");
}

}  // namespace
}  // namespace bitline::ir
