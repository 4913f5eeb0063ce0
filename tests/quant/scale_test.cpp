// A scale stays a scale, whatever training does to it.
#include "bitline/quant/scale.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace bitline::quant {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

float from_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

bool is_scale(float s) {
  return std::isfinite(s) && s > 0.0f;
}

TEST(PositiveScale, IsPositiveAndFiniteForEveryBitPattern) {
  EXPECT_TRUE(rc::check("any u, any start between 1e-30 and 1e30", [] {
    const std::uint32_t bits = *rc::gen::arbitrary<std::uint32_t>();
    const int exponent = *rc::gen::inRange(-300, 301);
    const float s0 = std::pow(10.0f, 0.1f * static_cast<float>(exponent));
    const float s = positive_scale(s0, from_bits(bits));
    RC_ASSERT(is_scale(s));
    RC_ASSERT(s >= s0 * 3.3e-4f && s <= s0 * 2982.0f);
    RC_ASSERT(std::isfinite(positive_scale_slope(s0, from_bits(bits))));
  }));
}

TEST(PositiveScale, SurvivesInfinityAndNan) {
  for (const float s0 : {1e-30f, 0.01f, 1.0f, 1e30f}) {
    EXPECT_EQ(positive_scale(s0, kNan), s0);
    EXPECT_EQ(positive_scale(s0, -kNan), s0);
    EXPECT_FLOAT_EQ(positive_scale(s0, kInfinity), s0 * std::exp(8.0f));
    EXPECT_FLOAT_EQ(positive_scale(s0, -kInfinity), s0 * std::exp(-8.0f));
    for (const float u : {kNan, kInfinity, -kInfinity}) EXPECT_EQ(positive_scale_slope(s0, u), 0.0f);
  }
}

TEST(PositiveScale, StartsAtTheCalibratedValueWithSlopeOne) {
  for (const float s0 : {1e-6f, 0.3f, 40.0f}) {
    EXPECT_EQ(positive_scale(s0, 0.0f), s0);
    EXPECT_EQ(positive_scale_slope(s0, 0.0f), 1.0f);
  }
}

TEST(PositiveScale, SlopeEqualsTheCentralDifference) {
  for (const float s0 : {0.02f, 1.0f, 12.0f}) {
    for (float ratio = -7.9f; ratio < 7.95f; ratio += 0.317f) {
      const double h = 1e-5 * double(s0);
      const auto s = [&](double u) { return double(s0) * std::exp(u / double(s0)); };
      const double u = double(ratio) * double(s0);
      const double difference = (s(u + h) - s(u - h)) / (2 * h);
      EXPECT_NEAR(double(positive_scale_slope(s0, ratio * s0)) / difference, 1.0, 1e-5) << s0 << " " << ratio;
      EXPECT_NEAR(double(positive_scale(s0, ratio * s0)) / s(u), 1.0, 1e-5);
    }
    EXPECT_EQ(positive_scale_slope(s0, 8.01f * s0), 0.0f);
    EXPECT_EQ(positive_scale_slope(s0, -8.01f * s0), 0.0f);
  }
}

TEST(PositiveScale, ArraysAndTheirGradient) {
  const std::vector<float> s0 = {1.0f, 2.0f, 0.5f, 1.0f};
  const std::vector<float> u = {0.1f, -1.0f, 100.0f, 0.0f};
  std::vector<float> s(4), du(4, -9.0f);
  positive_scales(s0, u, s);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(s[i], positive_scale(s0[i], u[i]));
  const std::vector<double> ds = {2.0, -3.0, 5.0, std::numeric_limits<double>::quiet_NaN()};
  positive_scales_backward(s0, u, ds, 0.25f, du);
  EXPECT_FLOAT_EQ(du[0], 0.5f * std::exp(0.1f));
  EXPECT_FLOAT_EQ(du[1], -0.75f * std::exp(-0.5f));
  EXPECT_EQ(du[2], 0.0f);  // clipped
  EXPECT_EQ(du[3], 0.0f);  // a NaN gradient moves nothing
  positive_scales_backward(s0, u, std::vector<double>{1e300, kInfinity, 0.0, -1e300}, 1.0f, du);
  for (const float value : du) EXPECT_EQ(value, 0.0f);
}

}  // namespace
}  // namespace bitline::quant
