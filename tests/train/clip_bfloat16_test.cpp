// Clipping in bfloat16 against LibTorch's in float32, which has both passes.
#include "bitline/train/clip_bfloat16.h"

#include <limits>

#include <gtest/gtest.h>

#include "bitline/train/torch.h"

namespace bitline::train {
namespace {

using torch::Tensor;

Tensor bfloat_values(torch::IntArrayRef shape) {
  return torch::randn(shape).mul(4.0).to(torch::kBFloat16);
}

std::pair<Tensor, Tensor> passes(const Tensor& values, const Tensor& upstream, bool ours, float low,
                                 float high) {
  const Tensor x = values.detach().clone().set_requires_grad(true);
  const Tensor y = ours ? clip_bfloat16(x, low, high) : torch::hardtanh(x, low, high);
  return {y.detach(), torch::autograd::grad({y}, {x}, {upstream})[0]};
}

TEST(ClipBfloat16, EqualsClippingInFloat) {
  torch::manual_seed(1);
  for (const auto& [low, high] : {std::pair(0.0f, 6.0f), std::pair(-0.5f, 0.75f), std::pair(1.0f, 2.0f)}) {
    for (const std::int64_t side : {1, 3, 9}) {
      const Tensor x = bfloat_values({2, 5, side, side}), dy = bfloat_values({2, 5, side, side});
      const auto [y, dx] = passes(x, dy, true, low, high);
      const auto [wide_y, wide_dx] = passes(x.to(torch::kFloat32), dy.to(torch::kFloat32), false, low, high);
      EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
      EXPECT_TRUE(torch::equal(y.to(torch::kFloat32), wide_y)) << low << " " << side;
      EXPECT_TRUE(torch::equal(dx.to(torch::kFloat32), wide_dx)) << low << " " << side;
    }
  }
}

// A gradient that comes in another layout goes out with the values in their places.
TEST(ClipBfloat16, LayoutsMix) {
  torch::manual_seed(2);
  const Tensor x = bfloat_values({2, 6, 4, 5}), dy = bfloat_values({2, 6, 4, 5});
  const auto [plain_y, plain_dx] = passes(x, dy, true, 0.0f, 6.0f);
  const auto [y, dx] = passes(channels_last(x), dy, true, 0.0f, 6.0f);
  EXPECT_TRUE(y.is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(torch::equal(y, plain_y));
  EXPECT_TRUE(torch::equal(dx, plain_dx));
}

TEST(ClipBfloat16, DimensionsInAnotherOrder) {
  torch::manual_seed(3);
  const Tensor x = bfloat_values({2, 6, 4, 5}), dy = bfloat_values({2, 6, 4, 5});
  const auto [plain_y, plain_dx] = passes(x, dy, true, 0.0f, 0.5f);
  const Tensor turned = x.transpose(2, 3).contiguous().transpose(2, 3);
  ASSERT_FALSE(turned.is_contiguous() || turned.is_contiguous(torch::MemoryFormat::ChannelsLast));
  const auto [y, dx] = passes(turned, dy, true, 0.0f, 0.5f);
  EXPECT_TRUE(torch::equal(y, plain_y));
  EXPECT_TRUE(torch::equal(dx, plain_dx));
}

// ONNX leaves a bound out, which is the largest float: no bfloat16 is as large.
TEST(ClipBfloat16, OneBound) {
  const Tensor x = torch::tensor({-3.0f, 0.5f, 3e38f}).to(torch::kBFloat16);
  const auto [y, dx] = passes(x, torch::ones_like(x), true, 0.0f, std::numeric_limits<float>::max());
  EXPECT_EQ(to_floats(y), (std::vector<float>{0.0f, 0.5f, to_floats(x)[2]}));
  EXPECT_EQ(to_floats(dx), (std::vector<float>{0.0f, 1.0f, 1.0f}));
}

// 0.7 is no bfloat16: the bound is the nearest one, and what is clipped to it passes no gradient.
TEST(ClipBfloat16, BoundsAreRounded) {
  const Tensor x = torch::tensor({-3.0f, -0.25f, 0.5f, 3.0f}).to(torch::kBFloat16);
  const auto [y, dx] = passes(x, torch::ones_like(x), true, -0.7f, 0.7f);
  const float bound = static_cast<float>(at::BFloat16(0.7f));
  EXPECT_EQ(to_floats(y), (std::vector<float>{-bound, -0.25f, 0.5f, bound}));
  EXPECT_EQ(to_floats(dx), (std::vector<float>{0.0f, 1.0f, 1.0f, 0.0f}));
}

}  // namespace
}  // namespace bitline::train
