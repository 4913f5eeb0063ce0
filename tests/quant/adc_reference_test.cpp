// Gradients of the converter against the formulas written once more, column by column and bit for bit: every
// surrogate that converters take, ties of codes, the window's ends, clipped sums and denormals included.
#include <cmath>
#include <limits>
#include <vector>

#include "quant/reference_slope.h"
#include <gtest/gtest.h>

#include "bitline/base/philox.h"
#include "bitline/quant/adc.h"

namespace bitline::quant {
namespace {

struct Gradients {
  float gated, step, centre;
};

// Straight-through, code - v is one subtraction; otherwise both are taken from the middle, as adc.h has it.
Gradients reference(float v, float dy, const AdcUpstream& upstream, const AdcSlopes& slopes, int levels) {
  const auto top = static_cast<float>(levels - 1);
  const bool inside = v >= 0.0f && v <= top;
  const float clipped = v < 0.0f ? 0.0f : v > top ? top : v;
  const float code = std::nearbyint(clipped), middle = 0.5f * top, g = dy * upstream.factor;
  if (!inside) {
    const float passed = slopes.pass_clipped ? 1.0f : 0.0f;
    return {dy * upstream.share * passed, g * (code - middle), g};
  }
  const float m = reference_slope(slopes.rounding, v, dy);
  const float step = slopes.rounding.straight_through() ? code - v : (code - middle) - m * (clipped - middle);
  return {dy * upstream.share * m, g * step, g * (1.0f - m)};
}

// One row of columns whose v are given by the offsets: all halves from below the window to above it, numbers
// between them, and denormals.
struct Row {
  std::vector<float> gain, offset, psum, dy;

  explicit Row(int levels) {
    const Philox random(21, stream_id("converter reference"));
    const float tiny = std::numeric_limits<float>::denorm_min(), least = std::numeric_limits<float>::min();
    for (const float v : {0.0f, -0.0f, tiny, -tiny, least, -least, 1e30f, -1e30f}) add(0.0f, v, 1.0f);
    for (const float gain_ : {tiny, least, 0.5f * least}) add(gain_, 0.0f, 3.0f);
    for (int half = -8; half <= 2 * levels + 6; ++half) add(0.5f, 0.0f, static_cast<float>(half));
    for (std::uint64_t i = 0; i < 1200; ++i) {
      const double middle = 0.5 * (levels - 1);
      add(0.37f, static_cast<float>(middle + 0.3 * random.normal(2 * i)),
          static_cast<float>(std::nearbyint(levels * random.normal(2 * i + 1))));
    }
    for (std::uint64_t i = 0; i < gain.size(); ++i)
      dy.push_back(i % 9 == 0 ? 0.0f : i % 11 == 0 ? tiny : static_cast<float>(random.normal(9000 + i)));
  }

 private:
  void add(float column_gain, float column_offset, float sum) {
    gain.push_back(column_gain);
    offset.push_back(column_offset);
    psum.push_back(sum);
  }
};

std::vector<AdcSlopes> all_slopes() {
  std::vector<AdcSlopes> out;
  for (const Surrogate& s : surrogates()) {
    for (const Correction& c : corrections()) {
      if (c.place != CorrectionPlace::kNone && c.place != CorrectionPlace::kSlope) continue;
      for (const bool pass : {false, true}) {
        out.push_back({{&s, strong_parameter(s.parameter), &c, strong_parameter(c.parameter)}, pass});
      }
    }
  }
  return out;
}

TEST(AdcReference, GradientsOfEverySurrogateBitForBit) {
  for (const int levels : {2, 3, 8, 16, 256}) {
    const Row row(levels);
    const std::size_t n = row.gain.size();
    const std::vector<float> weight(n, 1.0f);
    const AdcRow columns{row.gain.data(), row.offset.data(), weight.data(), n, levels};
    const AdcUpstream upstream{row.dy.data(), 4.0f, 0.25f};
    for (const AdcSlopes& slopes : all_slopes()) {
      std::vector<float> gated(n, 0.0f), step(n, 0.0f), centre(n, 0.0f);
      adc_backward(columns, row.psum.data(), upstream, gated.data(), step.data(), centre.data(), &slopes);
      for (std::size_t i = 0; i < n; ++i) {
        const float v = row.psum[i] * row.gain[i] + row.offset[i];
        const Gradients expected = reference(v, row.dy[i], upstream, slopes, levels);
        ASSERT_EQ(gated[i], expected.gated) << slopes.rounding.surrogate->name << " v " << v;
        ASSERT_EQ(step[i], expected.step) << slopes.rounding.surrogate->name << " v " << v;
        ASSERT_EQ(centre[i], expected.centre) << slopes.rounding.surrogate->name << " v " << v;
      }
    }
  }
}

}  // namespace
}  // namespace bitline::quant
