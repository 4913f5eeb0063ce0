// What a hardware description must not say of itself: contradictions between its constants.
#pragma once

#include "bitline/hardware/hardware_spec.h"

namespace bitline::hardware {

// Throws Error{kBadInput} at the constant that contradicts another one: more rows active than there are, an
// on state that conducts less than the off state, more stuck cells than cells, figures without saying of how
// many instances, ADCs that do not fit the column multiplexer, a power that is not energy times rate, inputs
// shorter than a DAC's word, accumulation of more than there is, arrays beside digital units or a
// roofline; and where what a chip cannot do without is missing.
void check_hardware(const HardwareSpec& spec);

}  // namespace bitline::hardware
