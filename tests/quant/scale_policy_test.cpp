// Simulated gradients: the published table, scale invariance, and where they lead.
#include "bitline/quant/scale_policy.h"

#include <cmath>
#include <limits>
#include <vector>

#include "base/error_of.h"
#include <gtest/gtest.h>

#include "bitline/base/philox.h"
#include "bitline/quant/mse.h"
#include "bitline/quant/scale.h"

namespace bitline::quant {
namespace {

std::vector<float> normals(std::size_t count, double spread, std::uint64_t seed = 1) {
  const Philox random(seed, stream_id("scale policies"));
  std::vector<float> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(static_cast<float>(spread * random.normal(i)));
  return out;
}

TEST(ScalePolicies, LlsqFollowsItsTable) {
  // g1 = here >= smaller, g2 = bigger > here, g3 = bigger >= smaller; then the expected sign of the gradient.
  struct Row {
    bool g1, g2, g3;
    double sign;
  };
  int seen = 0;
  for (const Row& row : {Row{false, false, false, -1}, Row{false, true, true, 0}, Row{true, false, false, -1},
                         Row{true, false, true, 1}, Row{true, true, true, 1}}) {
    for (int h = 0; h < 5; ++h) {
      for (int s = 0; s < 5; ++s) {
        for (int b = 0; b < 5; ++b) {
          const ScaleErrors e{double(h), double(s), double(b)};
          if ((e.here >= e.smaller) != row.g1 || (e.bigger > e.here) != row.g2) continue;
          if (row.g1 && !row.g2 && (e.bigger >= e.smaller) != row.g3) continue;
          EXPECT_EQ(llsq_gradient(e, 0.5), row.sign * 0.25) << h << " " << s << " " << b;
          ++seen;
        }
      }
    }
  }
  EXPECT_EQ(seen, 125);
}

TEST(ScalePolicies, SsgPointsToTheBetterScaleAndScalesWithTheGain) {
  EXPECT_EQ(ssg_gradient({1.0, 2.0, 3.0}, 0.5), 0.0);
  EXPECT_DOUBLE_EQ(ssg_gradient({1.0, 0.5, 3.0}, 0.5), 0.25);
  EXPECT_DOUBLE_EQ(ssg_gradient({1.0, 0.9, 0.2}, 0.5), -0.4);
  EXPECT_EQ(ssg_gradient({0.0, 0.0, 0.0}, 0.5), 0.0);
}

TEST(ScalePolicies, SsgIsScaleInvariant) {
  const std::vector<float> x = normals(500, 1.0);
  const double relative = ssg_gradient(probe_scale(x, 2.5f, signed_range(3), 2.0f), 2.5) / 2.5;
  EXPECT_NE(relative, 0.0);
  for (const float unit : {0.0009765625f, 64.0f}) {  // powers of two: the same codes
    std::vector<float> scaled = x;
    for (float& v : scaled) v *= unit;
    const float s = 2.5f * unit;
    EXPECT_NEAR(ssg_gradient(probe_scale(scaled, s, signed_range(3), 2.0f), s) / s, relative, 1e-6);
  }
}

TEST(ScalePolicies, DescentEndsWithinTheProbesOfTheBestScale) {
  const std::vector<float> x = normals(2000, 0.3);
  for (const int bits : {2, 3, 4}) {
    const CodeRange range = signed_range(bits);
    const float best = mse_scale(x, range);
    for (const float start : {0.1f, 10.0f}) {
      for (const float rho : {2.0f, 1.1f}) {
        float s = start * best;
        for (int step = 0; step < 2000; ++step)
          s -= static_cast<float>(0.05 * ssg_gradient(probe_scale(x, s, range, 2.0f), s));
        for (int step = 0; step < 2000; ++step)
          s -= static_cast<float>(0.05 * ssg_gradient(probe_scale(x, s, range, rho), s));
        EXPECT_GT(s, best / rho) << bits << " bits from " << start;
        EXPECT_LT(s, best * rho) << bits << " bits from " << start;
      }
    }
  }
}

TEST(ScalePolicies, ErrorsAreMeansAndOfNothingZero) {
  const std::vector<float> x = {0.25f, -0.25f};
  const ScaleErrors e = probe_scale(x, 1.0f, signed_range(4), 2.0f);
  EXPECT_DOUBLE_EQ(e.here, 0.0625);
  EXPECT_DOUBLE_EQ(e.bigger, 0.0625);
  EXPECT_EQ(probe_scale({}, 1.0f, signed_range(4), 2.0f).here, 0.0);
}

// Whatever a task's gradient or a simulated one does, the scale stays a positive number.
TEST(ScalePolicies, AScaleNeverBecomesZeroNegativeOrNan) {
  const Philox random(4, stream_id("random losses"));
  std::uint64_t at = 0;
  for (int run = 0; run < 200; ++run) {
    const ScalePolicy& policy = scale_policies()[static_cast<std::size_t>(run) % scale_policies().size()];
    const std::vector<float> x = run % 9 == 0 ? std::vector<float>(50, 0.0f) : normals(50, 1.0, at);
    const CodeRange range = run % 2 == 0 ? signed_range(1 + run % 8) : unsigned_range(1 + run % 8);
    const float s0 = policy.follows_range ? range_scale(x, range) : mse_scale(x, range);
    float u = 0.0f;
    for (int step = 0; step < 100; ++step) {
      const float s = positive_scale(s0, u);
      ASSERT_TRUE(std::isfinite(s) && s > 0.0f) << policy.name << " " << s;
      const double size = std::exp(20.0 * random.normal(at));
      double ds = policy.follows_task ? size * random.normal(at + 1) : 0.0;
      at += 2;
      if (step % 17 == 0) ds = std::numeric_limits<double>::quiet_NaN();
      if (step % 19 == 0) ds = std::numeric_limits<double>::infinity();
      if (policy.simulated != nullptr)
        ds += policy.simulated(probe_scale(x, s, range, 2.0f), static_cast<double>(s));
      const double all[] = {ds};
      float du[1];
      positive_scales_backward({&s0, 1}, {&u, 1}, all, 1.0f, du);
      u -= 0.1f * du[0];
    }
  }
}

TEST(ScalePolicies, ScalesOfZerosAndOfRanges) {
  const std::vector<float> zeros(10, 0.0f), x = {-3.0f, 1.0f};
  EXPECT_EQ(range_scale(zeros, signed_range(4)), 1.0f);
  EXPECT_EQ(mse_scale(zeros, signed_range(4)), 1.0f);
  EXPECT_FLOAT_EQ(range_scale(x, signed_range(4)), 3.0f / 8.0f);
  EXPECT_FLOAT_EQ(range_scale(x, strict_range(4)), 3.0f / 7.0f);
  EXPECT_FLOAT_EQ(range_scale(x, unsigned_range(2)), 1.0f);
}

TEST(ScalePolicies, PowersOfTwoRoundUp) {
  for (const auto& [given, expected] : {std::pair{1.0f, 1.0f},
                                        {1.001f, 2.0f},
                                        {0.5f, 0.5f},
                                        {0.3f, 0.5f},
                                        {3.0f, 4.0f},
                                        {1e-38f, 1.1754944e-38f}})
    EXPECT_EQ(power_of_two_scale(given), expected) << given;
}

TEST(ScalePolicies, AnUnknownNameSuggestsTheNearest) {
  EXPECT_EQ(error_of([] { scale_policy("sgs"); }), "unknown scale policy 'sgs' (did you mean 'ssg'?)");
}

}  // namespace
}  // namespace bitline::quant
