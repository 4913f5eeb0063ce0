// The whole quantizer against the formulas written once more: forward, gradients and penalty of every
// surrogate with every correction, bit for bit, ties, denormals, infinities and signed zeros included.
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "quant/reference_slope.h"
#include <gtest/gtest.h>

#include "bitline/base/philox.h"
#include "bitline/quant/quantizer.h"

namespace bitline::quant {
namespace {

std::uint32_t bits(float value) {
  return std::bit_cast<std::uint32_t>(value);
}

double soft_of_surrogate(const std::string& name, double k, double v) {
  const double middle = std::floor(v) + 0.5, u = v - std::floor(v) - 0.5;
  if (name == "asr") return middle + std::atan(k * u) / (2.0 * std::atan(0.5 * k));
  if (name == "tanh") return middle + std::tanh(k * u) / (2.0 * std::tanh(0.5 * k));
  return v;
}

// One value, as docs/quantizers.md has it.
struct Reference {
  float y = 0.0f, dx = 0.0f, dscale = 0.0f, doffset = 0.0f, penalty = 0.0f;
};

Reference reference(float x, float g, const ScaledGroup& group) {
  const Rounding& r = group.rounding;
  const auto low = static_cast<float>(group.range.low), high = static_cast<float>(group.range.high);
  const float free = (x - group.offset) / group.scale;
  const float v = free < low ? low : free > high ? high : free;
  const bool inside = free >= low && free <= high, between = free > low && free < high;
  const float code = std::nearbyint(v);
  const float slope = reference_slope(r, v, g);
  float forward = code;
  if (r.correction->place == CorrectionPlace::kForward) {
    const double soft =
        soft_of_surrogate(r.surrogate->name, static_cast<double>(r.parameter), static_cast<double>(v));
    forward = (1.0f - r.amount) * code + r.amount * static_cast<float>(soft);
  }
  Reference out;
  out.y = group.scale * forward + group.offset;
  out.dx = inside ? g * slope : group.pass_clipped ? g : g * 0.0f;
  out.dscale = g * (forward - (between ? v * slope : 0.0f));
  out.doffset = g * (1.0f - (inside ? slope : 0.0f));
  if (r.correction->place == CorrectionPlace::kLoss && between)
    out.penalty = 2.0f * r.amount * (v - code) / group.scale;
  return out;
}

// Scaled so that ties of codes, bounds and what lies beyond are hit exactly.
std::vector<float> values(float scale) {
  const Philox random(11, stream_id("quantizer reference"));
  const float tiny = std::numeric_limits<float>::denorm_min(), least = std::numeric_limits<float>::min();
  const float infinite = std::numeric_limits<float>::infinity();
  std::vector<float> x = {0.0f, -0.0f, tiny, -tiny, least, -least, 1e30f, -1e30f, infinite, -infinite};
  for (int half = -40; half <= 40; ++half) x.push_back(0.5f * static_cast<float>(half) * scale);
  for (std::uint64_t i = 0; i < 1000; ++i) x.push_back(static_cast<float>(random.normal(i)) * 5.0f * scale);
  return x;
}

std::vector<Rounding> all_roundings() {
  std::vector<Rounding> out;
  for (const Surrogate& s : surrogates()) {
    for (const Correction& c : corrections()) {
      const float amount = c.place == CorrectionPlace::kForward ? 0.3f : strong_parameter(c.parameter);
      out.push_back({&s, strong_parameter(s.parameter), &c, amount});
    }
  }
  return out;
}

void expect_equal(const ScaledGroup& group, const std::vector<float>& x) {
  const Philox random(12, stream_id("quantizer reference"));
  const std::string name =
      std::string(group.rounding.surrogate->name) + "+" + group.rounding.correction->name;
  std::vector<float> g, y(x.size()), dx(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    g.push_back(i % 9 == 0 ? 0.0f : static_cast<float>(random.normal(i)));
  quantize(x, group, y);
  quantize_backward(x, g, group, dx);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Reference expected = reference(x[i], g[i], group);
    ASSERT_EQ(bits(y[i]), bits(expected.y)) << name << " x " << x[i];
    ASSERT_EQ(bits(dx[i]), bits(expected.dx)) << name << " x " << x[i];
    // sums of one value, which start at 0
    float one = NAN, pull = 0.0f;
    const GroupGradient sums = quantize_backward({&x[i], 1}, {&g[i], 1}, group, {&one, 1});
    ASSERT_EQ(bits(one), bits(expected.dx)) << name << " x " << x[i];
    ASSERT_EQ(bits(static_cast<float>(sums.scale)), bits(0.0f + expected.dscale)) << name << " x " << x[i];
    ASSERT_EQ(bits(static_cast<float>(sums.offset)), bits(0.0f + expected.doffset)) << name << " x " << x[i];
    add_penalty({&x[i], 1}, group, 1, {&pull, 1});
    ASSERT_EQ(bits(pull), bits(expected.penalty)) << name << " x " << x[i];
  }
}

TEST(QuantizerReference, EverySurrogateAndCorrectionBitForBit) {
  for (const float scale : {0.25f, 0.07f}) {
    const std::vector<float> x = values(scale);
    for (const Rounding& rounding : all_roundings()) {
      for (const CodeRange range : {signed_range(1), signed_range(4), strict_range(3), unsigned_range(8)}) {
        ScaledGroup group{scale, 0.0f, range, rounding};
        group.learns_offset = true;
        expect_equal(group, x);
        group.offset = 0.5f * scale;
        group.pass_clipped = true;
        expect_equal(group, x);
      }
    }
  }
}

// The least power of two that is not below, by doubling.
TEST(QuantizerReference, PowersOfTwoBitForBit) {
  const Philox random(13, stream_id("quantizer reference"));
  for (std::uint64_t i = 0; i < 1200; ++i) {
    const auto scale = static_cast<float>(std::exp2(60.0 * (random.uniform(i) - 0.5)));
    double expected = std::exp2(-40.0);
    while (expected < static_cast<double>(scale)) expected *= 2.0;
    ASSERT_EQ(static_cast<double>(power_of_two_scale(scale)), expected) << scale;
    ASSERT_EQ(static_cast<double>(power_of_two_scale(static_cast<float>(expected))), expected);
  }
}

}  // namespace
}  // namespace bitline::quant
