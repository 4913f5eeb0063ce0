#include "bitline/train/trainer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>

#include <sys/resource.h>

#include "bitline/base/error.h"
#include "bitline/base/hash.h"
#include "bitline/data/loader.h"
#include "bitline/data/sampler.h"
#include "bitline/ir/shapes.h"
#include "bitline/sim/evaluate.h"
#include "bitline/train/checkpoint.h"
#include "bitline/train/graph_net.h"
#include "bitline/train/reconstruct.h"
#include "bitline/train/schedule.h"
#include "bitline/train/shard_step.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kRunningMomentum = 0.1;  // of batch-norm statistics

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::int64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

std::uint64_t hash_floats(std::uint64_t h, const std::vector<float>& values) {
  return hash_combine(h, hash_bytes(std::as_bytes(std::span(values))));
}

std::uint64_t hash_numbers(std::uint64_t h, const std::vector<double>& values) {
  return hash_combine(h, hash_bytes(std::as_bytes(std::span(values))));
}

std::uint64_t hash_graph(std::uint64_t h, const ir::Graph& graph) {
  for (const ir::Node& node : graph.nodes()) h = hash_combine(h, hash_bytes(ir::op_name(node.op)));
  for (const ir::Shape& shape : ir::infer_shapes(graph))
    h = hash_combine(h, hash_bytes(ir::shape_text(shape)));
  for (const auto& [id, tensor] : graph.constants()) h = hash_floats(h, tensor.data);
  return h;
}

std::uint64_t hash_model(std::uint64_t h, const quant::QuantizedModel& model) {
  h = hash_graph(h, model.graph);
  for (const auto& [name, layer] : model.layers) {
    h = hash_combine(h, hash_bytes(std::string_view(name + layer.config.text())));
    h = hash_floats(h, {layer.activation_scale, layer.activation_signed ? 1.0f : 0.0f});
    if (layer.activation_offset != 0.0f) h = hash_floats(h, {layer.activation_offset});
    h = hash_floats(hash_floats(hash_floats(h, layer.weight_scale), layer.psum_step), layer.psum_centre);
  }
  return h;
}

// Everything that decides the bits of a run, and nothing that does not (threads, paths).
std::string fingerprint(const quant::QuantizedModel& start, const ir::Graph* teacher, const TrainData& data,
                        const TrainOptions& o, std::uint64_t seed) {
  std::uint64_t h = hash_bytes(data.train->name());
  h = hash_numbers(
      h, {double(o.epochs), double(o.batch), double(o.shards), o.learning_rate, o.scale_learning_rate,
          o.range_learning_rate, o.momentum, o.weight_decay, o.warmup_epochs, o.label_smoothing,
          o.distillation, o.temperature, o.clip_norm, o.freeze_batch_norm, double(o.evaluate_images)});
  h = hash_numbers(h, {double(data.train->size()), data.test == nullptr ? 0.0 : double(data.test->size()),
                       double(data.augmentation.pad), double(data.augmentation.flip)});
  h = hash_floats(hash_floats(h, data.normalization.mean), data.normalization.stddev);
  h = hash_combine(hash_combine(h, hash_bytes(o.device)), hash_bytes(o.cim_operator));
  // The usual quantizers hash to nothing, so that runs begun before there were others go on.
  if (!(o.quantizers == Quantizers()))
    h = hash_combine(
        h, hash_bytes(std::string_view(o.quantizers.weights.text() + " " + o.quantizers.activations.text() +
                                       " " + o.quantizers.psums.text())));
  h = hash_model(hash_combine(h, seed), start);
  return hash_text(o.distillation > 0.0 ? hash_graph(h, *teacher) : h);
}

