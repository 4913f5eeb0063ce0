// What `bitline hardware` shows of a chip: its constants with sources and the sums of its components.
#pragma once

#include <string>

#include "bitline/hardware/hardware_spec.h"
#include "bitline/result/record.h"

namespace bitline::app {

// The designs that are shipped, a row each.
result::Record hardware_list();

// The whole chip: totals, components, constants, and published totals with the gap to each.
result::Record hardware_show(const hardware::HardwareSpec& spec);

// How many constants of each mark: "61 SOURCED, 2 DERIVED".
std::string marks_text(const hardware::HardwareSpec& spec);
std::int64_t constant_count(const hardware::HardwareSpec& spec);

// "SOURCED", "MEMORY (unverified)".
std::string mark_text(hardware::Mark mark);

// What the chip's source calls "macro", "tile" or "chip".
std::string called(const hardware::HardwareSpec& spec, const std::string& level);

}  // namespace bitline::app
