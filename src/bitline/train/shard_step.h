// One batch, forward and backward, in a fixed number of shards that run side by side.
#pragma once

#include <cstdint>
#include <functional>
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

struct ShardPlan {
  int shards = 1;   // part of the result
  int threads = 1;  // not part of it; at least 1
  BatchNormMode mode = BatchNormMode::kFixed;
};

// Loss, a scalar, of the net's outputs for images `first` up to `last` of the batch, as its share of the
// whole batch. Called from several threads.
using ShardLoss = std::function<at::Tensor(const at::Tensor& outputs, std::int64_t first, std::int64_t last)>;

// Gradients of the sum of the shards' losses for images [N, ...]. `correct` stays 0.
StepResult run_shards(const GraphNet& net, const at::Tensor& images, const ShardPlan& plan,
                      const ShardLoss& loss);

// The same for classification. teacher may be null when options.distillation is 0.
StepResult run_shards(const GraphNet& net, const GraphNet* teacher, const data::Batch& batch, int shards,
                      int threads, BatchNormMode mode, const LossOptions& options);

}  // namespace bitline::train
