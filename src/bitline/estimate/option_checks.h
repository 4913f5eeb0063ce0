// What estimate() refuses before it counts anything.
#pragma once

#include "bitline/estimate/estimate.h"

namespace bitline::estimate {

// Throws Error{kBadInput}: densities out of 0..1, options of unknown layers, a batch below one, a mapping for
// another chip (naming the key).
void check_options(const mapping::Mapping& mapping, const hardware::HardwareSpec& spec,
                   const EstimateOptions& options);

}  // namespace bitline::estimate
