// Training steps of ResNet-20 on noise images of CIFAR's shape, timed one by one.
#pragma once

#include <vector>

namespace bitline::bench {

struct TrainingCase {
  const char* name;
  const char* cim_operator;  // fused, composed or auto
  bool on_arrays;            // W4A4P4 column/column, or float
};

inline constexpr TrainingCase kFusedSteps = {"qat_step/fused", "fused", true};
inline constexpr TrainingCase kComposedSteps = {"qat_step/composed", "composed", true};
inline constexpr TrainingCase kFloatSteps = {"qat_step/float", "auto", false};

struct StepCount {
  int batch = 32;
  int steps = 5;  // after one to warm up
  int threads = 1;
};

// The peak memory before training, MiB, and then the seconds of each step: processor time on one thread, wall
// time on more. To be run in a child process.
std::vector<double> training_steps(const TrainingCase& which, const StepCount& count);

}  // namespace bitline::bench
