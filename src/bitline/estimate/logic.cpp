#include "bitline/estimate/logic.h"

#include <algorithm>

namespace bitline::estimate {

namespace {

double instances_on_chip(const ComponentTotal& unit) {
  return unit.instances * unit.units;
}

double peak_on_chip(const ComponentTotal& unit) {
  return value_or(unit.component->peak, 0.0) * instances_on_chip(unit);
}

template <class OfUnit>
double sum_of_units(const RollUp& roll_up, const OfUnit& of) {
  double sum = 0.0;
  for (const ComponentTotal& c : roll_up.components) {
    if (is_digital_unit(c)) sum += of(c);
  }
  return sum;
}

}  // namespace

bool is_digital_unit(const ComponentTotal& c) {
  const hardware::Component& unit = *c.component;
  return unit.kind == "digital" && (unit.energy || (unit.power && unit.peak));
}

bool has_digital_unit(const RollUp& roll_up) {
  return std::any_of(roll_up.components.begin(), roll_up.components.end(), is_digital_unit);
}

std::optional<double> digital_peak(const RollUp& roll_up) {
  const double peak = sum_of_units(roll_up, peak_on_chip);
  if (peak <= 0.0) return std::nullopt;
  return peak;
}

double digital_time(const RollUp& roll_up, const Dataflow& flow) {
  double macs = 0.0;
  for (const LayerData& layer : flow.layers) macs += layer.digital_macs;
  const std::optional<double> peak = digital_peak(roll_up);
  return peak ? 2.0 * macs / *peak : 0.0;
}

std::optional<double> mac_time(const ComponentTotal& unit) {
  if (!unit.component->peak) return std::nullopt;
  return 2.0 / unit.component->peak->value;
}

double digital_share(const RollUp& roll_up, const ComponentTotal& unit) {
  if (const std::optional<double> peak = digital_peak(roll_up)) return peak_on_chip(unit) / *peak;
  return instances_on_chip(unit) / sum_of_units(roll_up, instances_on_chip);
}

}  // namespace bitline::estimate
