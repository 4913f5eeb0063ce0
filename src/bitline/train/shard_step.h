// One batch, forward and backward, in a fixed number of shards that run side by side.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "bitline/data/dataset.h"
#include "bitline/train/graph_net.h"

namespace bitline::train {

struct LossOptions {
  double label_smoothing = 0.0;
  double distillation = 0.0;
  double temperature = 1.0;
};

struct StepResult {
  double loss = 0.0;  // mean over the batch
  std::int64_t correct = 0;
  std::vector<at::Tensor> gradients;        // by parameter, summed in shard order
  std::vector<BatchStatistics> statistics;  // by shard
};

// teacher may be null when options.distillation is 0.
StepResult run_shards(const GraphNet& net, const GraphNet* teacher, const data::Batch& batch, int shards,
                      int threads, BatchNormMode mode, const LossOptions& options);

}  // namespace bitline::train
