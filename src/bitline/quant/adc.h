// The partial-sum quantizer: what one ADC does to the sum of one bitline.
//
// The converter has L levels around a centre c with step s (in units of the layer's output):
//   v = (P - c) / s + (L-1)/2,   code = round(clip(v, 0, L-1)),   value = c + s * (code - (L-1)/2)
// In the array the sum is an integer p (digits times input codes) and P = a * w * p with the activation and
// weight scale, so the column needs one multiplier and one reference:
//   code = round(clip(p * gain + offset, 0, L-1)),   gain = a*w/s,   offset = (L-1)/2 - c/s
// and the digital side adds weight * code, weight = 2^shift * s; the constants sum up in the bias. Centre and
// step are held in the model, never taken from the batch. ColumnQuant (DATE 2025) anchors c on the step grid;
// here it is free, which costs nothing: the ADC reference is analog and the constant falls into the bias.
//
// L = 2^b for b bits, 3 for "1.5 bits", 0 for an ideal converter (code = p).
//
// A converter with free levels has no step: its code is the number of thresholds that the sum reaches, and
// its value is that code's level.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "bitline/quant/lsq.h"
#include "bitline/quant/rounding.h"

namespace bitline::quant {

inline constexpr int kIdealAdc = 0;

int parse_adc_levels(std::string_view bits);  // "ideal", "1" .. "12", "1.5"; Error{kBadInput} otherwise
std::string adc_bits_text(int levels);        // the inverse

struct AdcColumn {
  float gain = 1.0f;    // code units per unit of the integer sum
  float offset = 0.0f;  // code units
  float weight = 1.0f;  // output per code, 2^shift included
  float base = 0.0f;    // output at code 0, 2^shift included
};

// Column constants. `shift` is that of the weight slice; scales and step > 0.
AdcColumn adc_column(float activation_scale, float weight_scale, float step, float centre, int levels,
                     int shift);

// code = round(clip(p * gain + offset, 0, levels - 1)); the sum itself for an ideal ADC.
inline float adc_code(float psum, float gain, float offset, float top) {
  float v = psum * gain + offset;
  v = v < 0.0f ? 0.0f : v;
  v = v > top ? top : v;
  return round_half_even(v);
}

// One row of sums, one per column: y[o] += weight[o] * code(psum[o]).
struct AdcRow {
  const float* gain;
  const float* offset;
  const float* weight;
  std::size_t columns;
  int levels;
  const float* thresholds = nullptr;  // [column][levels - 1], ascending: free levels, the others are not read
  const float* values = nullptr;      // [column][levels], 2^shift included
};
void adc_accumulate(const AdcRow& row, const float* psum, float input_weight, float* y);
void adc_codes(const AdcRow& row, const float* psum, float* codes);

// Backward of value(P; s, c), with m the slope of rounding where 0 <= v <= L-1 (in range; straight-through:
// 1) and 0 elsewhere: dvalue/dP = m;  dvalue/dc = 1 - m;  dvalue/ds = (code - (L-1)/2) - m * (v - (L-1)/2).
struct AdcUpstream {
  const float* dy;  // of the output the columns add to
  float factor;     // 2^shift of the columns
  float share;      // of these columns in the gate of their output
};
// What stands for the derivative of a converter.
struct AdcSlopes {
  Rounding rounding{};
  bool pass_clipped = false;  // dvalue/dP is 1 outside the window; dvalue/dc and dvalue/ds stay
};
// dvalue/dP outside the window; null is straight-through.
inline float clipped_slope(const AdcSlopes* slopes) {
  return slopes != nullptr && slopes->pass_clipped ? 1.0f : 0.0f;
}

// For one row of sums:  gated[o] += share * dy[o] * m;  step_sum[o] += factor * dy[o] * dvalue/ds;
//                       centre_sum[o] += factor * dy[o] * dvalue/dc
// `slopes`: null is straight-through. Where m depends on the gradient of the sum, its sign is that of dy[o]:
// steps and factors are positive.
void adc_backward(const AdcRow& row, const float* psum, const AdcUpstream& upstream, float* gated,
                  float* step_sum, float* centre_sum, const AdcSlopes* slopes = nullptr);

// (P - value(P; s, c))^2 of one sum. levels > 0, step > 0.
double adc_squared_error(float psum, float step, float centre, int levels);

}  // namespace bitline::quant
