#include "bitline/estimate/accumulation.h"

#include <cmath>

#include "bitline/estimate/technology.h"

namespace bitline::estimate {

using hardware::Accumulation;
using hardware::HardwareSpec;

namespace {

std::int64_t groups(std::int64_t things, const hardware::OptionalConstant& size) {
  const auto each = static_cast<std::int64_t>(size->value);
  return (things + each - 1) / each;
}

}  // namespace

std::int64_t conversions_of(const Accumulation& a, std::int64_t slices, std::int64_t input_cycles) {
  if (!a.stated) return slices * input_cycles;
  return groups(slices, a.columns) * groups(input_cycles, a.cycles) *
         static_cast<std::int64_t>(a.conversions->value);
}

std::optional<double> conversion_time(const HardwareSpec& spec) {
  if (!spec.adc.rate) return std::nullopt;
  return adc_factors(spec.adc).time / spec.adc.rate->value;
}

std::optional<double> conversion_cycle(const HardwareSpec& spec) {
  const std::optional<double> each = conversion_time(spec);
  if (!each) return std::nullopt;
  const Accumulation& a = spec.accumulation;
  if (a.stated && spec.adc.count) {
    const double in_array = std::floor(spec.array.columns->value / a.columns->value) * a.conversions->value;
    const double arrays = value_or(spec.array.count, 1.0);
    return in_array * arrays / spec.adc.count->value * *each / a.cycles->value;
  }
  if (!spec.array.column_mux) return std::nullopt;
  return spec.array.column_mux->value * *each;
}

Conversions conversions_in(const HardwareSpec& spec, std::optional<double> cycle) {
  Conversions out{spec.accumulation, 0.0};
  const std::optional<double> each = conversion_time(spec);
  if (!spec.accumulation.stated || !each || !cycle) return out;
  if (spec.adc.count) {
    out.cycles = *each * value_or(spec.array.count, 1.0) / spec.adc.count->value / *cycle;
  } else if (spec.array.column_mux) {
    out.cycles = *each * spec.array.column_mux->value / spec.array.columns->value / *cycle;
  }
  return out;
}

bool is_used_by_sums(const hardware::Component& component) {
  return component.energy && (component.kind == "amplifier" || component.kind == "analog-buffer");
}

double sum_rate(const HardwareSpec& spec, double cycle) {
  return value_or(spec.array.count, 1.0) * spec.array.columns->value / cycle;
}

}  // namespace bitline::estimate
