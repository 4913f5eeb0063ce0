#include "bitline/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>

#include <sys/resource.h>

#include "bitline/base/error.h"
#include "bitline/base/units.h"
#include "bitline/data/loader.h"
#include "bitline/data/sampler.h"
#include "bitline/sim/evaluate.h"
#include "bitline/train/check_options.h"
#include "bitline/train/checkpoint.h"
#include "bitline/train/fingerprint.h"
#include "bitline/train/graph_net.h"
#include "bitline/train/loss_watch.h"
#include "bitline/train/reconstruct.h"
#include "bitline/train/schedule.h"
#include "bitline/train/shard_step.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kRunningMomentum = 0.1;  // of batch-norm statistics, ranges and centres of converters

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::int64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

GraphNet make_net(const quant::QuantizedModel& start, const TrainOptions& options) {
  return {
      start, options.backend, {options.scale_learning_rate, options.range_learning_rate}, options.quantizers};
}

class Run {
 public:
  Run(const quant::QuantizedModel& start, const ir::Graph* teacher, const TrainData& data,
      const TrainOptions& options, Observer& observer, const Context& context, io::FileSystem& fs)
      : data_(data),
        options_(options),
        observer_(observer),
        context_(context),
        fs_(fs),
        net_(make_net(start, options)),
        sgd_(net_.parameters(), options.momentum, options.weight_decay),
        loss_watch_(std::ssize(data.train->class_names())) {
    if (options.distillation > 0.0) {
      teacher_ = std::make_unique<GraphNet>(quant::QuantizedModel{*teacher, {}, {}},
                                            Backend{options.backend.device, "auto", options.backend.compute});
    }
    steps_per_epoch_ = data.train->size() / options.batch;
    schedule_.steps = steps_per_epoch_ * options.epochs;
    schedule_.warmup_steps = std::llround(options.warmup_epochs * static_cast<double>(steps_per_epoch_));
    state_.fingerprint = fingerprint(start, teacher, data, options, context.seed);
  }

  TrainResult train() {
    TrainResult result;
    result.resumed = resume();
    const std::int64_t epochs_done = state_.steps_done / steps_per_epoch_;
    if (static_cast<std::int64_t>(state_.epochs.size()) < epochs_done) finish_epoch(epochs_done - 1);
    while (state_.steps_done < schedule_.steps) run_epoch();
    result.last = net_.export_model();
    if (!state_.best.empty()) net_.load_state(state_.best);
    result.best = net_.export_model();
    result.epochs = state_.epochs;
    result.best_accuracy = std::max(0.0, state_.best_accuracy);
    result.peak_memory_bytes = peak_memory();
    result.ran_away_at = loss_watch_.trend().ran_away_at;
    return result;
  }

 private:
  bool resume() {
    if (options_.checkpoint.empty()) return false;
    std::optional<RunState> saved = load_checkpoint(fs_, options_.checkpoint, state_.fingerprint);
    if (!saved) return false;
    state_ = std::move(*saved);
    net_.load_state(state_.values);
    loss_watch_.go_on_from(state_.loss);
    for (std::size_t i = 0; i < sgd_.velocities().size(); ++i) {
      const Parameter& p = sgd_.parameters()[i];
      const auto velocity = state_.velocities.find(p.name);
      if (velocity == state_.velocities.end() || velocity->second.numel() != p.value.numel())
        bad_input("the checkpoint has no velocity that fits '" + p.name + "'",
                  Where{options_.checkpoint, 0, 0, {}});
      sgd_.velocities()[i] = velocity->second.to(net_.device()).view_as(p.value);
    }
    return true;
  }

  void save() {
    if (options_.checkpoint.empty()) return;
    state_.values = net_.state();
    state_.loss = loss_watch_.trend();
    for (std::size_t i = 0; i < sgd_.velocities().size(); ++i) {
      state_.velocities[sgd_.parameters()[i].name] = sgd_.velocities()[i];
    }
    save_checkpoint(fs_, options_.checkpoint, state_);
  }

