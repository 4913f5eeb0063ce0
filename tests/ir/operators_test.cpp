// Each operator on a case small enough to compute by hand.
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "reference.h"
#include <gtest/gtest.h>

#include "bitline/ir/interpreter.h"

namespace bitline::ir {
namespace {

using Values = std::vector<float>;

Tensor run_one(Op op, const Tensor& x) {
  return run_node(make_node(std::move(op), 1), {&x});
}

Tensor run_two(Op op, const Tensor& a, const Tensor& b) {
  return run_node(make_node(std::move(op), 2), {&a, &b});
}

Tensor counted(const Shape& shape) {  // 0, 1, 2, ...
  Tensor t(shape);
  for (std::size_t i = 0; i < t.size(); ++i) t.data[i] = static_cast<float>(i);
  return t;
}

TEST(Relu, CutsNegativesAndKeepsNan) {
  const Tensor y = run_one(Relu{}, Tensor({4}, {-1.5f, 0.0f, 2.5f, std::nanf("")}));
  EXPECT_EQ(Values(y.data.begin(), y.data.begin() + 3), (Values{0.0f, 0.0f, 2.5f}));
  EXPECT_TRUE(std::isnan(y.data[3]));
}

TEST(Clip, KeepsTheRange) {
  EXPECT_EQ(run_one(Clip{-1.0f, 6.0f}, Tensor({4}, {-3, -1, 5, 9})).data, (Values{-1, -1, 5, 6}));
}

TEST(Add, EqualShapesAndTheSameOperandTwice) {
  const Tensor a({1, 3}, {1, 2, 3}), b({1, 3}, {10, 20, 30});
  EXPECT_EQ(run_two(Add{}, a, b).data, (Values{11, 22, 33}));
  EXPECT_EQ(run_two(Add{}, a, a).data, (Values{2, 4, 6}));
}

TEST(Add, BroadcastsBothWays) {
  const Tensor column({2, 1}, {10, 20}), row({3}, {1, 2, 3});
  const Tensor y = run_two(Add{}, column, row);
  EXPECT_EQ(y.shape, (Shape{2, 3}));
  EXPECT_EQ(y.data, (Values{11, 12, 13, 21, 22, 23}));
  EXPECT_EQ(run_two(Add{}, row, column).data, y.data);
}

TEST(Mul, OneFactorAChannel) {
  const Tensor y = run_two(Mul{}, counted({2, 2, 1, 2}), Tensor({1, 2, 1, 1}, {1, -2}));
  EXPECT_EQ(y.data, (Values{0, 1, -4, -6, 4, 5, -12, -14}));
}

TEST(Mul, ScalarOperand) {
  EXPECT_EQ(run_two(Mul{}, counted({2, 2}), Tensor(Shape{}, {3})).data, (Values{0, 3, 6, 9}));
}

TEST(BatchNorm, IsAnAffineMapAChannel) {
  const Tensor x({1, 2, 1, 2}, {1, 3, 5, 7});
  const Tensor gamma({2}, {2, 3}), beta({2}, {1, -1}), mean({2}, {1, 5}), variance({2}, {3, 8});
  const Tensor y = run_node(make_node(BatchNorm{1.0f}, 5), {&x, &gamma, &beta, &mean, &variance});
  EXPECT_EQ(y.data, (Values{1, 3, -1, 1}));  // alpha = 2/2 and 3/3
}

TEST(BatchNorm, RoundsTheProductBeforeTheSum) {
  const float third = 1.0f / 3.0f;
  const Tensor x({1, 1}, {3.0f}), gamma({1}, {third}), beta({1}, {-1.0f}), zero({1}, {0}), one({1}, {1});
  const Tensor y = run_node(make_node(BatchNorm{0.0f}, 5), {&x, &gamma, &beta, &zero, &one});
  // A fused multiply-add would leave 2^-25 here; the product alone rounds to 1.
  EXPECT_EQ(y.data[0], 0.0f);
}

TEST(Concat, AlongChannels) {
  const Tensor a = counted({2, 1, 2}), b({2, 2, 2}, {10, 11, 12, 13, 14, 15, 16, 17});
  const Tensor y = run_node(make_node(Concat{1}, 3), {&a, &b, &a});
  EXPECT_EQ(y.shape, (Shape{2, 4, 2}));
  EXPECT_EQ(y.data, (Values{0, 1, 10, 11, 12, 13, 0, 1, 2, 3, 14, 15, 16, 17, 2, 3}));
}

TEST(Concat, AlongTheLastAxis) {
  EXPECT_EQ(run_two(Concat{-1}, counted({2, 1}), counted({2, 2})).data, (Values{0, 0, 1, 1, 2, 3}));
}

TEST(GlobalAveragePool, AveragesEachPlane) {
  const Tensor y = run_one(GlobalAveragePool{}, counted({1, 2, 2, 2}));
  EXPECT_EQ(y.shape, (Shape{1, 2, 1, 1}));
  EXPECT_EQ(y.data, (Values{1.5f, 5.5f}));
}

TEST(Flatten, KeepsTheOrder) {
  const Tensor y = run_one(Flatten{1}, counted({2, 2, 3}));
  EXPECT_EQ(y.shape, (Shape{2, 6}));
  EXPECT_EQ(y.data, counted({12}).data);
  EXPECT_EQ(run_one(Flatten{2}, counted({2, 2, 3})).shape, (Shape{4, 3}));
  EXPECT_EQ(run_one(Flatten{0}, counted({2, 3})).shape, (Shape{1, 6}));
}

TEST(Reshape, InfersOneDimension) {
  const Tensor y = run_one(Reshape{{kBatch, 2, -1}}, counted({2, 6}));
  EXPECT_EQ(y.shape, (Shape{2, 2, 3}));
  EXPECT_EQ(y.data, counted({12}).data);
}

TEST(Transpose, PermutesAxes) {
  const Tensor y = run_one(Transpose{{0, 2, 1}}, counted({2, 2, 3}));
  EXPECT_EQ(y.shape, (Shape{2, 3, 2}));
  EXPECT_EQ(y.data, (Values{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11}));
}

TEST(Slice, StepsClampsAndCountsFromTheEnd) {
  const Tensor x = counted({1, 6});
  EXPECT_EQ(run_one(Slice{{1}, {0}, {100}, {2}}, x).data, (Values{0, 2, 4}));
  EXPECT_EQ(run_one(Slice{{1}, {-2}, {100}, {1}}, x).data, (Values{4, 5}));
  EXPECT_EQ(run_one(Slice{{-1}, {1}, {-1}, {3}}, x).data, (Values{1, 4}));
}

TEST(Slice, WalksBackwards) {
  const std::int64_t before_all = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(run_one(Slice{{1}, {-1}, {before_all}, {-2}}, counted({1, 6})).data, (Values{5, 3, 1}));
  EXPECT_EQ(run_one(Slice{{1}, {100}, {3}, {-1}}, counted({1, 6})).data, (Values{5, 4}));
  EXPECT_EQ(run_one(Slice{{1}, {4}, {before_all}, {before_all}}, counted({1, 6})).data, (Values{4}));
}

TEST(Slice, SeveralAxes) {
  const Tensor y = run_one(Slice{{2, 1}, {0, 1}, {3, 2}, {2, 1}}, counted({1, 2, 3}));
  EXPECT_EQ(y.shape, (Shape{1, 1, 2}));
  EXPECT_EQ(y.data, (Values{3, 5}));
}

TEST(Pad, SurroundsWithTheValue) {
  const Tensor y = run_one(Pad{{0, 1, 0}, {0, 0, 2}, -1.0f}, counted({1, 1, 2}));
  EXPECT_EQ(y.shape, (Shape{1, 2, 4}));
  EXPECT_EQ(y.data, (Values{-1, -1, -1, -1, 0, 1, -1, -1}));
}

TEST(Softmax, IsStableAndSumsToOneAlongItsAxis) {
  const Tensor x({1, 2, 2}, {1000.0f, 0.0f, 1000.0f, std::log(3.0f)});
  const Tensor y = run_one(Softmax{1}, x);
  EXPECT_FLOAT_EQ(y.data[0], 0.5f);
  EXPECT_FLOAT_EQ(y.data[2], 0.5f);
  EXPECT_FLOAT_EQ(y.data[1], 0.25f);
  EXPECT_FLOAT_EQ(y.data[3], 0.75f);
}

TEST(ReduceMean, OverInnerAndOuterAxes) {
  const Tensor x = counted({1, 2, 3});
  const Tensor kept = run_one(ReduceMean{{-1}, true}, x);
  EXPECT_EQ(kept.shape, (Shape{1, 2, 1}));
  EXPECT_EQ(kept.data, (Values{1, 4}));
  const Tensor dropped = run_one(ReduceMean{{1}, false}, x);
  EXPECT_EQ(dropped.shape, (Shape{1, 3}));
  EXPECT_EQ(dropped.data, (Values{1.5f, 2.5f, 3.5f}));
  EXPECT_EQ(run_one(ReduceMean{{1, 2}, false}, x).data, (Values{2.5f}));
}

}  // namespace
}  // namespace bitline::ir
