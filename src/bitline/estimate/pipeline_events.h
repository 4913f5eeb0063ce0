// The discrete-event simulation of one round: rows are computed, move and make room, in order of time.
//
// A layer takes the positions of a row, in order, on the replica that is free first; all replicas wait for
// each other between pictures, so that a picture that nothing holds up takes ceil(positions / replicas)
// steps. A row starts when a replica is free, the rows that it needs are there, and every reader has room for
// it. The digital units take one row at a time, of the earliest picture that has one, and of its first layer.
// Events at one time are handled by kind, index and row: the result is the same everywhere.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "bitline/estimate/pipeline.h"
#include "bitline/estimate/pipeline_plan.h"

namespace bitline::estimate {

// Replicas of a layer by the time at which they are free.
class Replicas {
 public:
  Replicas() = default;
  Replicas(std::int64_t count, double step) : runs_{{0.0, count}}, count_(count), step_(step) {}

  struct Run {
    double free = 0.0;
    std::int64_t count = 0;
  };

  double first_free() const { return runs_.front().free; }
  double last_free() const { return runs_.back().free; }

  // None starts before `time`; for those free earlier, waited(count, from).
  template <class Waited>
  void hold(double time, const Waited& waited) {
    std::int64_t held = 0;
    while (!runs_.empty() && runs_.front().free < time) {
      waited(runs_.front().count, runs_.front().free);
      held += runs_.front().count;
      runs_.pop_front();
    }
    if (held > 0) runs_.push_front({time, held});
  }

  double take(std::int64_t positions);  // the time at which the last of them is done
  void delay(double time);              // all of them

 private:
  std::deque<Run> runs_;  // sorted; first and last at most a step apart
  std::int64_t count_ = 1;
  double step_ = 0.0;
};

struct VertexTimes {
  double busy = 0.0;
  std::array<double, kWaits> waits{};
};

// In array cycles from the start of the round.
struct RoundTimes {
  std::vector<VertexTimes> vertices;
  std::vector<PipelineSpan> spans;  // `layer` is a vertex
  std::vector<double> completions;  // of pictures, if the result is in this round
  double end = 0.0;
};

// Throws Error{kCancelled}.
RoundTimes run_round(const Flow& flow, const RoundPlan& plan, std::int64_t pictures, const Context& context);

}  // namespace bitline::estimate
