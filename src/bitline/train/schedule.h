// The learning rate over a run, as a factor of the peak: linear warm-up, then cosine to zero.
#pragma once

#include <cstdint>

namespace bitline::train {

struct Schedule {
  std::int64_t steps = 1;         // of the whole run
  std::int64_t warmup_steps = 0;  // linear from 1/(warmup+1)

  double factor(std::int64_t step) const;  // step in [0, steps)
};

}  // namespace bitline::train
