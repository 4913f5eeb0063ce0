#include "bitline/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace bitline::train {

double Schedule::factor(std::int64_t step) const {
  if (step < warmup_steps) return static_cast<double>(step + 1) / static_cast<double>(warmup_steps + 1);
  const auto length = static_cast<double>(std::max<std::int64_t>(1, steps - warmup_steps));
  const double progress = std::min(1.0, static_cast<double>(step - warmup_steps) / length);
  return 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

}  // namespace bitline::train
