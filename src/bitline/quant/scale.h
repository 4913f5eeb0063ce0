// A scale that training can never make zero, negative, infinite or NaN.
//
//   s(u) = s0 * exp(clip(u / s0, -kMaxLog, kMaxLog)),   u starts at 0
//
// s0 is the calibrated value and stays. To first order s = s0 + u, so learning rates and gradient scales of
// plain LSQ keep their meaning; far from s0 the update turns multiplicative.
#pragma once

#include <span>

namespace bitline::quant {

inline constexpr float kMaxLog = 8.0f;  // s stays within s0 * [1/2981, 2981]

// No start is smaller. A group of values that would all be within the range of a smaller scale is taken for
// zeros, with a scale of 1. So the product of an activation's and a weight's scale, the unit of partial sums,
// stays a number wherever training moves them.
inline constexpr float kLeastScale = 1e-15f;

float positive_scale(float s0, float u);        // a NaN u gives s0
float positive_scale_slope(float s0, float u);  // ds/du; 0 where clipped

// Applies the above element by element; spans of equal length.
void positive_scales(std::span<const float> s0, std::span<const float> u, std::span<float> s);
// du[i] = ds[i] * slope * gain; a non-finite result becomes 0.
void positive_scales_backward(std::span<const float> s0, std::span<const float> u, std::span<const double> ds,
                              float gain, std::span<float> du);

}  // namespace bitline::quant
