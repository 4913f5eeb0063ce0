// How a figure that was stated for one feature size and resolution reads at another.
#pragma once

#include "bitline/hardware/hardware_spec.h"

namespace bitline::estimate {

// x(F) / x(F0) = (F / F0)^exponent, with F the chip's feature size and F0 the one the component was stated
// for; 1 when either is not stated.
double area_factor(const hardware::Technology& technology, const hardware::Component& component);
double energy_factor(const hardware::Technology& technology, const hardware::Component& component);

// The laws of adc_kind.h from the stated resolution (the used one where none is stated) to the used one, or
// their mean over the resolutions from `low_bits` to it; all 1 when kind or used resolution is not stated.
struct AdcFactors {
  double energy = 1.0;
  double area = 1.0;
  double time = 1.0;
};
AdcFactors adc_factors(const hardware::Adc& adc);

// Energy of a conversion that resolves `bits` at most, over that of one as it is used, by the same laws: with
// `low_bits` the mean over all resolutions, of which those above `bits` stop there. 1 where that is not less,
// or the kind or the resolution is not stated.
double early_stop(const hardware::Adc& adc, double bits);

}  // namespace bitline::estimate
