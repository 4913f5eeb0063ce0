#include "bitline/quant/lsq.h"

#include <algorithm>
#include <cmath>

#include "bitline/base/error.h"

namespace bitline::quant {

CodeRange signed_range(int bits) {
  BITLINE_CHECK(bits >= 1 && bits <= 16);
  return {-(1 << (bits - 1)), (1 << (bits - 1)) - 1};
}

CodeRange strict_range(int bits) {
  BITLINE_CHECK(bits >= 2 && bits <= 16);
  return {-((1 << (bits - 1)) - 1), (1 << (bits - 1)) - 1};
}

CodeRange unsigned_range(int bits) {
  BITLINE_CHECK(bits >= 1 && bits <= 16);
  return {0, (1 << bits) - 1};
}

LsqSlopes lsq_slopes(float x, float scale, CodeRange range) {
  const float v = x / scale;
  const auto low = static_cast<float>(range.low);
  const auto high = static_cast<float>(range.high);
  const float dx = v >= low && v <= high ? 1.0f : 0.0f;
  if (v <= low) return {dx, low};
  if (v >= high) return {dx, high};
  return {dx, round_half_even(v) - v};
}

void lsq_codes(std::span<const float> x, float scale, CodeRange range, std::span<float> codes) {
  const auto low = static_cast<float>(range.low);
  const auto high = static_cast<float>(range.high);
  for (std::size_t i = 0; i < x.size(); ++i) codes[i] = lsq_code(x[i], scale, low, high);
}

double lsq_backward(std::span<const float> x, std::span<const float> dy, float scale, CodeRange range,
                    std::span<float> dx) {
  double ds = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const LsqSlopes slopes = lsq_slopes(x[i], scale, range);
    dx[i] = dy[i] * slopes.dx;
    ds += static_cast<double>(dy[i]) * static_cast<double>(slopes.ds);
  }
  return ds;
}

float lsq_gradient_scale(std::int64_t count, int high) {
  const double q = std::max(high, 1);
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(std::max<std::int64_t>(count, 1)) * q));
}

}  // namespace bitline::quant