  void run_epoch() {
    const std::int64_t epoch = state_.steps_done / steps_per_epoch_;
    std::vector<std::int64_t> order = data::epoch_order(data_.train->size(), context_.seed, epoch);
    const std::int64_t done = state_.steps_done % steps_per_epoch_;
    order.resize(static_cast<std::size_t>(steps_per_epoch_ * options_.batch));
    order.erase(order.begin(), order.begin() + done * options_.batch);
    data::BatchLoader loader(*data_.train, std::move(order), options_.batch, data_.normalization,
                             data_.augmentation, context_.seed, epoch);
    const Clock::time_point start = Clock::now();
    const double seconds_before = state_.epoch_seconds;
    const std::int64_t first_step = state_.steps_done;
    while (auto batch = loader.next()) {
      stop_if_cancelled();
      if (epoch < options_.small_epochs) data::crop_centre(*batch, options_.small_side);
      const StepFigures figures = run_step(*batch);
      state_.epoch_seconds = seconds_before + seconds_since(start);
      report_step(figures, epoch,
                  static_cast<double>(state_.steps_done - first_step) / std::max(1e-9, seconds_since(start)));
      if (checkpoint_due()) save();
      if (!at_epoch_end()) stop_if_asked();
    }
    finish_epoch(epoch);
    stop_if_asked();
  }

  // The state after an epoch's last step is saved by finish_epoch, before and after its evaluation.
  bool at_epoch_end() const { return state_.steps_done % steps_per_epoch_ == 0; }
  bool checkpoint_due() const {
    return options_.checkpoint_steps > 0 && state_.steps_done % options_.checkpoint_steps == 0 &&
           !at_epoch_end();
  }

  struct StepFigures {
    double loss, gradient_norm;
  };

  StepFigures run_step(const data::Batch& batch) {
    const double rate = options_.learning_rate * schedule_.factor(state_.steps_done);
    const double progress = static_cast<double>(state_.steps_done) / static_cast<double>(schedule_.steps);
    const BatchNormMode mode =
        progress >= 1.0 - options_.freeze_batch_norm ? BatchNormMode::kFixed : BatchNormMode::kBatch;
    net_.set_progress(progress);
    StepResult step = run_shards(net_, teacher_.get(), batch, options_.shards, context_.threads, mode,
                                 {options_.label_smoothing, options_.distillation, options_.temperature});
    require_finite(step.loss, "loss");
    net_.shape_gradients(step.gradients, step.statistics);
    const double limit =
        options_.clip_norm > 0.0 ? options_.clip_norm : std::numeric_limits<double>::infinity();
    const double norm = clip_gradients(step.gradients, limit);
    require_finite(norm, "gradient");
    sgd_.step(step.gradients, rate);
    net_.keep_in_reach();
    net_.follow_ranges(step.statistics, kRunningMomentum);
    if (mode == BatchNormMode::kBatch) net_.update_running(step.statistics, kRunningMomentum);
    watch(step.loss);
    state_.epoch_loss += step.loss;
    state_.epoch_correct += step.correct;
    ++state_.steps_done;
    ++steps_here_;
    return {step.loss, norm};
  }

  void watch(double loss) {
    if (!loss_watch_.add(loss)) return;
    const LossTrend& trend = loss_watch_.trend();
    context_.log(LogLevel::kWarning, "warning: the loss runs away: " + fixed_text(loss_watch_.recent(), 1) +
                                         " at step " + std::to_string(trend.ran_away_at) + ", " +
                                         fixed_text(trend.start, 1) +
                                         " at the start; lower --lr or --range-lr, or set --clip-norm");
  }

  void require_finite(double value, const std::string& what) const {
    if (std::isfinite(value)) return;
    throw Error(ErrorCode::kFailure,
                "the " + what + " is no longer finite at step " + std::to_string(state_.steps_done + 1), {},
                "lower the learning rate");
  }

  void report_step(StepFigures figures, std::int64_t epoch, double steps_per_second) {
    const double rate = options_.learning_rate * schedule_.factor(state_.steps_done - 1);
    observer_.on_step(
        {state_.steps_done, schedule_.steps, static_cast<int>(epoch) + 1, options_.batch, figures.loss, rate,
         figures.gradient_norm, steps_per_second * options_.batch,
         static_cast<double>(schedule_.steps - state_.steps_done) / std::max(1e-9, steps_per_second)});
  }

