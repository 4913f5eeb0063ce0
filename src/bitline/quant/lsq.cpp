#include "bitline/quant/lsq.h"

#include <algorithm>
#include <cmath>

#include "bitline/base/error.h"
#include "bitline/base/wide.h"

namespace bitline::quant {

namespace {

BITLINE_WIDE void to_codes(const float* __restrict x, float scale, float low, float high,
                           float* __restrict codes, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) codes[i] = lsq_code(x[i], scale, low, high);
}

BITLINE_WIDE void to_bytes(const float* __restrict x, float scale, float low, float high,
                           std::uint8_t* __restrict bytes, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i)
    bytes[i] = static_cast<std::uint8_t>(static_cast<int>(lsq_code(x[i], scale, low, high) - low));
}

// dx and the terms dy * dQ/ds.
BITLINE_WIDE void backward(const float* __restrict x, const float* __restrict dy, float scale, float low,
                           float high, float* __restrict dx, float* __restrict terms, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const float v = x[i] / scale;
    const float code = lsq_code(x[i], scale, low, high);
    float clipped = v < low ? low : v;
    clipped = clipped > high ? high : clipped;
    // Products of zeros and ones, since conditions would keep the loop from being vectorized.
    const float inside = (v >= low ? 1.0f : 0.0f) * (v <= high ? 1.0f : 0.0f);
    const float between = (v > low ? 1.0f : 0.0f) * (v < high ? 1.0f : 0.0f);
    dx[i] = dy[i] * inside;
    terms[i] = dy[i] * (code - between * clipped);
  }
}

// The same pairs whatever the vector width, so that the sum is the same everywhere. n <= kTerms.
constexpr std::size_t kTerms = 256;
BITLINE_WIDE float pairwise_sum(float* terms, std::size_t n) {
  for (std::size_t i = n; i < kTerms; ++i) terms[i] = 0.0f;
  for (std::size_t half = kTerms / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) terms[i] += terms[i + half];
  }
  return terms[0];
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

void lsq_codes(std::span<const float> x, float scale, CodeRange range, std::span<float> codes) {
  to_codes(x.data(), scale, static_cast<float>(range.low), static_cast<float>(range.high), codes.data(),
           x.size());
}

void lsq_bytes(std::span<const float> x, float scale, CodeRange range, std::span<std::uint8_t> bytes) {
  BITLINE_CHECK(range.levels() <= 256 && bytes.size() == x.size());
  to_bytes(x.data(), scale, static_cast<float>(range.low), static_cast<float>(range.high), bytes.data(),
           x.size());
}

double lsq_backward(std::span<const float> x, std::span<const float> dy, float scale, CodeRange range,
                    std::span<float> dx) {
  float terms[kTerms];
  double sum = 0.0;
  for (std::size_t first = 0; first < x.size(); first += kTerms) {
    const std::size_t count = std::min(kTerms, x.size() - first);
    backward(x.data() + first, dy.data() + first, scale, static_cast<float>(range.low),
             static_cast<float>(range.high), dx.data() + first, terms, count);
    sum += static_cast<double>(pairwise_sum(terms, count));
  }
  return sum;
}

float lsq_gradient_scale(std::int64_t count, int high) {
  const double q = std::max(high, 1);
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(std::max<std::int64_t>(count, 1)) * q));
}

}  // namespace bitline::quant
