#include "bitline/quant/lsq.h"

#include <algorithm>
#include <cmath>

#include "bitline/base/error.h"
#include "bitline/base/wide.h"

namespace bitline::quant {

namespace {

BITLINE_WIDE void to_bytes(const float* __restrict x, float scale, float offset, float low, float high,
                           std::uint8_t* __restrict bytes, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i)
    bytes[i] = static_cast<std::uint8_t>(static_cast<int>(lsq_code(x[i] - offset, scale, low, high) - low));
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

LsqSlopes lsq_slopes(float x, float scale, CodeRange range) {
  const float v = x / scale;
  const auto low = static_cast<float>(range.low);
  const auto high = static_cast<float>(range.high);
  const float dx = v >= low && v <= high ? 1.0f : 0.0f;
  if (v <= low) return {dx, low};
  if (v >= high) return {dx, high};
  return {dx, round_half_even(v) - v};
}

void lsq_bytes(std::span<const float> x, float scale, CodeRange range, std::span<std::uint8_t> bytes,
               float offset) {
  BITLINE_CHECK(range.levels() <= 256 && bytes.size() == x.size());
  to_bytes(x.data(), scale, offset, static_cast<float>(range.low), static_cast<float>(range.high),
           bytes.data(), x.size());
}

float lsq_gradient_scale(std::int64_t count, int high) {
  const double q = std::max(high, 1);
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(std::max<std::int64_t>(count, 1)) * q));
}

}  // namespace bitline::quant
