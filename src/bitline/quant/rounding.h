// Rounding, and what stands for its derivative in training.
//
// Forward is round half to even. Backward multiplies the gradient g by a slope, with v = x / s clipped to the
// range, code = round(v), e = v - code and u = v - floor(v) - 1/2:
//
//   ste       1                                       straight-through (Bengio et al., 2013)
//   asr:K     K / (2 atan(K/2) (1 + K^2 u^2))         arctangent soft round (LG-LSQ, arXiv 2202.09009)
//   tanh:K    K (1 - tanh^2(K u)) / (2 tanh(K/2))     soft round as DSQ's (Gong et al., ICCV 2019)
//   ewgs:D    1 + D sign(g) e                         element-wise scaling (Lee et al., CVPR 2021)
//
// and may correct for the discretization error e (LG-LSQ's MDE, in three readings):
//
//   none
//   mde:D       slope * (1 + D sign(g) e)                      reading 1
//   blend:L     forward (1 - L) round(v) + L soft(v)           reading 2; usually 1..0
//   penalty:L   loss + L mean(e^2)                             reading 3
//
// Evaluation always rounds.
//
// ASR, its constants and all readings of MDE are RECONSTRUCTED: no code of LG-LSQ is public. A mean slope
// over a unit interval is 1 for ste, asr and tanh, whatever K.
//
// A parameter A..B moves linearly from A at the start of training to B at its end.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace bitline::quant {

// What slopes are computed from, n values each.
struct RoundedValues {
  const float* v;     // clipped
  const float* code;  // round(v)
  const float* g;     // gradient of the rounded value
  std::size_t n;
};

// The range of a parameter, and where none is given its value at the start and at the end of training.
struct ParameterRange {
  double least, most, usual;
  double usual_end = usual;
};

struct Surrogate {
  const char* name;
  bool has_parameter;
  bool uses_gradient;  // the slope depends on g
  ParameterRange parameter;
  // What `code` is taken for when it is differentiated: a function of v with the slopes below, at g = 0 where
  // they depend on g.
  double (*soft)(double v, double parameter);
  void (*slopes)(const RoundedValues& values, float parameter, float* slopes);
};

// Where a correction acts; each has one place.
enum class CorrectionPlace { kNone, kSlope, kForward, kLoss };

struct Correction {
  const char* name;
  CorrectionPlace place;
  ParameterRange parameter;
};

std::span<const Surrogate> surrogates();
std::span<const Correction> corrections();

// A parameter over training.
struct Anneal {
  double from = 0.0;
  double to = 0.0;
  double at(double progress) const { return from + (to - from) * progress; }
  bool operator==(const Anneal&) const = default;
};

// Surrogate and correction with their parameters at one moment.
struct Rounding {
  const Surrogate* surrogate = &surrogates()[0];
  float parameter = 0.0f;
  const Correction* correction = &corrections()[0];
  float amount = 0.0f;

  bool straight_through() const;  // slope 1 everywhere, nothing corrected
};

// slopes[i], mde's factor included.
void rounding_slopes(const Rounding& rounding, const RoundedValues& values, float* slopes);

// The forward value in units of the scale: round(v), or the blend in training.
float rounded_value(const Rounding& rounding, float v, float code);

}  // namespace bitline::quant
