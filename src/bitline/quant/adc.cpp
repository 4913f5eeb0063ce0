#include "bitline/quant/adc.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "bitline/base/error.h"
#include "bitline/base/wide.h"

namespace bitline::quant {

namespace {

constexpr int kMaxAdcBits = 12;
constexpr std::string_view kTernary = "1.5";
constexpr std::string_view kIdeal = "ideal";

BITLINE_WIDE void accumulate(const float* __restrict gain, const float* __restrict offset,
                             const float* __restrict weight, const float* __restrict psum, float top,
                             float input_weight, float* __restrict y, std::size_t n) {
  for (std::size_t o = 0; o < n; ++o)
    y[o] += (weight[o] * input_weight) * adc_code(psum[o], gain[o], offset[o], top);
}

BITLINE_WIDE void backward(const float* __restrict gain, const float* __restrict offset,
                           const float* __restrict psum, const float* __restrict dy, float top, float factor,
                           float share, float passed, float* __restrict gated, float* __restrict step_sum,
                           float* __restrict centre_sum, std::size_t n) {
  const float middle = 0.5f * top;
  for (std::size_t o = 0; o < n; ++o) {
    const float v = psum[o] * gain[o] + offset[o];
    const float code = adc_code(psum[o], gain[o], offset[o], top);
    const float in_range = (v >= 0.0f ? 1.0f : 0.0f) * (v <= top ? 1.0f : 0.0f);
    const float g = dy[o] * factor;
    gated[o] += dy[o] * share * (in_range + passed * (1.0f - in_range));
    step_sum[o] += g * (code - (in_range * v + (1.0f - in_range) * middle));
    centre_sum[o] += g * (1.0f - in_range);
  }
}

constexpr std::size_t kChunk = 128;  // columns at a time

void backward_with_slopes(const AdcRow& row, const float* psum, const AdcUpstream& upstream,
                          const AdcSlopes& slopes, float* gated, float* step_sum, float* centre_sum) {
  const auto top = static_cast<float>(row.levels - 1);
  const float middle = 0.5f * top, passed = clipped_slope(&slopes);
  float clipped[kChunk], code[kChunk], inside[kChunk], slope[kChunk];
  for (std::size_t first = 0; first < row.columns; first += kChunk) {
    const std::size_t n = std::min(kChunk, row.columns - first);
    for (std::size_t i = 0; i < n; ++i) {
      const float v = psum[first + i] * row.gain[first + i] + row.offset[first + i];
      clipped[i] = v < 0.0f ? 0.0f : v > top ? top : v;
      code[i] = round_half_even(clipped[i]);
      inside[i] = clipped[i] == v ? 1.0f : 0.0f;
    }
    rounding_slopes(slopes.rounding, {clipped, code, upstream.dy + first, n}, slope);
    for (std::size_t i = 0; i < n; ++i) {
      const float m = slope[i] * inside[i], dy = upstream.dy[first + i], g = dy * upstream.factor;
      gated[first + i] += dy * upstream.share * (m + passed * (1.0f - inside[i]));
      step_sum[first + i] += g * ((code[i] - middle) - m * (clipped[i] - middle));
      centre_sum[first + i] += g * (1.0f - m);
    }
  }
}

int free_code(const AdcRow& row, std::size_t column, float psum) {
  const float* begin = row.thresholds + column * static_cast<std::size_t>(row.levels - 1);
  return static_cast<int>(std::upper_bound(begin, begin + (row.levels - 1), psum) - begin);
}

float free_value(const AdcRow& row, std::size_t column, float psum) {
  return row.values[column * static_cast<std::size_t>(row.levels) +
                    static_cast<std::size_t>(free_code(row, column, psum))];
}

}  // namespace

int parse_adc_levels(std::string_view bits) {
  if (bits == kIdeal || bits == "0") return kIdealAdc;
  if (bits == kTernary) return 3;
  int value = 0;
  const auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), value);
  if (error != std::errc{} || end != bits.data() + bits.size() || value < 1 || value > kMaxAdcBits) {
    bad_input("ADC bits '" + std::string(bits) + "' are not valid", {},
              "expected 1 to 12, 1.5 or ideal (also 0)");
  }
  return 1 << value;
}

std::string adc_bits_text(int levels) {
  if (levels == kIdealAdc) return std::string(kIdeal);
  if (levels == 3) return std::string(kTernary);
  int bits = 0;
  while ((1 << bits) < levels) ++bits;
  return std::to_string(bits);
}

AdcColumn adc_column(float activation_scale, float weight_scale, float step, float centre, int levels,
                     int shift) {
  const float unit = activation_scale * weight_scale;
  if (levels == kIdealAdc) return {1.0f, 0.0f, std::ldexp(unit, shift), 0.0f};
  const float middle = 0.5f * static_cast<float>(levels - 1);
  return {unit / step, middle - centre / step, std::ldexp(step, shift),
          std::ldexp(centre - step * middle, shift)};
}

void adc_accumulate(const AdcRow& row, const float* psum, float input_weight, float* y) {
  if (row.thresholds != nullptr) {
    for (std::size_t o = 0; o < row.columns; ++o) y[o] += free_value(row, o, psum[o]) * input_weight;
    return;
  }
  if (row.levels != kIdealAdc) {
    accumulate(row.gain, row.offset, row.weight, psum, static_cast<float>(row.levels - 1), input_weight, y,
               row.columns);
    return;
  }
  for (std::size_t o = 0; o < row.columns; ++o) y[o] += (row.weight[o] * input_weight) * psum[o];
}

void adc_codes(const AdcRow& row, const float* psum, float* codes) {
  if (row.thresholds != nullptr) {
    for (std::size_t o = 0; o < row.columns; ++o) codes[o] = static_cast<float>(free_code(row, o, psum[o]));
    return;
  }
  if (row.levels == kIdealAdc) {
    std::memcpy(codes, psum, row.columns * sizeof(float));
    return;
  }
  const auto top = static_cast<float>(row.levels - 1);
  for (std::size_t o = 0; o < row.columns; ++o) codes[o] = adc_code(psum[o], row.gain[o], row.offset[o], top);
}

void adc_backward(const AdcRow& row, const float* psum, const AdcUpstream& upstream, float* gated,
                  float* step_sum, float* centre_sum, const AdcSlopes* slopes) {
  BITLINE_CHECK(row.thresholds == nullptr);  // free levels are not trained
  if (row.levels != kIdealAdc && slopes != nullptr && !slopes->rounding.straight_through())
    return backward_with_slopes(row, psum, upstream, *slopes, gated, step_sum, centre_sum);
  if (row.levels != kIdealAdc) {
    backward(row.gain, row.offset, psum, upstream.dy, static_cast<float>(row.levels - 1), upstream.factor,
             upstream.share, clipped_slope(slopes), gated, step_sum, centre_sum, row.columns);
    return;
  }
  for (std::size_t o = 0; o < row.columns; ++o) gated[o] += upstream.dy[o] * upstream.share;
}

double adc_squared_error(float psum, float step, float centre, int levels) {
  const AdcColumn column = adc_column(1.0f, 1.0f, step, centre, levels, 0);
  const float code = adc_code(psum, column.gain, column.offset, static_cast<float>(levels - 1));
  const float error = psum - (column.weight * code + column.base);
  return static_cast<double>(error) * static_cast<double>(error);
}

}  // namespace bitline::quant
