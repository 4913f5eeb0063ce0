// Training steps on noise images of CIFAR's shape, timed one by one.
#pragma once

#include <vector>

#include "workloads.h"

#include "bitline/quant/config.h"

namespace bitline::bench {

// In float, after a calibration for arrays: its steps start from the same peak of memory as those on arrays.
quant::QuantizedModel uncalibrated_resnet20();

struct TrainingCase {
  const char* name;
  quant::QuantizedModel (*network)();
  const char* cim_operator;  // fused, composed or auto
  const char* compute = "float32";
};

inline constexpr TrainingCase kFusedSteps = {"qat_step/fused", array_resnet20, "fused"};
inline constexpr TrainingCase kComposedSteps = {"qat_step/composed", array_resnet20, "composed"};
inline constexpr TrainingCase kFloatSteps = {"qat_step/float", uncalibrated_resnet20, "auto"};
inline constexpr TrainingCase kResnet18Steps = {"resnet18_step/float32", float_resnet18, "auto"};
inline constexpr TrainingCase kBfloatSteps = {"resnet18_step/bfloat16", float_resnet18, "auto", "bfloat16"};

struct StepCount {
  int batch = 32;
  int steps = 5;  // after one to warm up
  int threads = 1;
};

// The peak memory before training, MiB, and then the seconds of each step: processor time on one thread, wall
// time on more. To be run in a child process.
std::vector<double> training_steps(const TrainingCase& which, const StepCount& count);

}  // namespace bitline::bench
