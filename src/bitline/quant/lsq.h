// The linear quantizer and its learned step size: LSQ (Esser et al., ICLR 2020).
//
//   v = x / s,   code = round(clip(v, low, high)),   Q(x; s) = s * code        (round half to even)
//   dQ/dx = 1 for low <= v <= high, else 0           (straight-through estimate)
//   dQ/ds = low if v <= low;  high if v >= high;  code - v otherwise
//
// All arithmetic is fp32 with one rounding an operation, so LibTorch's division, clamp and round give the
// same bits.
#pragma once

#include <cstdint>
#include <span>

namespace bitline::quant {

struct CodeRange {
  int low = 0;
  int high = 0;
  int levels() const { return high - low + 1; }
  bool operator==(const CodeRange&) const = default;
};

CodeRange signed_range(int bits);    // -2^(b-1) .. 2^(b-1)-1
CodeRange strict_range(int bits);    // -(2^(b-1)-1) .. 2^(b-1)-1, bits >= 2
CodeRange unsigned_range(int bits);  // 0 .. 2^b-1

// round(x) half to even for |x| < 2^22, without a library call, so that loops over it vectorize.
inline float round_half_even(float x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it leaves no bits after the point
  return (x + kMagic) - kMagic;
}

// The integer code of x as a float. x must not be NaN.
inline float lsq_code(float x, float scale, float low, float high) {
  float v = x / scale;
  v = v < low ? low : v;
  v = v > high ? high : v;
  return round_half_even(v);
}

// A code less the lowest of its range, as activations are kept between layers.
using Code = std::uint16_t;

// Codes of x - offset under one scale; a NaN has the lowest. The range has at most 2^16 levels.
void lsq_codes(std::span<const float> x, float scale, CodeRange range, std::span<Code> codes,
               float offset = 0.0f);

// The gradient scale of a step size shared by `count` elements: 1 / sqrt(count * max(high, 1)), as LSQ has
// it up to kLsqHigh, the eight bits that LSQ is for. The share of itself that a step moves by grows with
// sqrt(high) then, and faster behind converters, where clipped sums do not cancel: above kLsqHigh the scale
// falls with high^-2. That exponent was chosen by trying what trains (W16A8P8), not derived.
inline constexpr int kLsqHigh = 255;
float lsq_gradient_scale(std::int64_t count, int high);

// What the gradient of a converter's step and centre is scaled with on top, for the slice of weights at
// `shift` of a layer whose highest slice is at `top`. Outputs weigh a slice with 2^shift, and a step is about
// 2^-top of what it is for narrow weights, so the share of itself that it moves by grows with 2^(shift +
// top). Learning rates were chosen with shifts of up to kTunedShift: beyond, it stays what it is there.
inline constexpr int kTunedShift = 2;
float slice_gain(int shift, int top);

}  // namespace bitline::quant
