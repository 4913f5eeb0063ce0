// Training, from outside: float networks and quantization-aware training for arrays. Torch-free, so that a
// program can use it through the library's one entry point without linking LibTorch.
//
// A batch is cut into a fixed number of shards; each shard runs forward and backward on one thread
// (batch-norm sees the shard) and gradients are added in shard order. So a run gives the same bits on any
// number of threads, and a run that was killed and resumed gives the same bits as one that was not.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bitline/base/context.h"
#include "bitline/data/augment.h"
#include "bitline/data/dataset.h"
#include "bitline/io/filesystem.h"
#include "bitline/quant/config.h"
#include "bitline/sim/network.h"
#include "bitline/train/backend.h"
#include "bitline/train/quantizers.h"

namespace bitline::train {

struct TrainOptions {
  int epochs = 1;
  int batch = 128;
  int shards = 4;
  double learning_rate = 0.02;
  double scale_learning_rate = 0.1;  // factor on the rate of weight scales
  double range_learning_rate = 1.0;  // factor on the rate of activation scales and ADC steps and centres
  Quantizers quantizers;             // of layers on arrays
  double momentum = 0.9;
  double weight_decay = 1e-4;  // never on scales, biases and batch-norm
  double warmup_epochs = 0.0;
  double label_smoothing = 0.0;
  double distillation = 0.0;  // weight of the float network's soft targets, 0..1
  double temperature = 4.0;
  double clip_norm = 0.0;          // of the whole gradient; 0 = off
  double freeze_batch_norm = 0.1;  // last fraction of the run that uses fixed statistics
  int small_epochs = 0;  // the first epochs, on the centre of each image alone: faster; of float networks
  std::int64_t small_side = 24;  // pixels a side of that centre
  Backend backend;
  std::int64_t evaluate_images = 0;   // test images looked at after each epoch; 0 = all
  std::string checkpoint;             // file; empty = none. An existing one of the same run is resumed
  std::int64_t checkpoint_steps = 0;  // also every so many steps; 0 = after each epoch only
  std::int64_t stop_after_steps =
      0;  // for tests: throw kCancelled after so many steps of this process; 0 = never
};

struct TrainData {
  const data::Dataset* train = nullptr;
  const data::Dataset* test = nullptr;  // may be null: no evaluation, the last state is the best
  data::Normalization normalization;
  data::Augmentation augmentation;
};

struct StepReport {
  std::int64_t step, steps;  // of the run, from 1
  int epoch;                 // from 1
  std::int64_t batch;        // images
  double loss, learning_rate;
  double gradient_norm;  // before clipping
  double images_per_second, seconds_left;
};

struct EpochReport {
  int epoch = 0;                // from 1
  double loss = 0.0;            // mean over the epoch
  double train_accuracy = 0.0;  // %, in training mode
  double test_accuracy = 0.0;   // %, on the integer engine for layers on arrays
  double seconds = 0.0;
  std::int64_t steps_done = 0;
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_step(const StepReport&) {}
  virtual void on_epoch(const EpochReport&) {}
};

struct TrainResult {
  quant::QuantizedModel last;
  quant::QuantizedModel best;  // by test accuracy
  std::vector<EpochReport> epochs;
  double best_accuracy = 0.0;
  std::int64_t peak_memory_bytes = 0;
  bool resumed = false;
  std::int64_t ran_away_at = 0;  // the step at which the loss had run away (loss_watch.h); 0: it did not
};

struct ReconstructOptions {
  int steps = 300;  // of each part
  int batch = 32;
  int shards = 4;  // parts a batch is cut into; part of the result
  // Learning rates of Adam: of weights in steps of their grid, of scales, biases and ranges relative to their
  // size.
  double weight_rate = 0.1;
  double scale_rate = 0.03;
  Quantizers quantizers;  // of the policy lsq: scales are fitted as everything else is
  Backend backend;
};

struct SegmentReport {
  int segment, segments;  // from 1
  std::string last_node;
  double error_before, error_after;  // mean squared error over the variance of the float outputs
};

class Trainer {
 public:
  virtual ~Trainer() = default;

  // Trains from `start`: layers listed in start.layers run on arrays with calibrated scales, the others in
  // float. `teacher` is needed when options.distillation > 0. Errors: kBadInput for contradicting options,
  // data that do not fit or another run's checkpoint, kUnsupported for a device, operator or format that is
  // not to be had here, kFailure when the loss or a gradient is no longer finite or a checkpoint cannot be
  // written, kCancelled.
  virtual TrainResult train(const quant::QuantizedModel& start, const ir::Graph* teacher,
                            const TrainData& data, const TrainOptions& options, Observer& observer,
                            const Context& context, io::FileSystem& fs) const = 0;

  // Throws what train() would say of the layers of this start under the quantizers and backend of these
  // options.
  virtual void check(const quant::QuantizedModel& start, const TrainOptions& options) const = 0;

  // Fits `start` (calibrated) part by part to `reference`, a float graph with the same nodes, on normalized
  // images [N, C, H, W] without labels (reconstruct.h). A part that cannot be improved stays as it is. The
  // same bits for any number of threads. Errors: kBadInput for options out of range or graphs that differ,
  // kUnsupported as above and for another policy than lsq, kCancelled.
  virtual quant::QuantizedModel reconstruct(const quant::QuantizedModel& start, const ir::Graph& reference,
                                            const ir::Tensor& images, const ReconstructOptions& options,
                                            const std::function<void(const SegmentReport&)>& observer,
                                            const Context& context) const = 0;

  // The codes of every array layer as the training graph computes them with LibTorch operators, in evaluation
  // mode.
  virtual ir::Tensor trace(const quant::QuantizedModel& model, const ir::Tensor& images,
                           sim::Trace& trace) const = 0;

  virtual std::string torch_version() const = 0;
};

}  // namespace bitline::train

// The one symbol other programs look up in libbitline_train.so.
extern "C" const bitline::train::Trainer* bitline_trainer();