std::string number_text(double value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

void require_between(const char* what, double value, double low, double high) {
  if (std::isfinite(value) && value >= low && value <= high) return;
  bad_input(std::string(what) + " = " + number_text(value) + " is out of range", {},
            high == kNoLimit ? "expected at least " + number_text(low)
                             : "expected " + number_text(low) + " to " + number_text(high));
}

void check_values(const TrainOptions& o) {
  if (o.epochs < 1) bad_input("epochs must be at least 1");
  if (o.batch < 2 || o.shards < 1 || o.shards > o.batch / 2)
    bad_input("batch must hold at least two images a shard", {},
              "batch " + std::to_string(o.batch) + ", shards " + std::to_string(o.shards));
  require_between("learning_rate", o.learning_rate, 0.0, kNoLimit);
  require_between("scale_learning_rate", o.scale_learning_rate, 0.0, kNoLimit);
  require_between("range_learning_rate", o.range_learning_rate, 0.0, kNoLimit);
  require_between("momentum", o.momentum, 0.0, 1.0);
  require_between("weight_decay", o.weight_decay, 0.0, kNoLimit);
  require_between("warmup_epochs", o.warmup_epochs, 0.0, o.epochs);
  require_between("label_smoothing", o.label_smoothing, 0.0, 1.0);
  require_between("distillation", o.distillation, 0.0, 1.0);
  require_between("temperature", o.temperature, 1e-3, kNoLimit);
  require_between("clip_norm", o.clip_norm, 0.0, kNoLimit);
  require_between("freeze_batch_norm", o.freeze_batch_norm, 0.0, 1.0);
  require_between("evaluate_images", double(o.evaluate_images), 0.0, kNoLimit);
  require_between("checkpoint_steps", double(o.checkpoint_steps), 0.0, kNoLimit);
  require_between("stop_after_steps", double(o.stop_after_steps), 0.0, kNoLimit);
}

void check_fit(const data::Dataset& set, const ir::Graph& graph) {
  const data::ImageShape s = set.shape();
  const ir::Shape& in = graph.input_shape();
  if (in.size() != 4 || in[1] != s.channels || in[2] != s.height || in[3] != s.width) {
    bad_input("the data set " + set.name() + " does not fit the model: images are " +
              ir::shape_text({ir::kBatch, s.channels, s.height, s.width}) + ", the model takes " +
              ir::shape_text(in));
  }
  const ir::Shape out = ir::infer_shapes(graph)[static_cast<std::size_t>(graph.output())];
  const auto classes = static_cast<std::int64_t>(set.class_names().size());
  if (out.size() != 2 || out[1] < classes) {
    bad_input("the data set " + set.name() + " has " + std::to_string(classes) +
              " classes, the model's output is " + ir::shape_text(out));
  }
}

void check_options(const TrainData& data, const TrainOptions& o, const ir::Graph* teacher,
                   const ir::Graph& graph) {
  check_values(o);
  if (data.train->size() < o.batch) bad_input("the data set has fewer images than one batch");
  check_fit(*data.train, graph);
  if (data.test != nullptr) check_fit(*data.test, graph);
  if (o.distillation <= 0.0) return;
  if (teacher == nullptr) bad_input("distillation needs a float network to learn from");
  check_fit(*data.train, *teacher);
  const auto outputs = [](const ir::Graph& g) {
    return ir::infer_shapes(g)[static_cast<std::size_t>(g.output())];
  };
  if (outputs(*teacher) != outputs(graph))
    bad_input("the network to learn from has outputs " + ir::shape_text(outputs(*teacher)) +
              ", the model has " + ir::shape_text(outputs(graph)));
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
        net_(start, options.device, options.cim_operator,
             {options.scale_learning_rate, options.range_learning_rate}, options.quantizers),
        sgd_(net_.parameters(), options.momentum, options.weight_decay) {
    if (options.distillation > 0.0) {
      teacher_ = std::make_unique<GraphNet>(quant::QuantizedModel{*teacher, {}, {}}, options.device, "auto");
    }
    steps_per_epoch_ = data.train->size() / options.batch;
    schedule_.steps = steps_per_epoch_ * options.epochs;
    schedule_.warmup_steps = std::llround(options.warmup_epochs * static_cast<double>(steps_per_epoch_));
    state_.fingerprint = fingerprint(start, teacher, data, options, context.seed);
  }

  TrainResult train() {
    TrainResult result;
    result.resumed = resume();
    while (state_.steps_done < schedule_.steps) run_epoch();
    result.last = net_.export_model();
    if (!state_.best.empty()) net_.load_state(state_.best);
    result.best = net_.export_model();
    result.epochs = state_.epochs;
    result.best_accuracy = std::max(0.0, state_.best_accuracy);
    result.peak_memory_bytes = peak_memory();
    return result;
  }

 private:
  bool resume() {
    if (options_.checkpoint.empty()) return false;
    std::optional<RunState> saved = load_checkpoint(fs_, options_.checkpoint, state_.fingerprint);
    if (!saved) return false;
    state_ = std::move(*saved);
    net_.load_state(state_.values);
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
    while (const auto batch = loader.next()) {
      context_.check_cancelled();
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

  // The state after an epoch's last step is saved by finish_epoch, together with the epoch's report.
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
    if (!std::isfinite(step.loss)) {
      throw Error(ErrorCode::kFailure,
                  "the loss is no longer finite at step " + std::to_string(state_.steps_done + 1), {},
                  "lower the learning rate");
    }
    net_.shape_gradients(step.gradients, step.statistics);
    const double limit =
        options_.clip_norm > 0.0 ? options_.clip_norm : std::numeric_limits<double>::infinity();
    const double norm = clip_gradients(step.gradients, limit);
    sgd_.step(step.gradients, rate);
    net_.follow_ranges(step.statistics, kRunningMomentum);
    if (mode == BatchNormMode::kBatch) net_.update_running(step.statistics, kRunningMomentum);
    state_.epoch_loss += step.loss;
    state_.epoch_correct += step.correct;
    ++state_.steps_done;
    ++steps_here_;
    return {step.loss, norm};
  }

  void report_step(StepFigures figures, std::int64_t epoch, double steps_per_second) {
    const double rate = options_.learning_rate * schedule_.factor(state_.steps_done - 1);
    observer_.on_step(
        {state_.steps_done, schedule_.steps, static_cast<int>(epoch) + 1, options_.batch, figures.loss, rate,
         figures.gradient_norm, steps_per_second * options_.batch,
         static_cast<double>(schedule_.steps - state_.steps_done) / std::max(1e-9, steps_per_second)});
  }

  void stop_if_asked() const {
    if (options_.stop_after_steps > 0 && steps_here_ >= options_.stop_after_steps) {
      throw Error(ErrorCode::kCancelled, "stopped after " + std::to_string(steps_here_) + " steps, as asked");
    }
  }

  void finish_epoch(std::int64_t epoch) {
    const auto steps = static_cast<double>(steps_per_epoch_);
    EpochReport report;
    report.epoch = static_cast<int>(epoch) + 1;
    report.loss = state_.epoch_loss / steps;
    report.train_accuracy = 100.0 * static_cast<double>(state_.epoch_correct) / (steps * options_.batch);
    report.test_accuracy = evaluate();
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

  double evaluate() {
    if (data_.test == nullptr) return 0.0;
    const std::int64_t images = options_.evaluate_images > 0
                                    ? std::min(options_.evaluate_images, data_.test->size())
                                    : data_.test->size();
    data::BatchLoader loader(*data_.test, data::sequential_order(0, images), options_.batch,
                             data_.normalization);
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
  Schedule schedule_;
  RunState state_;
};

class TorchTrainer final : public Trainer {
 public:
  TrainResult train(const quant::QuantizedModel& start, const ir::Graph* teacher, const TrainData& data,
                    const TrainOptions& options, Observer& observer, const Context& context,
                    io::FileSystem& fs) const override {
    check_options(data, options, teacher, start.graph);
    at::set_num_threads(1);
    return Run(start, teacher, data, options, observer, context, fs).train();
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
    return GraphNet(model, "cpu", "composed").trace(images, trace);
  }

  std::string torch_version() const override { return TORCH_VERSION; }
};

}  // namespace

}  // namespace bitline::train

extern "C" const bitline::train::Trainer* bitline_trainer() {
  static const bitline::train::TorchTrainer trainer;
  return &trainer;
}
