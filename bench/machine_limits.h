// What one core of this machine can do at most, for the work the engine is made of.
#pragma once

namespace bitline::bench {

struct MachineLimits {
  double byte_macs = 0.0;   // multiply-accumulates of bytes a second, from registers
  double float_macs = 0.0;  // fp32 multiply-accumulates a second, from registers
  // Converter steps a second, from integer sums in the first cache to outputs added there: scale, round,
  // clip, weigh.
  double float_conversions = 0.0;  // scaled and rounded in fp32: the engine's definition
  double fixed_conversions =
      0.0;  // scaled by a 16-bit multiplier and rounded half up; fp32 weights all the same
};

// Zeros where the processor has no AVX2.
MachineLimits measure_limits();

}  // namespace bitline::bench
