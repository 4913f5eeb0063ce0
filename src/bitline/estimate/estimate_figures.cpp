// Figures that follow from the sums of an estimate.
#include "bitline/estimate/estimate.h"

namespace bitline::estimate {

std::optional<double> Estimate::frames() const {
  if (!time_complete || !period || *period <= 0.0) return std::nullopt;
  return 1.0 / *period;
}

std::optional<double> Estimate::operations_rate() const {
  if (!frames()) return std::nullopt;
  return 2.0 * static_cast<double>(macs) * *frames();
}

std::optional<double> Estimate::operations_per_joule() const {
  if (!complete() || energy <= 0.0) return std::nullopt;
  return 2.0 * static_cast<double>(macs) / energy;
}

std::optional<double> Estimate::operations_per_area() const {
  if (!operations_rate() || !area) return std::nullopt;
  return *operations_rate() / *area;
}

std::optional<double> Estimate::energy_delay() const {
  if (!complete() || !latency) return std::nullopt;
  return energy * *latency;
}

}  // namespace bitline::estimate
