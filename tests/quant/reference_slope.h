// The slope of rounding, from its formulas, for one value: what tests compare the library's with.
#pragma once

#include <cmath>
#include <string>

#include "bitline/quant/rounding.h"

namespace bitline::quant {

inline float reference_slope_of_surrogate(const std::string& name, float k, float v, float g) {
  const float u = (v - std::floor(v)) - 0.5f;
  const double wide = static_cast<double>(k);
  const float sign = g > 0.0f ? 1.0f : g < 0.0f ? -1.0f : 0.0f;
  if (name == "ewgs") return 1.0f + k * sign * (v - std::nearbyint(v));
  if (name == "asr") {
    const float ku = k * u;
    return static_cast<float>(wide / (2.0 * std::atan(0.5 * wide))) / (1.0f + ku * ku);
  }
  if (name != "tanh") return 1.0f;
  const float t = std::tanh(k * u);
  return static_cast<float>(wide / (2.0 * std::tanh(0.5 * wide))) * (1.0f - t * t);
}

// A parameter that changes slopes so much that a test notices it.
inline float strong_parameter(const ParameterRange& range) {
  return std::fmax(static_cast<float>(range.usual), 0.2f);
}

// v clipped to the range, g the gradient of its code.
inline float reference_slope(const Rounding& rounding, float v, float g) {
  const float slope = reference_slope_of_surrogate(rounding.surrogate->name, rounding.parameter, v, g);
  if (rounding.correction->place != CorrectionPlace::kSlope) return slope;
  const float sign = g > 0.0f ? 1.0f : g < 0.0f ? -1.0f : 0.0f;
  return slope * (1.0f + rounding.amount * sign * (v - std::nearbyint(v)));
}

}  // namespace bitline::quant
