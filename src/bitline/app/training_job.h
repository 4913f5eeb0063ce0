// Options of training and the run itself, shared by `train` and `quantize`.
#pragma once

#include <optional>
#include <string>

#include "bitline/app/options.h"
#include "bitline/train/trainer.h"

namespace CLI {
class App;
}

namespace bitline::app {

struct TrainingOptions {
  train::TrainOptions train;
  std::string augment = "auto";  // auto | none | crop | flip | crop-flip
  std::int64_t train_images = 0;
  std::string tensorboard;

  void declare(CLI::App& app, double learning_rate, int epochs);
  data::Augmentation augmentation(const std::string& data_kind) const;

 private:
  void set_quantizers(const std::string& text, bool weights, bool activations);
};

// One part of a training, and what was done before it: its epochs and steps count on.
struct Stage {
  std::string label;
  int epochs_before = 0;
  std::int64_t steps_before = 0;
};

// Trains and reports progress on stderr and, when asked, to TensorBoard. Errors are those of Trainer::train
// and of the data set.
train::TrainResult run_training(const quant::QuantizedModel& start, const ir::Graph* teacher,
                                const DataOptions& data, const TrainingOptions& options, Session& session,
                                const Stage& stage);

// Figures every training command reports.
void add_training_figures(const train::TrainResult& result, const TrainingOptions& options,
                          result::Record& record);

}  // namespace bitline::app
