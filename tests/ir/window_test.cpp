// Are convolution, pooling, Linear and MatMul what the obvious loops compute, for all kinds of windows?
#include <algorithm>
#include <string>

#include "reference.h"
#include <gtest/gtest.h>

#include "bitline/ir/interpreter.h"

namespace bitline::ir {
namespace {

constexpr std::uint64_t kCases = 150;

// A random window that fits into images of at least 5x5. Pooling pads less than a kernel.
Window random_window(Draw& draw, bool pooling) {
  Window w;
  for (std::size_t a = 0; a < 2; ++a) {
    w.kernel[a] = draw.between(1, 3);
    w.stride[a] = draw.between(1, 3);
    w.dilation[a] = draw.between(1, 2);
    const std::int64_t most = pooling ? w.kernel[a] - 1 : 3;
    w.pad_begin[a] = draw.between(0, most);
    w.pad_end[a] = draw.between(0, most);
  }
  return w;
}

Tensor random_image(Draw& draw, std::int64_t channels) {
  return draw.integers({draw.between(1, 3), channels, draw.between(5, 11), draw.between(5, 11)});
}

void expect_close(const Tensor& got, const Tensor& want) {
  ASSERT_EQ(got.shape, want.shape);
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got.data[i], want.data[i], 1e-5) << "at " << i;
}

TEST(Conv, EqualsTheObviousLoop) {
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Draw draw(seed);
    Conv op{random_window(draw, false),
            std::array{1, 1, 2, 3, 8}[static_cast<std::size_t>(draw.between(0, 4))]};
    const std::int64_t inputs = op.groups * draw.between(1, 9), outputs = op.groups * draw.between(1, 9);
    const Tensor x = random_image(draw, inputs);
    const Tensor weight =
        draw.integers({outputs, inputs / op.groups, op.window.kernel[0], op.window.kernel[1]});
    const Tensor bias = draw.integers({outputs});
    const bool biased = draw.coin();
    const Tensor want = reference_conv(op, x, weight, biased ? &bias : nullptr);
    const Tensor got =
        biased ? run_node(make_node(op, 3), {&x, &weight, &bias}) : run_node(make_node(op, 2), {&x, &weight});
    ASSERT_EQ(got.shape, want.shape);
    ASSERT_EQ(got.data, want.data);
  }
}

TEST(Conv, DepthwiseAndPointwiseEqualTheObviousLoop) {
  Draw draw(7);
  const Tensor x = draw.integers({2, 24, 9, 10});
  const Conv depthwise{Window{{3, 3}, {2, 2}, {1, 1}, {0, 0}, {1, 1}}, 24};
  const Tensor taps = draw.integers({24, 1, 3, 3});
  EXPECT_EQ(run_node(make_node(depthwise, 2), {&x, &taps}).data,
            reference_conv(depthwise, x, taps, nullptr).data);
  const Tensor mix = draw.integers({40, 24, 1, 1});
  EXPECT_EQ(run_node(make_node(Conv{}, 2), {&x, &mix}).data, reference_conv(Conv{}, x, mix, nullptr).data);
}

TEST(Conv, TheResultOfAnImageDoesNotDependOnItsBatch) {
  Draw draw(8);
  const Conv op{Window{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, 1};
  const Tensor x = draw.normals({3, 16, 12, 12}), weight = draw.normals({16, 16, 3, 3});
  const Tensor all = run_node(make_node(op, 2), {&x, &weight});
  const auto image = static_cast<std::ptrdiff_t>(all.size() / 3);
  const Tensor last_in({1, 16, 12, 12}, std::vector<float>(x.data.end() - 16 * 12 * 12, x.data.end()));
  const Tensor last = run_node(make_node(op, 2), {&last_in, &weight});
  EXPECT_TRUE(std::equal(last.data.begin(), last.data.end(), all.data.end() - image));
}

TEST(MaxPool, EqualsTheObviousLoop) {
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Draw draw(1000 + seed);
    const MaxPool op{random_window(draw, true), draw.coin()};
    const Tensor x = random_image(draw, draw.between(1, 17));
    const Tensor want = reference_max_pool(op, x);
    const Tensor got = run_node(make_node(op, 1), {&x});
    ASSERT_EQ(got.shape, want.shape);
    ASSERT_EQ(got.data, want.data);
  }
}

TEST(AveragePool, EqualsTheObviousLoop) {
  for (std::uint64_t seed = 0; seed < 2 * kCases; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Draw draw(2000 + seed);
    const AveragePool op{random_window(draw, true), draw.coin(), draw.coin()};
    const Tensor x = random_image(draw, draw.between(1, 17));
    expect_close(run_node(make_node(op, 1), {&x}), reference_average_pool(op, x));
    if (HasFatalFailure()) return;
  }
}

TEST(AveragePool, CountsDeclaredPaddingButNotWhatCeilModeAdds) {
  const Tensor x({1, 1, 1, 4}, {4, 4, 4, 4});
  const Window w{{1, 3}, {1, 3}, {1, 1}, {0, 1}, {0, 0}};
  // Windows: (pad, 4, 4) and (4, 4, beyond).
  EXPECT_EQ(run_node(make_node(AveragePool{w, true, false}, 1), {&x}).data, (std::vector<float>{4, 4}));
  const Tensor counted = run_node(make_node(AveragePool{w, true, true}, 1), {&x});
  EXPECT_FLOAT_EQ(counted.data[0], 8.0f / 3.0f);
  EXPECT_FLOAT_EQ(counted.data[1], 4.0f);
}

TEST(Linear, EqualsTheObviousLoop) {
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Draw draw(3000 + seed);
    const std::int64_t depth = draw.between(1, 70), outputs = draw.between(1, 40);
    Shape shape = {draw.between(1, 20), depth};
    if (draw.coin()) shape.insert(shape.begin() + 1, draw.between(1, 5));
    const Tensor x = draw.integers(shape), weight = draw.integers({outputs, depth}),
                 bias = draw.integers({outputs});
    const bool biased = draw.coin();
    const Tensor want = reference_linear(x, weight, biased ? &bias : nullptr);
    const Tensor got = biased ? run_node(make_node(Linear{}, 3), {&x, &weight, &bias})
                              : run_node(make_node(Linear{}, 2), {&x, &weight});
    ASSERT_EQ(got.shape, want.shape);
    ASSERT_EQ(got.data, want.data);
  }
}

TEST(MatMul, BroadcastsLeadingDimensions) {
  const Tensor a({2, 1, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor b({3, 2, 1}, {1, 1, 1, 0, 0, 1});
  const Tensor y = run_node(make_node(MatMul{}, 2), {&a, &b});
  EXPECT_EQ(y.shape, (Shape{2, 3, 2, 1}));
  EXPECT_EQ(y.data, (std::vector<float>{3, 7, 1, 3, 2, 4, 11, 15, 5, 7, 6, 8}));
}

TEST(MatMul, TwoMatrices) {
  const Tensor a({2, 3}, {1, 2, 3, 4, 5, 6}), b({3, 2}, {1, 0, 0, 1, 2, -1});
  EXPECT_EQ(run_node(make_node(MatMul{}, 2), {&a, &b}).data, (std::vector<float>{7, -1, 16, -1}));
}

}  // namespace
}  // namespace bitline::ir
