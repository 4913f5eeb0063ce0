#include "bitline/estimate/technology.h"

#include <algorithm>
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
  if (kind == nullptr || !adc.bits || (!adc.stated_bits && !adc.low_bits)) return {};
  const double bits = adc.bits->value;
  const double stated = value_or(adc.stated_bits, bits);
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
  const double most = adc.bits->value, stated = value_or(adc.stated_bits, most);
  const double share = value_or(adc.linear_share, hardware::kLinearShare);
  double early = 0.0, full = 0.0;
  for (double b = value_or(adc.low_bits, most); b <= most; b += 1.0) {
    early += kind->energy(std::min(b, bits), stated, share);
    full += kind->energy(b, stated, share);
  }
  return early / full;
}

}  // namespace bitline::estimate
