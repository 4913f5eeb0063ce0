// A quantizer as a choice on each axis: number format, scale policy, rounding surrogate, correction, for
// weights, activations and partial sums alike; granularity is chosen beside it. docs/quantizers.md lists what
// each can be trained with.
//
// Written as names joined by '+', in any order, one of each axis at most, what is left out staying as it is:
//
//   "ssg:2+asr:1..4+mde:0.01+strict+pow2"  SSG scales with probes at s/2 and 2s, ASR annealed from 1 to 4,
//                                          MDE, strictly symmetric codes, scales that are powers of two
//   "lg-lsq"                               a preset: ssg+asr+mde
//
// Presets: lg-lsq (ssg+asr+mde) and lg-lsq-task (ssg-task+asr+mde). LSQ+ is lsq-offset.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "bitline/quant/lsq.h"
#include "bitline/quant/rounding.h"
#include "bitline/quant/scale_policy.h"

namespace bitline::quant {

struct NumberFormat {
  const char* name;              // auto: what the tensor's place asks for; signed | strict | unsigned
  CodeRange (*range)(int bits);  // null for auto
  int min_bits;                  // that range takes
};
std::span<const NumberFormat> number_formats();

struct QuantizerSpec {
  const NumberFormat* format = &number_formats()[0];
  const ScalePolicy* policy = &scale_policy("lsq");
  Anneal policy_parameter;
  const Surrogate* surrogate = &surrogates()[0];
  Anneal surrogate_parameter;
  const Correction* correction = &corrections()[0];
  Anneal correction_amount;
  bool power_of_two = false;
  bool pass_clipped = false;  // gradients of clipped values pass ("pass"): LLSQ does so for weights

  Rounding rounding(double progress) const;  // progress of the training, 0 to 1
  float probe_ratio(double progress) const;  // rho of the policy's simulated gradient
  std::string text() const;                  // canonical; reads back to the same spec
  bool operator==(const QuantizerSpec&) const = default;
};

// Reads a text over `start`. Error{kBadInput} naming the part, with a suggestion or the range of a parameter.
QuantizerSpec parse_quantizer(std::string_view text, const QuantizerSpec& start = QuantizerSpec());

// One group of values under one scale:
//   v = (x - offset) / scale,   code = round(clip(v, low, high)),   Q(x) = scale * code + offset
struct ScaledGroup {
  float scale = 1.0f;
  float offset = 0.0f;
  CodeRange range;
  Rounding rounding{};
  bool pass_clipped = false;
  bool learns_offset = false;  // else its gradient is not computed
};

// y[i] = Q(x[i]), or what the blend of a correction makes of it.
void quantize(std::span<const float> x, const ScaledGroup& group, std::span<float> y);

struct GroupGradient {
  double scale = 0.0;
  double offset = 0.0;
};
// Backward of y = Q(x), with m the slope of rounding inside the range:
//   dx = dy * m inside, 0 outside (dy where clipped values pass);
//   dQ/dscale = code - v * m inside, the bound outside;   dQ/doffset = 1 - m inside, 1 outside
// with the blend of code and soft(v) for the code where a correction has one.
// At a bound itself dx passes and dQ/dscale is the bound, as LSQ has it.
GroupGradient quantize_backward(std::span<const float> x, std::span<const float> dy, const ScaledGroup& group,
                                std::span<float> dx);

// What stands for the derivative of the code of one value with v, for codes that are cut into digits after:
// in the gradients of x and of the scale, as above. g: the gradient of the code.
struct CodeSlopes {
  float of_value;  // m inside; outside 0, or 1 where clipped values pass
  float of_scale;  // m between the bounds, else 0
};
CodeSlopes code_slopes(float x, float g, const ScaledGroup& group);

// Reading 3 of MDE: the gradient of amount * mean(e^2) over `count` values is added to dx and returned for
// the scale and the offset. Does nothing where the rounding has no penalty.
GroupGradient add_penalty(std::span<const float> x, const ScaledGroup& group, std::int64_t count,
                          std::span<float> dx);

}  // namespace bitline::quant
