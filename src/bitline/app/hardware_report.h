// What `bitline hardware` shows of a chip: its constants with sources, the sums of its components, and how
// one component enters them.
#pragma once

#include <string>

#include "bitline/hardware/hardware_spec.h"
#include "bitline/result/record.h"

namespace bitline::app {

// The designs that are shipped, a row each.
result::Record hardware_list();

// The whole chip: totals, components, constants, and published totals with the gap to each.
result::Record hardware_show(const hardware::HardwareSpec& spec);

// One section or component ("adc", "tile.router", or "router" where one level has it): constants, formulas,
// share. Throws Error{kUsage} with a suggestion when the chip has no such part.
result::Record hardware_explain(const hardware::HardwareSpec& spec, const std::string& part);

// How many constants of each mark: "61 SOURCED, 2 DERIVED".
std::string marks_text(const hardware::HardwareSpec& spec);
std::int64_t constant_count(const hardware::HardwareSpec& spec);

}  // namespace bitline::app
