// Quantization in bfloat16 against the same in float32, and the conversions against LibTorch's.
#include "bitline/train/fake_quantize.h"

#include <bit>
#include <cmath>

#include <gtest/gtest.h>

#include "bitline/train/bfloat16.h"
#include "bitline/train/torch.h"

namespace bitline::train {
namespace {

using torch::Tensor;

FakeGroups groups_of(std::vector<float> scales, const quant::CodeRange& range) {
  FakeGroups groups;
  groups.s0 = to_torch(scales);
  groups.u = torch::zeros_like(groups.s0).set_requires_grad(true);
  groups.scales = std::move(scales);
  groups.gain = 0.25;
  groups.group.range = range;
  return groups;
}

struct Passes {
  Tensor y, dx, du;
};

Passes passes(const Tensor& values, const Tensor& upstream, const FakeGroups& groups) {
  const Tensor x = values.detach().clone().set_requires_grad(true);
  const Tensor y = fake_quantize(x, groups);
  const auto gradients = torch::autograd::grad({y}, {x, groups.u}, {upstream});
  return {y.detach(), gradients[0], gradients[1]};
}

// Many blocks, whole and broken: a scale's gradient is the sum over all of them.
TEST(FakeQuantize, Bfloat16IsFloat32Rounded) {
  torch::manual_seed(3);
  for (const std::int64_t side : {1, 7, 64}) {
    const Tensor x = channels_last(torch::randn({2, 6, side, side}).to(torch::kBFloat16));
    const Tensor dy = torch::randn({2, 6, side, side}).to(torch::kBFloat16);
    const FakeGroups groups = groups_of({0.3f}, {-4, 3});
    const Passes narrow = passes(x, dy, groups);
    const Passes wide = passes(x.to(torch::kFloat32), dy.to(torch::kFloat32), groups);
    EXPECT_EQ(narrow.y.scalar_type(), torch::kBFloat16);
    EXPECT_TRUE(narrow.y.is_contiguous(torch::MemoryFormat::ChannelsLast));
    EXPECT_TRUE(torch::equal(narrow.y, wide.y.to(torch::kBFloat16))) << side;
    EXPECT_TRUE(torch::equal(narrow.dx, wide.dx.to(torch::kBFloat16))) << side;
    EXPECT_NEAR(narrow.du.item<float>(), wide.du.item<float>(),
                1e-4f * (1.0f + std::abs(wide.du.item<float>())));
  }
}

TEST(FakeQuantize, GroupsOfBfloat16HaveScalesOfTheirOwn) {
  torch::manual_seed(4);
  const std::vector<float> scales = {0.1f, 0.4f, 2.0f};
  const Tensor x = torch::randn({3, 10000}).to(torch::kBFloat16);
  const Tensor dy = torch::randn({3, 10000}).to(torch::kBFloat16);
  const Passes all = passes(x, dy, groups_of(scales, {-8, 7}));
  for (std::int64_t i = 0; i < 3; ++i) {
    const Passes one = passes(x[i], dy[i], groups_of({scales[static_cast<std::size_t>(i)]}, {-8, 7}));
    EXPECT_TRUE(torch::equal(all.y[i], one.y)) << i;
    EXPECT_TRUE(torch::equal(all.dx[i], one.dx)) << i;
    EXPECT_EQ(all.du[i].item<float>(), one.du.item<float>()) << i;
  }
}

TEST(Bfloat16, ConvertsAsLibTorchDoes) {
  std::vector<float> values;
  for (std::uint32_t high = 0; high < 0x10000; ++high) {
    for (const std::uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
      values.push_back(std::bit_cast<float>(high << 16 | low));
  }
  std::vector<at::BFloat16> narrowed(values.size());
  narrow(values, narrowed);
  std::vector<float> widened(values.size());
  widen(narrowed, widened);
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(narrowed[i].x, at::BFloat16(values[i]).x) << std::bit_cast<std::uint32_t>(values[i]);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(widened[i]), std::uint32_t{narrowed[i].x} << 16);
  }
}

}  // namespace
}  // namespace bitline::train
