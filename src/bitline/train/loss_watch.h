// Notices a loss that runs away: its running mean rises far above what guessing gives and above where the
// training began.
#pragma once

#include <cstdint>

namespace bitline::train {

class LossWatch {
 public:
  explicit LossWatch(std::int64_t classes);

  // The loss of the next step; true at the one at which it has run away, once.
  bool add(double loss);
  double start() const { return start_; }    // mean of the first steps
  double recent() const { return recent_; }  // running mean

 private:
  double guessing_;
  double start_ = 0.0, recent_ = 0.0;
  std::int64_t steps_ = 0;
  bool said_ = false;
};

}  // namespace bitline::train
