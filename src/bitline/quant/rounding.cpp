#include "bitline/quant/rounding.h"

#include <array>
#include <cmath>

#include "bitline/base/wide.h"

namespace bitline::quant {

namespace {

// v - floor(v) - 1/2, floor from the code: rounding has gone up where the code is above v.
inline float distance_from_middle(float v, float code) {
  const float floor = code - (code > v ? 1.0f : 0.0f);
  return (v - floor) - 0.5f;
}

inline float sign(float x) {
  return (x > 0.0f ? 1.0f : 0.0f) - (x < 0.0f ? 1.0f : 0.0f);
}

void ste_slopes(const RoundedValues& values, float, float* slopes) {
  for (std::size_t i = 0; i < values.n; ++i) slopes[i] = 1.0f;
}

BITLINE_WIDE void asr_slopes(const RoundedValues& values, float k, float* __restrict slopes) {
  const float top = static_cast<float>(k / (2.0 * std::atan(0.5 * static_cast<double>(k))));
  for (std::size_t i = 0; i < values.n; ++i) {
    const float ku = k * distance_from_middle(values.v[i], values.code[i]);
    slopes[i] = top / (1.0f + ku * ku);
  }
}

void tanh_slopes(const RoundedValues& values, float k, float* slopes) {
  const float top = static_cast<float>(k / (2.0 * std::tanh(0.5 * static_cast<double>(k))));
  for (std::size_t i = 0; i < values.n; ++i) {
    const float t = std::tanh(k * distance_from_middle(values.v[i], values.code[i]));
    slopes[i] = top * (1.0f - t * t);
  }
}

BITLINE_WIDE void ewgs_slopes(const RoundedValues& values, float delta, float* __restrict slopes) {
  for (std::size_t i = 0; i < values.n; ++i)
    slopes[i] = 1.0f + delta * sign(values.g[i]) * (values.v[i] - values.code[i]);
}

BITLINE_WIDE void scale_by_error(const RoundedValues& values, float delta, float* __restrict slopes) {
  for (std::size_t i = 0; i < values.n; ++i)
    slopes[i] *= 1.0f + delta * sign(values.g[i]) * (values.v[i] - values.code[i]);
}

double identity(double v, double) {
  return v;
}

double asr(double v, double k) {
  const double floor = std::floor(v);
  return floor + 0.5 + std::atan(k * (v - floor - 0.5)) / (2.0 * std::atan(0.5 * k));
}

double soft_tanh(double v, double k) {
  const double floor = std::floor(v);
  return floor + 0.5 + std::tanh(k * (v - floor - 0.5)) / (2.0 * std::tanh(0.5 * k));
}

// How far slopes follow the rounding error, usually. The specification has 0.2 (RECONSTRUCTED), with which
// training with two bits loses half of its accuracy (docs/validation/lg-lsq.md).
constexpr double kUsualErrorGain = 0.005;

constexpr std::array<Surrogate, 4> kSurrogates = {
    {{"ste", false, false, {0.0, 0.0, 0.0}, identity, ste_slopes},
     {"asr", true, false, {1e-3, 64.0, 2.0}, asr, asr_slopes},
     {"tanh", true, false, {1e-3, 64.0, 2.0}, soft_tanh, tanh_slopes},
     {"ewgs", true, true, {0.0, 1.0, kUsualErrorGain}, identity, ewgs_slopes}}};

constexpr std::array<Correction, 4> kCorrections = {
    {{"none", CorrectionPlace::kNone, {0.0, 0.0, 0.0}},
     {"mde", CorrectionPlace::kSlope, {0.0, 1.0, kUsualErrorGain}},
     {"blend", CorrectionPlace::kForward, {0.0, 1.0, 1.0, 0.0}},
     {"penalty", CorrectionPlace::kLoss, {0.0, 1e6, 0.1}}}};

}  // namespace

std::span<const Surrogate> surrogates() {
  return kSurrogates;
}

std::span<const Correction> corrections() {
  return kCorrections;
}

bool Rounding::straight_through() const {
  return surrogate == &kSurrogates[0] && (correction->place == CorrectionPlace::kNone || amount == 0.0f);
}

void rounding_slopes(const Rounding& rounding, const RoundedValues& values, float* slopes) {
  rounding.surrogate->slopes(values, rounding.parameter, slopes);
  if (rounding.correction->place == CorrectionPlace::kSlope) scale_by_error(values, rounding.amount, slopes);
}

float rounded_value(const Rounding& rounding, float v, float code) {
  if (rounding.correction->place != CorrectionPlace::kForward || rounding.amount == 0.0f) return code;
  const auto soft = static_cast<float>(
      rounding.surrogate->soft(static_cast<double>(v), static_cast<double>(rounding.parameter)));
  return (1.0f - rounding.amount) * code + rounding.amount * soft;
}

}  // namespace bitline::quant
