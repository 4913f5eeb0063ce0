// Notices a loss that runs away: the mean of its last steps is far above what guessing gives and above where
// the training began. Few steps tell: with fixed batch-norm statistics a short run may have no more left.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace bitline::train {

// What a run has seen of its loss; goes into checkpoints.
struct LossTrend {
  std::int64_t steps = 0;
  double start = 0.0;            // mean of the first steps
  std::vector<double> latest;    // of the last steps, oldest first
  std::int64_t ran_away_at = 0;  // step, from 1; 0: it has not
};

class LossWatch {
 public:
  explicit LossWatch(std::int64_t classes);

  // The loss of the next step; true at the one at which it has run away, once.
  bool add(double loss);
  double recent() const;  // mean of the last steps; 0 before the first
  const LossTrend& trend() const { return trend_; }
  void go_on_from(LossTrend trend) { trend_ = std::move(trend); }

 private:
  double guessing_;
  LossTrend trend_;
};

}  // namespace bitline::train
