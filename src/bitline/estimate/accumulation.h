// Analog accumulation: bitline sums of several columns and input cycles are added up before they are
// converted (CASCADE, Chou et al., MICRO 2019), so that there are fewer conversions than sums.
#pragma once

#include <cstdint>
#include <optional>

#include "bitline/hardware/hardware_spec.h"

namespace bitline::estimate {

// A/D conversions of one weight column of `slices` columns for one output position of `input_cycles` cycles.
// Without analog accumulation each sum is converted. A group is never shared by two weights or positions.
std::int64_t conversions_of(const hardware::Accumulation& accumulation, std::int64_t slices,
                            std::int64_t input_cycles);

// Seconds of one conversion, of a mean one where resolutions differ; nothing where the file states no rate.
std::optional<double> conversion_time(const hardware::HardwareSpec& spec);

// Seconds that the ADCs need for what an array produces in one input cycle, on average; nothing where the
// file does not say how many columns share an ADC, or its rate.
std::optional<double> conversion_cycle(const hardware::HardwareSpec& spec);

// A component whose use is one bitline sum, converted or not: its energy is of one sum.
bool is_used_by_sums(const hardware::Component& component);

// Bitline sums of a macro in a second, with all columns at work.
double sum_rate(const hardware::HardwareSpec& spec, double cycle);

}  // namespace bitline::estimate
