#include "bitline/quant/lsq.h"

#include <algorithm>
#include <cmath>

#include "bitline/base/error.h"
#include "bitline/base/wide.h"

namespace bitline::quant {

namespace {

BITLINE_WIDE void to_codes(const float* __restrict x, float scale, float offset, float low, float high,
                           Code* __restrict codes, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const float code = lsq_code(x[i] - offset, scale, low, high) - low;
    codes[i] = static_cast<Code>(static_cast<int>(code > 0.0f ? code : 0.0f));  // no integer is a NaN
  }
}

}  // namespace

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

void lsq_codes(std::span<const float> x, float scale, CodeRange range, std::span<Code> codes, float offset) {
  BITLINE_CHECK(range.levels() <= 1 << 16 && codes.size() == x.size());
  to_codes(x.data(), scale, offset, static_cast<float>(range.low), static_cast<float>(range.high),
           codes.data(), x.size());
}

float lsq_gradient_scale(std::int64_t count, int high) {
  const double q = std::max(high, 1);
  const double beyond = std::pow(std::max(q / kLsqHigh, 1.0), 1.5);
  return static_cast<float>(1.0 /
                            (std::sqrt(static_cast<double>(std::max<std::int64_t>(count, 1)) * q) * beyond));
}

float slice_gain(int shift, int top) {
  return std::ldexp(1.0f, -std::max(0, shift + top - 2 * kTunedShift));
}

}  // namespace bitline::quant
