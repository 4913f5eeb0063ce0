#include "bitline/ir/impl/dot_rows.h"

#include <algorithm>
#include <cstddef>

#include "bitline/base/wide.h"

namespace bitline::ir {

namespace {

constexpr std::size_t kLanes = 16;
constexpr std::size_t kRows = 4;  // that share a load of w

// The lanes of kRows rows; those behind `rows` repeat the last row.
[[gnu::always_inline]] inline void add_products(const float* const* x, const float* w, std::size_t length,
                                                float (&lanes)[kRows][kLanes]) {
  const std::size_t whole = length / kLanes * kLanes;
  for (std::size_t k = 0; k < whole; k += kLanes) {
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t l = 0; l < kLanes; ++l) lanes[r][l] += x[r][k + l] * w[k + l];
    }
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t k = whole; k < length; ++k) lanes[r][k - whole] += x[r][k] * w[k];
  }
}

inline float sum_of(const float (&lanes)[kLanes]) {
  float half[kLanes];
  std::copy(lanes, lanes + kLanes, half);
  for (std::size_t width = kLanes / 2; width > 0; width /= 2) {
    for (std::size_t l = 0; l < width; ++l) half[l] += half[l + width];
  }
  return half[0];
}

BITLINE_WIDE void dot_block(const float* const* x, std::size_t rows, const float* w, std::size_t outputs,
                            std::size_t length, const float* bias, float* y) {
  for (std::size_t o = 0; o < outputs; ++o) {
    float lanes[kRows][kLanes] = {};
    add_products(x, w + o * length, length, lanes);
    for (std::size_t r = 0; r < rows; ++r)
      y[r * outputs + o] = bias == nullptr ? sum_of(lanes[r]) : sum_of(lanes[r]) + bias[o];
  }
}

}  // namespace

void dot_rows(const float* x, std::int64_t rows, const float* w, std::int64_t outputs, std::int64_t length,
              const float* bias, float* y) {
  const auto count = static_cast<std::size_t>(rows), size = static_cast<std::size_t>(length);
  const auto width = static_cast<std::size_t>(outputs);
  for (std::size_t first = 0; first < count; first += kRows) {
    const std::size_t here = std::min(kRows, count - first);
    const float* block[kRows];
    for (std::size_t r = 0; r < kRows; ++r) block[r] = x + (first + std::min(r, here - 1)) * size;
    dot_block(block, here, w, width, size, bias, y + first * width);
  }
}

}  // namespace bitline::ir
