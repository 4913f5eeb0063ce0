#include "bitline/app/training_job.h"

#include <algorithm>
#include <array>
#include <iostream>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "bitline/app/trainer_library.h"
#include "bitline/base/cpu.h"
#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/base/units.h"
#include "bitline/ir/classes.h"
#include "bitline/report/progress.h"
#include "bitline/report/tensorboard.h"

namespace bitline::app {

namespace {

constexpr int kCropPad = 4;

struct NamedAugmentation {
  const char* name;
  data::Augmentation augmentation;
};
constexpr std::array<NamedAugmentation, 4> kAugmentations = {{{"none", {0, false}},
                                                              {"crop", {kCropPad, false}},
                                                              {"flip", {0, true}},
                                                              {"crop-flip", {kCropPad, true}}}};

// A validator of CLI11: what is wrong, or nothing.
std::string known_augmentation(const std::string& text) {
  std::vector<std::string> names = {"auto"};
  for (const NamedAugmentation& a : kAugmentations) names.emplace_back(a.name);
  if (std::find(names.begin(), names.end(), text) != names.end()) return {};
  return "unknown augmentation '" + text + "' (" + suggestion(text, names) + ")";
}

// What is faster here, for `auto`.
std::string computed_in(const std::string& text) {
  if (text != "auto") return text;
  return cpu_features().avx512_bf16 ? "bfloat16" : "float32";
}

class ConsoleObserver final : public train::Observer {
 public:
  ConsoleObserver(const Session& session, const Stage& stage, const std::string& tensorboard)
      : session_(session), stage_(stage) {
    if (!tensorboard.empty()) events_.emplace(session.files(), tensorboard, unix_time());
  }

  void on_step(const train::StepReport& s) override {
    if (!session_.options().quiet) {
      if (!bar_) open_bar(s);
      bar_->update((s.step - first_step_) * s.batch);
    }
    write("train/loss", s.step, s.loss);
    write("train/learning_rate", s.step, s.learning_rate);
    write("train/gradient_norm", s.step, s.gradient_norm);
  }

  void on_epoch(const train::EpochReport& e) override {
    session_.note(stage_.label + "  epoch " + std::to_string(stage_.epochs_before + e.epoch) + "  loss " +
                  fixed_text(e.loss, 4) + "  train " + fixed_text(e.train_accuracy, 2) + " %  test " +
                  fixed_text(e.test_accuracy, 2) + " %  " + duration_text(e.seconds));
    write("test/accuracy", e.steps_done, e.test_accuracy);
    write("train/accuracy", e.steps_done, e.train_accuracy);
  }

 private:
  void open_bar(const train::StepReport& s) {
    first_step_ = s.step - 1;
    report::ProgressStyle style;
    style.label = stage_.label;
    style.terminal = report::is_terminal(STDERR_FILENO);
    style.line_seconds = 30;
    bar_.emplace(std::cerr, (s.steps - first_step_) * s.batch, style);
  }

  void write(const char* tag, std::int64_t step, double value) {
    if (events_) events_->scalar(tag, stage_.steps_before + step, value, unix_time());
  }

