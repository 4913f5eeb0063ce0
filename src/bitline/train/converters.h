// Which converters the training graph has; others are calibrated alone.
#pragma once

#include "bitline/quant/config.h"
#include "bitline/sim/wordlines.h"

namespace bitline::train {

inline bool has_equal_steps(const quant::CimConfig& config) {  // alike for all input cycles, too
  return !config.cycle_ranges && !config.free_levels;
}

inline bool has_trainable_inputs(const quant::CimConfig& config) {  // a byte of each, or no converters
  return config.activation_bits <= sim::kByteBits || config.adc_levels == quant::kIdealAdc;
}

}  // namespace bitline::train
