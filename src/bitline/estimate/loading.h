// Writing weights before a round: the bytes, and how long they take.
#pragma once

#include "bitline/estimate/activity.h"
#include "bitline/hardware/hardware_spec.h"
#include "bitline/mapping/mapping.h"

namespace bitline::estimate {

// Of the cells that the round writes.
double loaded_bytes(const mapping::Mapping& mapping, const RoundActivity& round);

// Seconds before round `round`:
//   max(bytes / weights.bandwidth, most rows written in one array x cell.write_time)
// Rows of an array are written one after the other, those of different arrays at the same time. What the file
// does not state takes no time; a mapping of one round keeps its weights.
double loading_time(const mapping::Mapping& mapping, const hardware::HardwareSpec& spec,
                    const Activity& activity, std::size_t round);

}  // namespace bitline::estimate
