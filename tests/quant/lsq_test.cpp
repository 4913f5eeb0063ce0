// Codes against plain arithmetic, slopes against the stated surrogate.
#include "bitline/quant/lsq.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "bitline/base/philox.h"
#include "bitline/quant/quantizer.h"

namespace bitline::quant {
namespace {

const std::vector<CodeRange>& ranges() {
  static const std::vector<CodeRange> all = [] {
    std::vector<CodeRange> out;
    for (int bits = 1; bits <= 8; ++bits) {
      out.push_back(signed_range(bits));
      out.push_back(unsigned_range(bits));
      if (bits >= 2) out.push_back(strict_range(bits));
    }
    return out;
  }();
  return all;
}

float code_of(float x, float scale, CodeRange range) {
  return lsq_code(x, scale, static_cast<float>(range.low), static_cast<float>(range.high));
}

// The C library's rounding (half to even by default) after the clip.
float expected_code(float x, float scale, CodeRange range) {
  const float v = x / scale;
  return std::nearbyint(
      std::fmin(std::fmax(v, static_cast<float>(range.low)), static_cast<float>(range.high)));
}

TEST(Lsq, RangesOfBits) {
  EXPECT_EQ(signed_range(1), (CodeRange{-1, 0}));
  EXPECT_EQ(signed_range(8), (CodeRange{-128, 127}));
  EXPECT_EQ(strict_range(2), (CodeRange{-1, 1}));
  EXPECT_EQ(strict_range(8), (CodeRange{-127, 127}));
  EXPECT_EQ(unsigned_range(1), (CodeRange{0, 1}));
  EXPECT_EQ(unsigned_range(4).levels(), 16);
  EXPECT_EQ(signed_range(4).levels(), 16);
}

TEST(Lsq, TiesGoToTheEvenCode) {
  const CodeRange range = signed_range(4);
  const float ties[] = {-8.5f, -3.5f, -2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f, 3.5f, 6.5f, 7.5f};
  const float codes[] = {-8.0f, -4.0f, -2.0f, -2.0f, 0.0f, 0.0f, 2.0f, 2.0f, 4.0f, 6.0f, 7.0f};
  for (const float scale : {0.125f, 1.0f, 64.0f}) {
    for (std::size_t i = 0; i < std::size(ties); ++i) {
      EXPECT_EQ(code_of(ties[i] * scale, scale, range), codes[i]) << ties[i] << " scale " << scale;
    }
  }
}

TEST(Lsq, CodesEqualTheFormulaOnRandomValues) {
  const Philox random(7, stream_id("lsq codes"));
  std::uint64_t at = 0;
  for (const CodeRange range : ranges()) {
    for (int i = 0; i < 4000; ++i) {
      const auto scale = static_cast<float>(std::exp(8.0 * random.normal(at++)));
      const double reach = 1.3 * (range.high - range.low + 1);
      const float x = scale * static_cast<float>(reach * (2.0 * random.uniform(at++) - 1.0));
      ASSERT_EQ(code_of(x, scale, range), expected_code(x, scale, range)) << x << " / " << scale;
    }
  }
}

TEST(Lsq, EveryHalfStepOfEveryRange) {
  for (const CodeRange range : ranges()) {
    for (int half = 2 * range.low - 5; half <= 2 * range.high + 5; ++half) {
      const float x = 0.5f * static_cast<float>(half) * 0.25f;
      ASSERT_EQ(code_of(x, 0.25f, range), expected_code(x, 0.25f, range)) << half << " halves";
    }
  }
}

TEST(Lsq, DenormalAndInfiniteValues) {
  const CodeRange range = signed_range(8);
  const float tiny = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(code_of(tiny, 1.0f, range), 0.0f);
  EXPECT_EQ(code_of(-tiny, 1e-3f, range), 0.0f);
  EXPECT_EQ(code_of(3.0f * tiny, tiny, range), 3.0f);
  EXPECT_EQ(code_of(1e-40f, 2e-41f, range), expected_code(1e-40f, 2e-41f, range));
  EXPECT_EQ(code_of(1.0f, tiny, range), 127.0f);
  EXPECT_EQ(code_of(-1.0f, tiny, range), -128.0f);
  EXPECT_EQ(code_of(std::numeric_limits<float>::infinity(), 1.0f, range), 127.0f);
  EXPECT_EQ(code_of(-std::numeric_limits<float>::infinity(), 1.0f, range), -128.0f);
  EXPECT_EQ(code_of(std::numeric_limits<float>::max(), 1e-30f, range), 127.0f);
}

TEST(Lsq, ArraysHoldCodesLessTheLowest) {
  const Philox random(3, stream_id("lsq arrays"));
  for (const std::size_t size : {0U, 1U, 7U, 16U, 33U, 250U}) {
    std::vector<float> x(size);
    std::vector<Code> codes(size, 99);
    for (std::size_t i = 0; i < size; ++i) x[i] = static_cast<float>(5.0 * random.normal(i));
    lsq_codes(x, 0.37f, signed_range(4), codes);
    for (std::size_t i = 0; i < size; ++i)
      EXPECT_EQ(static_cast<float>(codes[i]) - 8.0f, code_of(x[i], 0.37f, signed_range(4)));
    lsq_codes(x, 0.37f, unsigned_range(4), codes, -1.3f);
    for (std::size_t i = 0; i < size; ++i)
      EXPECT_EQ(static_cast<float>(codes[i]), code_of(x[i] + 1.3f, 0.37f, unsigned_range(4)));
    lsq_codes(x, 1e-4f, signed_range(16), codes);
    for (std::size_t i = 0; i < size; ++i)
      EXPECT_EQ(static_cast<float>(codes[i]) - 32768.0f, code_of(x[i], 1e-4f, signed_range(16)));
  }
}

struct LsqSlopes {
  float dx, ds;
};
LsqSlopes lsq_slopes(float x, float scale, CodeRange range) {
  const float one = 1.0f;
  float dx = NAN;
  const double ds = quantize_backward({&x, 1}, {&one, 1}, {scale, 0.0f, range}, {&dx, 1}).scale;
  return {dx, static_cast<float>(ds)};
}

TEST(Lsq, ANanHasTheLowestCode) {
  const std::vector<float> x(40, NAN);  // longer than a vector
  for (const CodeRange range : {signed_range(1), signed_range(4), unsigned_range(8), signed_range(16)}) {
    std::vector<Code> codes(x.size(), 1);
    lsq_codes(x, 0.37f, range, codes, 0.5f);
    EXPECT_EQ(codes, std::vector<Code>(x.size(), 0)) << range.low;
  }
}

TEST(Lsq, SlopesAtTheEdgesAndBeyond) {
  const CodeRange range = unsigned_range(2);
  struct Case {
    float v, dx, ds;
  };
  for (const Case c : {Case{-0.1f, 0, 0}, Case{0.0f, 1, 0}, Case{0.25f, 1, -0.25f}, Case{0.75f, 1, 0.25f},
                       Case{1.5f, 1, 0.5f}, Case{3.0f, 1, 3}, Case{3.25f, 0, 3}, Case{90.0f, 0, 3}}) {
    const LsqSlopes slopes = lsq_slopes(c.v * 0.5f, 0.5f, range);
    EXPECT_EQ(slopes.dx, c.dx) << c.v;
    EXPECT_FLOAT_EQ(slopes.ds, c.ds) << c.v;
  }
  EXPECT_EQ(lsq_slopes(-20.0f, 1.0f, signed_range(4)).ds, -8.0f);
  EXPECT_EQ(lsq_slopes(-8.0f, 1.0f, signed_range(4)).dx, 1.0f);
}

// s * (clip(x/s) + rounding), with the rounding error held fixed, is what straight-through differentiates.
double surrogate(double x, double s, CodeRange range, double rounding) {
  return s * (std::min(std::max(x / s, double(range.low)), double(range.high)) + rounding);
}

TEST(Lsq, SlopesEqualCentralDifferencesOfTheSurrogate) {
  const Philox random(11, stream_id("lsq slopes"));
  const double h = 1e-6;
  int checked = 0;
  for (std::uint64_t i = 0; i < 6000; ++i) {
    const CodeRange range = ranges()[i % ranges().size()];
    const auto s = static_cast<float>(0.2 + random.uniform(3 * i));
    const auto x = static_cast<float>((random.uniform(3 * i + 1) * 1.6 - 0.8) * (range.levels() + 2)) * s;
    const double v = double(x) / double(s);
    if (std::fabs(v - range.low) < 1e-3 || std::fabs(v - range.high) < 1e-3) continue;  // the kinks
    const double clipped = std::min(std::max(v, double(range.low)), double(range.high));
    const double rounding = double(expected_code(x, s, range)) - clipped;
    const auto q = [&](double at_x, double at_s) { return surrogate(at_x, at_s, range, rounding); };
    const LsqSlopes slopes = lsq_slopes(x, s, range);
    ASSERT_NEAR(double(slopes.dx), (q(double(x) + h, double(s)) - q(double(x) - h, double(s))) / (2 * h),
                1e-4);
    ASSERT_NEAR(double(slopes.ds), (q(double(x), double(s) + h) - q(double(x), double(s) - h)) / (2 * h),
                2e-4)
        << "x " << x << " s " << s;
    ++checked;
  }
  EXPECT_GT(checked, 5000);
}

TEST(Lsq, GradientScale) {
  EXPECT_FLOAT_EQ(lsq_gradient_scale(100, 4), 0.05f);
  EXPECT_FLOAT_EQ(lsq_gradient_scale(25, 0), 0.2f);  // one-bit weights have high = 0
  EXPECT_FLOAT_EQ(lsq_gradient_scale(0, 1), 1.0f);
  EXPECT_FLOAT_EQ(lsq_gradient_scale(1, kLsqHigh), 1.0f / std::sqrt(255.0f));
  EXPECT_FLOAT_EQ(lsq_gradient_scale(1, 16 * kLsqHigh), 1.0f / std::sqrt(255.0f) / 256.0f);  // 4 * 16^1.5
  for (const int shift : {0, 1, kTunedShift}) EXPECT_EQ(slice_gain(shift, kTunedShift), 1.0f);
  EXPECT_EQ(slice_gain(6, 6), 1.0f / 256.0f);
  EXPECT_EQ(slice_gain(0, 6), 0.25f);
}

}  // namespace
}  // namespace bitline::quant
