// Several chips of one kind on a board, as a description of its own.
#pragma once

#include <cstdint>

#include "bitline/hardware/hardware_spec.h"

namespace bitline::hardware {

// `chips` times everything: tiles, the components of the chip's level, the bandwidth of loading weights,
// units and figures of a digital comparator; published totals, which are of one chip, are dropped. One chip
// is returned as it is. Throws Error{kBadInput} for less than one chip.
HardwareSpec board_of(HardwareSpec spec, std::int64_t chips);

}  // namespace bitline::hardware
