// Whether the converters of a chip can run a layer as it is quantized: the one rule of calibration, mapping
// and costs. Fewer bits than the chip has are fine, and so are ideal partial sums, which stand for any ADC.
#pragma once

#include <string>

#include "bitline/quant/config.h"

namespace bitline::quant {

struct ChipConverters {
  int dac_bits = 0;    // input bits a cycle; 0: not stated, nothing is refused
  int adc_levels = 0;  // 0: not stated
};

// `bits` is the ADC resolution as files state it, "8" or "1.5"; empty or "ideal" is not stated.
ChipConverters chip_converters(int dac_bits, const std::string& bits);

// The most bits of partial sums that stated ADCs have: "8", "1.5", of 6.5 bits "6"; 12 at most.
std::string finest_bits(const ChipConverters& chip);

struct ConverterMisfit {
  std::string what;  // "inputs of 4 bits a cycle are more than its DACs' 1"; empty: it fits
  std::string fits;  // options that would fit: "--dac-bits 1"
};
ConverterMisfit converter_misfit(const CimConfig& config, const ChipConverters& chip);

}  // namespace bitline::quant
