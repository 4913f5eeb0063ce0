// The kinds of ADC and how their cost follows the resolution.
//
// A figure stated for b0 bits is multiplied by a factor for b bits, at one conversion rate unless said:
//   sar    energy, area  s b/b0 + (1 - s) 2^b/2^b0   reference buffer, memory and clock grow linearly, the
//                        capacitive DAC exponentially (Shafiee et al., ISCA 2016); the share s that is linear
//                        is RECONSTRUCTED and can be stated (`linear_share`)
//   flash  energy, area  (2^b - 1) / (2^b0 - 1)      one comparator a threshold
//   ramp   time, energy  2^b / 2^b0                  one clock step a threshold
//          area          b / b0                      counter and latches
//
// To add a kind: one entry in the table of adc_kind.cpp.
#pragma once

#include <span>
#include <string_view>

namespace bitline::hardware {

struct AdcKind {
  const char* name;
  const char* formula;                                                     // of the energy, for people
  double (*energy)(double bits, double stated_bits, double linear_share);  // of a conversion
  double (*area)(double bits, double stated_bits, double linear_share);
  double (*time)(double bits, double stated_bits);  // of a conversion
};

inline constexpr double kLinearShare = 0.5;

std::span<const AdcKind> adc_kinds();
const AdcKind* find_adc_kind(std::string_view name);  // nullptr when there is none

}  // namespace bitline::hardware
