#include "bitline/quant/scale.h"

#include <algorithm>
#include <cmath>

namespace bitline::quant {

float positive_scale(float s0, float u) {
  const float ratio = u / s0;
  if (std::isnan(ratio)) return s0;
  return s0 * std::exp(std::clamp(ratio, -kMaxLog, kMaxLog));
}

float positive_scale_slope(float s0, float u) {
  const float ratio = u / s0;
  if (!(std::fabs(ratio) <= kMaxLog)) return 0.0f;
  return std::exp(ratio);
}

void positive_scales(std::span<const float> s0, std::span<const float> u, std::span<float> s) {
  for (std::size_t i = 0; i < s.size(); ++i) s[i] = positive_scale(s0[i], u[i]);
}

void positive_scales_backward(std::span<const float> s0, std::span<const float> u, std::span<const double> ds,
                              float gain, std::span<float> du) {
  for (std::size_t i = 0; i < du.size(); ++i) {
    const auto value =
        static_cast<float>(ds[i] * static_cast<double>(positive_scale_slope(s0[i], u[i]) * gain));
    du[i] = std::isfinite(value) ? value : 0.0f;
  }
}

}  // namespace bitline::quant
