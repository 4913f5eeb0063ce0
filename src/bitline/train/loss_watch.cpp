#include "bitline/train/loss_watch.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bitline::train {

namespace {

constexpr std::int64_t kFirstSteps = 5;
constexpr std::size_t kLatestSteps = 5;
constexpr double kFarAbove = 3.0;

}  // namespace

LossWatch::LossWatch(std::int64_t classes)
    : guessing_(std::log(static_cast<double>(std::max<std::int64_t>(classes, 2)))) {}

bool LossWatch::add(double loss) {
  LossTrend& t = trend_;
  ++t.steps;
  t.latest.push_back(loss);
  if (t.latest.size() > kLatestSteps) t.latest.erase(t.latest.begin());
  if (t.steps <= kFirstSteps) {
    t.start += (loss - t.start) / static_cast<double>(t.steps);
    return false;
  }
  if (t.ran_away_at > 0 || recent() <= kFarAbove * std::max(t.start, guessing_)) return false;
  t.ran_away_at = t.steps;
  return true;
}

double LossWatch::recent() const {
  if (trend_.latest.empty()) return 0.0;
  return std::accumulate(trend_.latest.begin(), trend_.latest.end(), 0.0) /
         static_cast<double>(trend_.latest.size());
}

}  // namespace bitline::train
