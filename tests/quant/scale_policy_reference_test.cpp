// Every scale policy against its rule written once more, bit for bit: the scales that calibration and ranges
// give, the errors of the probes, the gradients from them, and the scale that a gradient moves. Ties,
// denormals and zeros included.
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "bitline/base/philox.h"
#include "bitline/quant/mse.h"
#include "bitline/quant/scale.h"
#include "bitline/quant/scale_policy.h"

namespace bitline::quant {
namespace {

constexpr float kTiny = std::numeric_limits<float>::denorm_min(), kLeast = 1e-15f;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The nearest code, a tie to the even one.
float code_of(float x, float scale, CodeRange range) {
  const float v = x / scale;
  if (!(v > static_cast<float>(range.low))) return static_cast<float>(range.low);
  if (!(v < static_cast<float>(range.high))) return static_cast<float>(range.high);
  const float below = std::floor(v), part = v - below;
  if (part != 0.5f) return part < 0.5f ? below : below + 1.0f;
  return std::fmod(below, 2.0f) == 0.0f ? below : below + 1.0f;
}

double error_of(const std::vector<float>& x, float scale, CodeRange range) {
  double sum = 0.0;
  for (const float value : x) {
    const float step = scale * code_of(value, scale, range);
    sum += std::pow(static_cast<double>(value - step), 2.0);
  }
  return sum;
}

// Groups of values: halves up to a power of two, whose scales put them on ties, denormals, signs on one side,
// one value, nothing but zeros.
std::vector<std::vector<float>> groups() {
  const Philox random(21, stream_id("scale policy reference"));
  std::vector<std::vector<float>> out = {{0.0f, -0.0f},         {kTiny, -kTiny}, {kLeast, 0.0f},
                                         {-kLeast, 4 * kLeast}, {3.0f},          {-0.7f}};
  for (std::uint64_t i = 0; i < 200; ++i) {
    std::vector<float> x;  // around the least scale: the best may be below, the widest above
    for (std::uint64_t j = 0; j < 24; ++j)
      x.push_back(kLeast *
                  static_cast<float>(std::exp2(3.0 * random.uniform(i)) * random.normal(24 * i + j)));
    out.push_back(x);
  }
  for (std::uint64_t i = 0; out.size() < 1600; ++i) {
    std::vector<float> x;
    const double spread = std::exp2(40.0 * (random.uniform(100 * i) - 0.5));
    for (std::uint64_t j = 1; j <= 1 + i % 24; ++j) {
      const double value = spread * random.normal(100 * i + j);
      x.push_back(static_cast<float>(i % 3 == 0 ? std::fabs(value) : value));
      if (i % 5 == 0) x.push_back(kTiny * static_cast<float>(j));
    }
    out.push_back(x);
    const auto unit = static_cast<float>(std::exp2(i % 9) / 16.0);
    for (float& value : x) value = unit * std::round(static_cast<float>(value / spread));
    x.push_back(-8.0f * unit);
    out.push_back(x);
  }
  return out;
}

constexpr int kForms = 4;
CodeRange range_of(std::size_t i) {
  const int bits = 1 + static_cast<int>(i / kForms % 8);
  return std::array{signed_range(bits), strict_range(bits + 1), unsigned_range(bits),
                    signed_range(bits)}[i % kForms];
}

TEST(ScalePolicyReference, RangesBitForBit) {
  std::size_t i = 0;
  for (const std::vector<float>& x : groups()) {
    const CodeRange range = range_of(i++);
    float bound = 0.0f;
    for (const float value : x) bound = std::fmax(bound, value < 0.0f ? -value : value);
    const int levels = -range.low > range.high ? -range.low : range.high;
    const float scale = bound / static_cast<float>(levels);
    ASSERT_EQ(range_scale(x, range), scale < kLeast ? 1.0f : scale) << i;
  }
}

// 48 scales down to 0.12 of the one that clips nothing, then nine between the neighbours of the best; of
// equal errors the first.
TEST(ScalePolicyReference, ScalesOfLeastErrorBitForBit) {
  std::size_t i = 0, raised = 0;
  for (const std::vector<float>& x : groups()) {
    const CodeRange range = range_of(i++);
    double widest = 0.0;
    for (const float value : x) {
      const int bound = value < 0.0f ? range.low : range.high;
      if (bound != 0) widest = std::fmax(widest, static_cast<double>(value) / bound);
    }
    float best = 1.0f;
    if (widest >= static_cast<double>(kLeast)) {
      const double ratio = std::pow(0.12, 1.0 / 47.0);
      double error = kInfinity, centre = widest;
      const auto look = [&](double scale) {
        const double here = error_of(x, static_cast<float>(scale), range);
        if (here < error) error = here, best = static_cast<float>(scale), centre = scale;
      };
      for (int step = 0; step < 48; ++step) look(widest * std::pow(ratio, step));
      const double from = centre;
      for (int step = 1; step < 10; ++step) look(from * std::pow(ratio, 2.0 * step / 10 - 1.0));
      if (best < kLeast) best = kLeast, ++raised;
    }
    ASSERT_EQ(mse_scale(x, range), best) << i;
  }
  EXPECT_GT(raised, 0u);
}

TEST(ScalePolicyReference, ProbesBitForBit) {
  std::size_t i = 0;
  for (const std::vector<float>& x : groups()) {
    const CodeRange range = range_of(i++);
    const float scale = range_scale(x, range), rho = i % 2 == 0 ? 2.0f : 1.1f;
    const auto count = static_cast<double>(x.size());
    const ScaleErrors errors = probe_scale(x, scale, range, rho);
    ASSERT_EQ(errors.here, error_of(x, scale, range) / count) << i;
    ASSERT_EQ(errors.smaller, error_of(x, scale / rho, range) / count) << i;
    ASSERT_EQ(errors.bigger, error_of(x, scale * rho, range) / count) << i;
  }
}

// The published decisions, by which of the three errors is how large.
double llsq(double here, double smaller, double bigger) {
  const bool g1 = here >= smaller, g2 = bigger > here, g3 = bigger >= smaller;
  if (!g1) return g2 ? 0.0 : -1.0;
  if (g2) return 1.0;
  return g3 ? 1.0 : -1.0;
}

// The part of the error that the best of three scales saves, positive where that is the smaller one.
double ssg(double here, double smaller, double bigger) {
  if (here <= smaller && here <= bigger) return 0.0;
  const double guarded = here + std::numeric_limits<double>::min();
  return smaller <= bigger ? (here - smaller) / guarded : -((here - bigger) / guarded);
}

TEST(ScalePolicyReference, SimulatedGradientsBitForBit) {
  const Philox random(22, stream_id("scale policy reference"));
  const double values[] = {0.0, 5e-324, 2.3e-308, 1e-12, 0.25, 0.25, 1.0, 1e300};
  std::vector<ScaleErrors> all;
  for (const double here : values)
    for (const double smaller : values)
      for (const double bigger : values) all.push_back({here, smaller, bigger});
  for (std::uint64_t i = 0; i < 1000; ++i)
    all.push_back({random.uniform(3 * i), random.uniform(3 * i + 1), random.uniform(3 * i + 2)});
  for (const ScaleErrors& e : all) {
    for (const double scale : {0.07, 1.0, 300.0}) {
      ASSERT_EQ(llsq_gradient(e, scale), llsq(e.here, e.smaller, e.bigger) * (scale * scale));
      ASSERT_EQ(ssg_gradient(e, scale), ssg(e.here, e.smaller, e.bigger) * scale);
    }
  }
}

// s = s0 * exp(u / s0), the exponent within 8 of zero; du = ds * exp(u / s0) * gain, nothing beyond.
TEST(ScalePolicyReference, MovedScalesBitForBit) {
  const Philox random(23, stream_id("scale policy reference"));
  for (std::uint64_t i = 0; i < 1200; ++i) {
    const auto s0 = static_cast<float>(std::exp2(60.0 * (random.uniform(2 * i) - 0.5)));
    const float share = i % 100 == 0   ? kTiny
                        : i % 100 == 1 ? 1e30f
                                       : static_cast<float>(6.0 * random.normal(2 * i + 1));
    const float u = share * s0, ratio = u / s0, gain = 0.25f;
    const float held = ratio > 8.0f ? 8.0f : ratio < -8.0f ? -8.0f : ratio;
    ASSERT_EQ(positive_scale(s0, u), s0 * std::exp(held)) << s0 << " " << u;
    const double ds = 3.0 - static_cast<double>(i % 7);
    const float slope = held == ratio ? std::exp(ratio) : 0.0f;
    float du = NAN;
    positive_scales_backward({&s0, 1}, {&u, 1}, {&ds, 1}, gain, {&du, 1});
    ASSERT_EQ(du, static_cast<float>(ds * static_cast<double>(slope * gain))) << s0 << " " << u;
  }
}

}  // namespace
}  // namespace bitline::quant
