// What one core of this machine can do at most, for the work the engine is made of, with one instruction set.
#pragma once

#include <string_view>

namespace bitline::bench {

struct MachineLimits {
  double byte_macs = 0.0;   // multiply-accumulates of bytes a second, from registers
  double float_macs = 0.0;  // fp32 multiply-accumulates a second, from registers
  // Converter steps a second, from integer sums in the first cache to outputs added there: scale, round,
  // clip, weigh.
  double float_conversions = 0.0;  // scaled and rounded in fp32: the engine's definition
  // Scaled by a 16-bit multiplier and rounded half up; fp32 weights all the same.
  double fixed_conversions = 0.0;
};

// With "avx2" (256 bits, vpmaddubsw), "vnni" (512 bits, vpdpbusd) or "amx" (tiles), as the kernels of these
// names. Zeros where the processor has not got it.
MachineLimits measure_limits(std::string_view instructions);

}  // namespace bitline::bench
