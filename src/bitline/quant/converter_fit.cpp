#include "bitline/quant/converter_fit.h"

#include <cmath>
#include <cstdlib>

#include "bitline/quant/adc.h"

namespace bitline::quant {

ChipConverters chip_converters(int dac_bits, const std::string& bits) {
  const double resolution = std::strtod(bits.c_str(), nullptr);
  if (!(resolution > 0.0) || resolution > 24.0) return {dac_bits, 0};
  return {dac_bits, static_cast<int>(std::ceil(std::exp2(resolution)))};  // 1.5 bits are three levels
}

std::string finest_bits(const ChipConverters& chip) {
  constexpr int kMostBits = 12;
  if (chip.adc_levels == 3) return adc_bits_text(3);
  int bits = 1;
  while (bits < kMostBits && 2 << bits <= chip.adc_levels) ++bits;
  return std::to_string(bits);
}

ConverterMisfit converter_misfit(const CimConfig& config, const ChipConverters& chip) {
  if (config.digital) return {};
  const int inputs = config.dac_bits == 0 ? config.activation_bits : config.dac_bits;
  const int used = inputs < config.activation_bits ? inputs : config.activation_bits;
  if (chip.dac_bits > 0 && used > chip.dac_bits)
    return {"inputs of " + std::to_string(used) + " bits a cycle are more than its DACs' " +
                std::to_string(chip.dac_bits),
            "--dac-bits " + std::to_string(chip.dac_bits)};
  if (chip.adc_levels > 0 && config.adc_levels != kIdealAdc && config.adc_levels > chip.adc_levels)
    return {"partial sums of " + std::to_string(config.adc_levels) + " levels are more than its ADCs' " +
                std::to_string(chip.adc_levels),
            "partial sums of P" + finest_bits(chip) + " or fewer bits in --precision"};
  return {};
}

}  // namespace bitline::quant
