// What estimate() refuses before it counts anything.
#pragma once

#include <string>
#include <vector>

#include "bitline/estimate/dataflow.h"
#include "bitline/estimate/estimate.h"

namespace bitline::estimate {

// Throws Error{kBadInput}: densities out of 0..1, options of unknown layers, a batch below one, a mapping for
// another chip (naming the key).
void check_options(const mapping::Mapping& mapping, const hardware::HardwareSpec& spec,
                   const EstimateOptions& options);

// Converters of the chip that are less than some layers are quantized for.
struct LesserConverter {
  std::string what;     // "dac.bits: ...", "adc.bits: ..."
  bool slower = false;  // the layers would take longer
};
std::vector<LesserConverter> lesser_converters(const mapping::Mapping& mapping,
                                               const hardware::HardwareSpec& spec, const Dataflow& flow);

}  // namespace bitline::estimate
