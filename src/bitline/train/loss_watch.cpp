#include "bitline/train/loss_watch.h"

#include <algorithm>
#include <cmath>

namespace bitline::train {

namespace {

constexpr std::int64_t kFirstSteps = 5;
constexpr double kShare = 0.1;  // of a step in the running mean
constexpr double kFarAbove = 3.0;

}  // namespace

LossWatch::LossWatch(std::int64_t classes)
    : guessing_(std::log(static_cast<double>(std::max<std::int64_t>(classes, 2)))) {}

bool LossWatch::add(double loss) {
  ++steps_;
  if (steps_ <= kFirstSteps) {
    start_ += (loss - start_) / static_cast<double>(steps_);
    recent_ = start_;
    return false;
  }
  recent_ += kShare * (loss - recent_);
  if (said_ || recent_ <= kFarAbove * std::max(start_, guessing_)) return false;
  said_ = true;
  return true;
}

}  // namespace bitline::train