  const Session& session_;
  Stage stage_;
  std::optional<report::ProgressBar> bar_;
  std::int64_t first_step_ = 0;
  std::optional<report::EventWriter> events_;
};

}  // namespace

void TrainingOptions::declare(CLI::App& app, double learning_rate, int epochs) {
  train.learning_rate = learning_rate;
  train.epochs = epochs;
  app.add_option("--epochs", train.epochs, "passes over the training set")->capture_default_str();
  app.add_option("--batch", train.batch, "images a step")->capture_default_str();
  app.add_option("--shards", train.shards, "parts a batch is cut into; part of the result, unlike --threads")
      ->capture_default_str();
  app.add_option("--lr", train.learning_rate, "peak learning rate (SGD, cosine)")->capture_default_str();
  app.add_option("--scale-lr", train.scale_learning_rate, "factor on the rate of weight scales")
      ->capture_default_str();
  app.add_option("--range-lr", train.range_learning_rate,
                 "factor on the rate of activation scales and of ADC steps and centres")
      ->capture_default_str();
  app.add_option_function<std::string>(
      "--quantizer", [this](const std::string& text) { set_quantizers(text, true, true); },
      "of weights and activations: names joined by '+', such as lg-lsq or ssg+asr:1..4+mde:0.01 "
      "(docs/quantizers.md); usually lsq");
  app.add_option_function<std::string>(
      "--weight-quantizer", [this](const std::string& text) { set_quantizers(text, true, false); },
      "of weights alone");
  app.add_option_function<std::string>(
      "--activation-quantizer", [this](const std::string& text) { set_quantizers(text, false, true); },
      "of activations alone");
  app.add_option_function<std::string>(
      "--psum-quantizer",
      [this](const std::string& text) { train.quantizers.psums = quant::parse_quantizer(text); },
      "of partial sums, such as ssg+ewgs; blend and penalty are not for them");
  app.add_option("--momentum", train.momentum, "SGD momentum")->capture_default_str();
  app.add_option("--weight-decay", train.weight_decay, "on weights; never on scales, biases, batch-norm")
      ->capture_default_str();
  app.add_option("--warmup", train.warmup_epochs, "epochs of linear warm-up")->capture_default_str();
  app.add_option("--label-smoothing", train.label_smoothing, "0..1")->capture_default_str();
  CLI::Option* distill =
      app.add_option("--distill", train.distillation, "weight of the float network's soft targets, 0..1")
          ->capture_default_str();
  app.add_option("--temperature", train.temperature, "of distillation")
      ->needs(distill)
      ->capture_default_str();
  app.add_option("--clip-norm", train.clip_norm, "limit of the gradient's norm, 0 = off")
      ->capture_default_str();
  app.add_option("--freeze-bn", train.freeze_batch_norm,
                 "last fraction of the run with fixed batch-norm statistics")
      ->capture_default_str();
  app.add_option("--device", train.backend.device, "cpu or cuda")->capture_default_str();
  app.add_option("--cim-operator", train.backend.cim_operator,
                 "auto, fused (CPU), composed (LibTorch operators) or float (no arrays; ideal ADC)")
      ->capture_default_str();
  app.add_option("--compute", train.backend.compute,
                 "float32, bfloat16 or auto (bfloat16 where the processor has AVX-512 BF16): convolutions in "
                 "float and what is between them; arrays compute integers")
      ->transform(computed_in)
      ->capture_default_str();
  app.add_option("--epoch-test-images", train.evaluate_images,
                 "test images looked at after each epoch, with --method ptq at the end; 0 = all")
      ->capture_default_str();
  CLI::Option* checkpoint =
      app.add_option("--checkpoint", train.checkpoint, "file to save the run in and to resume from");
  app.add_option("--checkpoint-steps", train.checkpoint_steps, "also save every so many steps")
      ->needs(checkpoint)
      ->capture_default_str();
  app.add_option("--stop-after-steps", train.stop_after_steps, "stop as if interrupted (to try resuming)")
      ->capture_default_str();
  app.add_option("--augment", augment, "auto, none, crop, flip or crop-flip")
      ->check(known_augmentation)
      ->capture_default_str();
  CLI::Option* small_epochs =
      app.add_option("--small-epochs", train.small_epochs,
                     "first epochs, on the middle of each (shifted) image alone: faster; float networks")
          ->capture_default_str();
  app.add_option("--small-side", train.small_side, "pixels a side of that middle")
      ->needs(small_epochs)
      ->capture_default_str();
  app.add_option("--train-images", train_images, "use only so many training images, 0 = all")
      ->capture_default_str();
  app.add_option("--tensorboard", tensorboard, "folder for TensorBoard events");
}

void TrainingOptions::set_quantizers(const std::string& text, bool weights, bool activations) {
  const quant::QuantizerSpec spec = quant::parse_quantizer(text);
  if (weights) train.quantizers.weights = spec;
  if (activations) train.quantizers.activations = spec;
}

data::Augmentation TrainingOptions::augmentation(const std::string& data_kind) const {
  for (const NamedAugmentation& a : kAugmentations) {
    if (augment == a.name) return a.augmentation;
  }
  return data_kind.starts_with("cifar") ? data::Augmentation{kCropPad, true} : data::Augmentation{};
}

train::TrainResult run_training(const quant::QuantizedModel& start, const ir::Graph* teacher,
                                const DataOptions& data, const TrainingOptions& options, Session& session,
                                const Stage& stage) {
  DataOptions limited = data;
  limited.set.limit = options.train_images;
  const auto train_set = limited.open(data::Split::kTrain, session);
  const auto test_set = data.open(data::Split::kTest, session);
  check_fit(start.graph, *train_set);
  const train::TrainData sets{train_set.get(), test_set.get(), data.normalization(),
                              options.augmentation(data.set.kind)};
  ConsoleObserver observer(session, stage, options.tensorboard);
  const train::Backend& backend = options.train.backend;
  if (backend.compute == "bfloat16" && backend.device == "cpu" && !cpu_features().avx512_bf16)
    session.note(
        "note: bfloat16 gains no time here, since the processor has no AVX-512 BF16; --compute auto takes "
        "float32");
  if (const ir::Node* softmax = ir::final_softmax(start.graph))
    session.note("note: the loss is on the input of '" + softmax->name + "', a Softmax at the network's end");
  train::TrainResult result =
      trainer().train(start, teacher, sets, options.train, observer, session.context(), session.files());
  for (train::EpochReport& e : result.epochs) {
    e.epoch += stage.epochs_before;
    e.steps_done += stage.steps_before;
  }
  return result;
}

void add_training_figures(const train::TrainResult& result, const TrainingOptions& options,
                          result::Record& record) {
  double seconds = 0.0;
  result::Table table{"epochs",
                      "Epochs",
                      {{"epoch", "epoch", 0},
                       {"loss", "loss", 4},
                       {"train_accuracy", "train %", 2},
                       {"test_accuracy", "test %", 2},
                       {"seconds", "s", 1}},
                      {}};
  for (const train::EpochReport& e : result.epochs) {
    seconds += e.seconds;
    table.rows.push_back({std::int64_t{e.epoch}, e.loss, e.train_accuracy, e.test_accuracy, e.seconds});
  }
  if (const ir::Node* softmax = ir::final_softmax(result.best.graph))
    record.add("loss_on", "the input of '" + softmax->name + "'");
  if (result.ran_away_at > 0) record.add("loss_ran_away_at_step", result.ran_away_at);
  record.add("epochs", std::int64_t{options.train.epochs});
  record.add("steps", result.epochs.empty() ? std::int64_t{0} : result.epochs.back().steps_done);
  record.add("training_seconds", seconds, "s", 1);
  record.add("best_epoch_accuracy", result.best_accuracy, "%");
  record.add("peak_memory", static_cast<double>(result.peak_memory_bytes) / (1024.0 * 1024.0), "MiB", 0);
  record.tables.push_back(std::move(table));
}

}  // namespace bitline::app
