// The state of a training run in one safetensors file, replaced atomically: a run killed at any moment
// resumes from the last whole checkpoint and ends with the same bits. A digest of header and tensors goes
// with it, so that a flipped bit is noticed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "bitline/io/filesystem.h"
#include "bitline/train/loss_watch.h"
#include "bitline/train/trainer.h"

namespace bitline::train {

struct RunState {
  std::string fingerprint;  // of options, start and data: a checkpoint of another run is refused
  std::int64_t steps_done = 0;
  double epoch_loss = 0.0;  // sums over the unfinished epoch
  std::int64_t epoch_correct = 0;
  double epoch_seconds = 0.0;
  double best_accuracy = -1.0;
  std::vector<EpochReport> epochs;
  LossTrend loss;
  std::map<std::string, at::Tensor> values;      // GraphNet::state
  std::map<std::string, at::Tensor> velocities;  // by parameter name
  std::map<std::string, at::Tensor> best;        // GraphNet::state of the best epoch; may be empty
};

void save_checkpoint(io::FileSystem& fs, const std::string& path, const RunState& state);

// Nothing when there is no file. Error{kBadInput} when it belongs to another run or is damaged.
std::optional<RunState> load_checkpoint(io::FileSystem& fs, const std::string& path,
                                        const std::string& fingerprint);

}  // namespace bitline::train
