// Are shapes inferred with a symbolic batch, and does every misfit name its node?
#include "bitline/ir/shapes.h"

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "reference.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bitline/base/error.h"

namespace bitline::ir {
namespace {

using testing::HasSubstr;

Shape infer(Op op, const std::vector<Shape>& inputs) {
  return infer_shape(make_node(std::move(op), static_cast<int>(inputs.size())), inputs);
}

struct GoodCase {
  Op op;
  std::vector<Shape> inputs;
  Shape want;
};

TEST(InferShape, KeepsTheBatchSymbolic) {
  const std::int64_t n = kBatch, all = std::numeric_limits<std::int64_t>::max();
  const Window asymmetric{{3, 3}, {2, 2}, {1, 1}, {0, 1}, {1, 1}};
  const Window dilated{{3, 3}, {1, 1}, {2, 2}, {0, 0}, {0, 0}};
  const Window pool{{3, 3}, {2, 2}, {1, 1}, {0, 0}, {0, 0}};
  const std::vector<GoodCase> cases = {
      {Conv{asymmetric, 1}, {{n, 3, 32, 31}, {16, 3, 3, 3}}, {n, 16, 16, 16}},
      {Conv{dilated, 2}, {{n, 4, 7, 8}, {6, 2, 3, 3}, {6}}, {n, 6, 3, 4}},
      {Linear{}, {{n, 5, 64}, {10, 64}, {10}}, {n, 5, 10}},
      {MatMul{}, {{n, 4, 5, 6}, {n, 1, 6, 7}}, {n, 4, 5, 7}},
      {BatchNorm{}, {{n, 8, 2, 2}, {8}, {8}, {8}, {8}}, {n, 8, 2, 2}},
      {Relu{}, {{n, 7}}, {n, 7}},
      {Clip{0, 6}, {{n, 7}}, {n, 7}},
      {Add{}, {{n, 8, 4, 4}, {1, 8, 1, 1}}, {n, 8, 4, 4}},
      {Mul{}, {{4, 1}, {n, 1, 5}}, {n, 4, 5}},
      {Concat{1}, {{n, 2, 4, 4}, {n, 3, 4, 4}, {n, 1, 4, 4}}, {n, 6, 4, 4}},
      {MaxPool{pool, false}, {{n, 2, 8, 8}}, {n, 2, 3, 3}},
      {MaxPool{pool, true}, {{n, 2, 8, 8}}, {n, 2, 4, 4}},
      {AveragePool{pool, true, true}, {{n, 2, 9, 9}}, {n, 2, 4, 4}},
      {GlobalAveragePool{}, {{n, 9, 7, 7}}, {n, 9, 1, 1}},
      {Flatten{1}, {{n, 2, 3, 4}}, {n, 24}},
      {Flatten{2}, {{n, 1, 3, 4}}, {n, 12}},
      {Reshape{{kBatch, 4, -1}}, {{n, 2, 3, 4}}, {n, 4, 6}},
      {Transpose{{0, 3, 1, 2}}, {{n, 2, 3, 4}}, {n, 4, 2, 3}},
      {Slice{{0, 1, -1}, {0, 1, -2}, {all, 9, all}, {1, 2, 1}}, {{n, 6, 8}}, {n, 3, 2}},
      {Pad{{0, 1, 0}, {0, 2, 3}}, {{n, 4, 4}}, {n, 7, 7}},
      {Softmax{-1}, {{n, 10}}, {n, 10}},
      {ReduceMean{{2, -1}, true}, {{n, 3, 4, 5}}, {n, 3, 1, 1}},
      {ReduceMean{{2, 3}, false}, {{n, 3, 4, 5}}, {n, 3}},
  };
  for (const GoodCase& c : cases) EXPECT_EQ(infer(c.op, c.inputs), c.want) << op_name(c.op);
}

TEST(InferShape, CeilModeCountsNoWindowThatStartsInTheEndPadding) {
  const Window w{{2, 2}, {2, 2}, {1, 1}, {1, 1}, {1, 1}};
  EXPECT_EQ(infer(MaxPool{w, true}, {{kBatch, 1, 3, 4}}), (Shape{kBatch, 1, 2, 3}));
}

struct BadCase {
  Op op;
  std::vector<Shape> inputs;
  std::string message;
};

class Misfit : public testing::TestWithParam<BadCase> {};

TEST_P(Misfit, NamesTheNodeAndTheReason) {
  const BadCase& c = GetParam();
  try {
    infer(c.op, c.inputs);
    FAIL() << op_name(c.op) << " accepted, expected: " << c.message;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kBadInput);
    EXPECT_THAT(e.what(), HasSubstr("node 'node': " + std::string(op_name(c.op)) + ": "));
    EXPECT_THAT(e.what(), HasSubstr(c.message));
  }
}

const Shape kImage = {kBatch, 4, 8, 8};
const Window kSquare{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
const Window kHuge{{9, 9}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};

INSTANTIATE_TEST_SUITE_P(
    Windows, Misfit,
    testing::Values(
        BadCase{Conv{}, {kImage}, "has 1 inputs, expected 2 to 3"},
        BadCase{Conv{}, {{kBatch, 4}, {2, 4, 1, 1}}, "expected [N, C, H, W]"},
        BadCase{Conv{kSquare, 1}, {kImage, {2, 3, 3, 3}}, "expected [2, 4, 3, 3]"},
        BadCase{Conv{kSquare, 3}, {kImage, {3, 1, 3, 3}}, "3 groups do not divide 4"},
        BadCase{Conv{}, {{kBatch, 0, 8, 8}, {2, 0, 1, 1}}, "no input or no output channels"},
        BadCase{Conv{kSquare, 0}, {kImage, {3, 1, 3, 3}}, "0 groups"},
        BadCase{Conv{kSquare, 1}, {kImage, {2, 4, 3, 3}, {3}}, "bias has shape [3], expected [2]"},
        BadCase{Conv{kHuge, 1}, {kImage, {2, 4, 9, 9}}, "does not fit into the padded input"},
        BadCase{Conv{Window{{1, 1}, {0, 1}}, 1}, {kImage, {2, 4, 1, 1}}, "stride 0x1 must be positive"},
        BadCase{
            Conv{Window{{1, 1}, {1, 1}, {1, 1}, {-1, 0}}, 1}, {kImage, {2, 4, 1, 1}}, "must not be negative"},
        BadCase{Conv{}, {{4, 4, kBatch, 8}, {2, 4, 1, 1}}, "height of input 0"},
        BadCase{MaxPool{Window{{2, 2}, {1, 1}, {1, 1}, {2, 0}}}, {kImage}, "smaller than the kernel 2x2"},
        BadCase{AveragePool{kHuge}, {kImage}, "does not fit"},
        BadCase{GlobalAveragePool{}, {{kBatch, 4}}, "expected [N, C, H, W]"}));

INSTANTIATE_TEST_SUITE_P(
    Arithmetic, Misfit,
    testing::Values(BadCase{Linear{}, {{kBatch, 5}, {10, 6}}, "expected K = 6"},
                    BadCase{Linear{}, {{kBatch, 6}, {10, 6}, {9}}, "bias has shape [9]"},
                    BadCase{MatMul{}, {{kBatch, 2, 3}, {kBatch, 4, 5}}, "inner dimensions"},
                    BadCase{Linear{}, {{kBatch, 0}, {3, 0}}, "sums over nothing"},
                    BadCase{Linear{}, {{kBatch, 3}, {0, 3}}, "has no outputs"},
                    BadCase{MatMul{}, {{kBatch, 2, 0}, {kBatch, 0, 5}}, "sums over nothing"},
                    BadCase{MatMul{}, {{3}, {3, 5}}, "two dimensions or more"},
                    BadCase{BatchNorm{}, {kImage, {4}, {4}, {5}, {4}}, "mean has shape [5], expected [4]"},
                    BadCase{Clip{2, 1}, {kImage}, "bounds"},
                    BadCase{Add{}, {kImage, {3, 1, 1}}, "[N, 4, 8, 8] and [3, 1, 1] do not broadcast"},
                    BadCase{Add{}, {kImage, {2, 4, 8, 8}}, "do not broadcast"},
                    BadCase{Relu{}, {kImage, kImage}, "has 2 inputs, expected 1"}));

INSTANTIATE_TEST_SUITE_P(
    Layout, Misfit,
    testing::Values(BadCase{Concat{1}, {kImage, {kBatch, 4, 8, 7}}, "differ outside axis 1"},
                    BadCase{Concat{0}, {kImage, kImage}, "is the batch size"},
                    BadCase{Concat{4}, {kImage, kImage}, "axis 4 does not exist"},
                    BadCase{Flatten{0}, {kImage}, "merge the batch"},
                    BadCase{Reshape{{kBatch, 5, -1}}, {kImage}, "cannot turn [N, 4, 8, 8] into"},
                    BadCase{Reshape{{4, 64}}, {kImage}, "must begin with the batch"},
                    BadCase{Reshape{{kBatch, -1, -1}}, {kImage}, "at most one"},
                    BadCase{Transpose{{0, 1, 2}}, {kImage}, "order has 3 entries"},
                    BadCase{Transpose{{0, 1, 1, 2}}, {kImage}, "axis 1 is named twice"},
                    BadCase{Slice{{0}, {0}, {1}, {1}}, {kImage}, "a part of the batch"},
                    BadCase{Slice{{1}, {3}, {2}, {1}}, {kImage}, "takes nothing of dimension 1"},
                    BadCase{Slice{{1}, {0}, {2}, {0}}, {kImage}, "step must not be 0"},
                    BadCase{Slice{{1}, {0}, {2}, {}}, {kImage}, "equal lengths"},
                    BadCase{Pad{{1, 0, 0, 0}, {0, 0, 0, 0}}, {kImage}, "pad the batch"},
                    BadCase{Pad{{0, 0, 0, -1}, {0, 0, 0, 0}}, {kImage}, "must not be negative (use Slice"},
                    BadCase{Pad{{0, 0, 0, std::int64_t{1} << 60}, {0, 0, 0, 0}}, {kImage}, "too large"},
                    BadCase{Softmax{0}, {kImage}, "is the batch size"},
                    BadCase{ReduceMean{{}}, {kImage}, "names no axes"},
                    BadCase{ReduceMean{{0}}, {kImage}, "is the batch size"},
                    BadCase{ReduceMean{{1, -3}}, {kImage}, "axis -3 is named twice"}));

Graph small_network() {
  Graph g;
  const ValueId x = g.add_input("x", {kBatch, 1, 4, 4});
  const ValueId w = g.add_constant("w", Tensor({2, 1, 3, 3}));
  const ValueId c = g.add_node("conv", Conv{kSquare, 1}, {x, w});
  g.set_output(g.add_node("flat", Flatten{1}, {c}));
  return g;
}

TEST(InferShapes, SymbolicAndConcreteBatch) {
  const Graph g = small_network();
  EXPECT_EQ(infer_shapes(g),
            (std::vector<Shape>{{kBatch, 1, 4, 4}, {2, 1, 3, 3}, {kBatch, 2, 4, 4}, {kBatch, 32}}));
  EXPECT_EQ(infer_shapes(g, 5).back(), (Shape{5, 32}));
}

TEST(InferShapes, RejectsNodesOutOfOrderAndMissingEnds) {
  Graph g = small_network();
  std::swap(g.nodes()[0], g.nodes()[1]);
  EXPECT_THAT([&] { infer_shapes(g); },
              testing::ThrowsMessage<Error>(HasSubstr("node 'flat': reads 'conv' before it is computed")));
  EXPECT_THAT([] { infer_shapes(Graph()); }, testing::ThrowsMessage<Error>(HasSubstr("no input")));
  Graph open;
  open.add_input("x", {kBatch, 1});
  EXPECT_THAT([&] { infer_shapes(open); }, testing::ThrowsMessage<Error>(HasSubstr("no output")));
}

}  // namespace
}  // namespace bitline::ir
