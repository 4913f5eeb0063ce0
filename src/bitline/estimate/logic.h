// Digital units for layers in logic, beside the arrays: how long these take, and which unit computes what.
//
// All units of the chip share the multiply-accumulates of a layer by peak x instances x units of the level;
// evenly, an instance as much as another, where none states a peak. A unit without a peak has no part in it
// beside units that state one.
#pragma once

#include <optional>

#include "bitline/estimate/dataflow.h"
#include "bitline/estimate/roll_up.h"

namespace bitline::estimate {

// A unit that says what a MAC costs: it states an energy, or a power and a peak.
bool is_digital_unit(const ComponentTotal& component);
bool has_digital_unit(const RollUp& roll_up);

// Operations a second of all digital units; nothing where none states a peak.
std::optional<double> digital_peak(const RollUp& roll_up);

// Seconds for all layers in logic of one picture, one after the other on all units together; 0 where no unit
// states a peak.
double digital_time(const RollUp& roll_up, const Dataflow& flow);

// Seconds of a MAC on one instance; nothing without a peak.
std::optional<double> mac_time(const ComponentTotal& unit);

// Share of all MACs in logic that such a unit of the chip computes.
double digital_share(const RollUp& roll_up, const ComponentTotal& unit);

}  // namespace bitline::estimate
