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

// How sums become conversions, and how long an array waits for them.
struct Conversions {
  hardware::Accumulation accumulation;
  // Array cycles of one conversion of an array, which has its part of the macro's ADCs; 0: the array cycle
  // covers the conversions, or how long they take is not known.
  double cycles = 0.0;
};
// With analog accumulation the array cycle covers full groups of the file's own operands only: weights of
// fewer slices, or inputs of fewer cycles, take more conversions for a read.
Conversions conversions_in(const hardware::HardwareSpec& spec, std::optional<double> cycle);

// A component whose use is one bitline sum, converted or not: its energy is of one sum.
bool is_used_by_sums(const hardware::Component& component);

// Bitline sums of a macro in a second, with all columns at work.
double sum_rate(const hardware::HardwareSpec& spec, double cycle);

}  // namespace bitline::estimate