  void stop_if_cancelled() {
    if (context_.cancel == nullptr || !context_.cancel->requested()) return;
    save();
    throw Error(
        ErrorCode::kCancelled, "cancelled after step " + std::to_string(state_.steps_done), {},
        options_.checkpoint.empty() ? std::string() : "the same command goes on from " + options_.checkpoint);
  }

  void stop_if_asked() const {
    if (options_.stop_after_steps > 0 && steps_here_ >= options_.stop_after_steps) {
      throw Error(ErrorCode::kCancelled, "stopped after " + std::to_string(steps_here_) + " steps, as asked");
    }
  }

  void finish_epoch(std::int64_t epoch) {
    save();
    stop_if_cancelled();
    const auto steps = static_cast<double>(steps_per_epoch_);
    EpochReport report;
    report.epoch = static_cast<int>(epoch) + 1;
    report.loss = state_.epoch_loss / steps;
    report.train_accuracy = 100.0 * static_cast<double>(state_.epoch_correct) / (steps * options_.batch);
    report.test_accuracy = evaluate_or_stop();
    report.seconds = state_.epoch_seconds;
    report.steps_done = state_.steps_done;
    state_.epochs.push_back(report);
    state_.epoch_loss = 0.0;
    state_.epoch_correct = 0;
    state_.epoch_seconds = 0.0;
    if (data_.test == nullptr || report.test_accuracy > state_.best_accuracy) {
      state_.best_accuracy = report.test_accuracy;
      for (const auto& [name, value] : net_.state()) state_.best[name] = value.detach().clone();
    }
    save();
    observer_.on_epoch(report);
  }

  // A run that is cancelled here goes on with the evaluation.
  double evaluate_or_stop() {
    try {
      return evaluate();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) stop_if_cancelled();
      throw;
    }
  }

  double evaluate() {
    if (data_.test == nullptr) return 0.0;
    data::BatchLoader loader(*data_.test, data::subset_order(*data_.test, options_.evaluate_images),
                             options_.batch, data_.normalization);
    const sim::BatchSource source = [&loader]() -> std::optional<sim::LabelledBatch> {
      std::optional<data::Batch> batch = loader.next();
      if (!batch) return std::nullopt;
      const data::ImageShape& s = batch->shape;
      return sim::LabelledBatch{{{batch->count, s.channels, s.height, s.width}, std::move(batch->pixels)},
                                std::move(batch->labels)};
    };
    return sim::evaluate(sim::Network(net_.export_model()), source, context_).accuracy();
  }

  const TrainData& data_;
  const TrainOptions& options_;
  Observer& observer_;
  const Context& context_;
  io::FileSystem& fs_;
  GraphNet net_;
  Sgd sgd_;
  std::unique_ptr<GraphNet> teacher_;
  std::int64_t steps_per_epoch_ = 1;
  std::int64_t steps_here_ = 0;
  LossWatch loss_watch_;
  Schedule schedule_;
  RunState state_;
};

class TorchTrainer final : public Trainer {
 public:
  TrainResult train(const quant::QuantizedModel& start, const ir::Graph* teacher, const TrainData& data,
                    const TrainOptions& options, Observer& observer, const Context& context,
                    io::FileSystem& fs) const override {
    check_options(start, teacher, data, options);
    at::set_num_threads(1);
    return Run(start, teacher, data, options, observer, context, fs).train();
  }

  void check(const quant::QuantizedModel& start, const TrainOptions& options) const override {
    make_net(start, options);
  }

  quant::QuantizedModel reconstruct(const quant::QuantizedModel& start, const ir::Graph& reference,
                                    const ir::Tensor& images, const ReconstructOptions& options,
                                    const std::function<void(const SegmentReport&)>& observer,
                                    const Context& context) const override {
    at::set_num_threads(1);
    return train::reconstruct(start, reference, images, options, observer, context);
  }

  ir::Tensor trace(const quant::QuantizedModel& model, const ir::Tensor& images,
                   sim::Trace& trace) const override {
    at::set_num_threads(1);
    return GraphNet(model, {"cpu", "composed"}).trace(images, trace);
  }

  std::string torch_version() const override { return TORCH_VERSION; }
};

}  // namespace

}  // namespace bitline::train

extern "C" const bitline::train::Trainer* bitline_trainer() {
  static const bitline::train::TorchTrainer trainer;
  return &trainer;
}
