#include "bitline/estimate/technology.h"

#include <cmath>

#include "bitline/hardware/adc_kind.h"

namespace bitline::estimate {

namespace {

double power_law(const hardware::Technology& technology, const hardware::Component& component,
                 double exponent) {
  if (!technology.node || !component.stated_node) return 1.0;
  return std::pow(technology.node->value / component.stated_node->value, exponent);
}

}  // namespace

double area_factor(const hardware::Technology& technology, const hardware::Component& component) {
  return power_law(technology, component, value_or(technology.area_exponent, hardware::kAreaExponent));
}

double energy_factor(const hardware::Technology& technology, const hardware::Component& component) {
  return power_law(technology, component, value_or(technology.energy_exponent, hardware::kEnergyExponent));
}

AdcFactors adc_factors(const hardware::Adc& adc) {
  const hardware::AdcKind* kind = hardware::find_adc_kind(adc.type);
  if (kind == nullptr || !adc.bits || !adc.stated_bits) return {};
  const double bits = adc.bits->value;
  const double stated = adc.stated_bits->value;
  const double share = value_or(adc.linear_share, hardware::kLinearShare);
  const double low = value_or(adc.low_bits, bits), resolutions = bits - low + 1.0;
  AdcFactors mean{0.0, kind->area(bits, stated, share), 0.0};
  for (double b = low; b <= bits; b += 1.0) {
    mean.energy += kind->energy(b, stated, share) / resolutions;
    mean.time += kind->time(b, stated) / resolutions;
  }
  return mean;
}

double early_stop(const hardware::Adc& adc, double bits) {
  const hardware::AdcKind* kind = hardware::find_adc_kind(adc.type);
  if (kind == nullptr || !adc.bits || bits >= adc.bits->value) return 1.0;
  return kind->energy(bits, adc.bits->value, value_or(adc.linear_share, hardware::kLinearShare));
}

}  // namespace bitline::estimate
