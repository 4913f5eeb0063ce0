// One component of a chip, and how it enters the chip's sums; or one component in all shipped designs.
#pragma once

#include <string>

#include "bitline/hardware/hardware_spec.h"
#include "bitline/result/record.h"

namespace bitline::app {

// One section or component ("adc", "tile.router", or "router" where one level has it): constants, formulas,
// share. Throws Error{kUsage} with a suggestion when the chip has no such part.
result::Record hardware_explain(const hardware::HardwareSpec& spec, const std::string& part);

// What the shipped designs state of a section, of a component or of components of a kind: a row a constant.
// Throws Error{kUsage} with a suggestion when none has such a part.
result::Record hardware_explain_in_designs(const std::string& part);

}  // namespace bitline::app
