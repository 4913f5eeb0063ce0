// The trainer from outside: what a run gives, and what it refuses.
#include <functional>
#include <span>

#include "base/error_of.h"
#include "training_case.h"
#include <tbb/global_control.h>

#include "bitline/train/schedule.h"

namespace bitline::train {
namespace {

TEST(Trainer, LearnsTheDigits) {
  const Digits digits;
  TrainOptions options = short_run();
  options.epochs = 4;
  options.batch = 32;
  const TrainResult result = run(float_start(), digits.sets(), options, 2);
  ASSERT_EQ(result.epochs.size(), 4u);
  EXPECT_LT(result.epochs[3].loss, 0.5 * result.epochs[0].loss);
  EXPECT_GT(result.best_accuracy, 90.0);
  EXPECT_GT(result.peak_memory_bytes, 0);
  EXPECT_FALSE(result.resumed);
}

TEST(Trainer, SameBitsForAnyNumberOfThreads) {
  const tbb::global_control allowed(tbb::global_control::max_allowed_parallelism, 8);  // also on two cores
  const Digits digits(64, 32);
  TrainOptions options = short_run();
  options.shards = 8;
  const quant::QuantizedModel quantized =
      calibrated(float_start().graph, small_array("W4A4P3"), digits.images(32));
  for (const quant::QuantizedModel& start : {float_start(), quantized}) {
    const TrainResult one = run(start, digits.sets(), options, 1);
    EXPECT_NE(difference(one.last, start), "");
    for (const int threads : {2, 3, 5, 8}) {
      const TrainResult many = run(start, digits.sets(), options, threads);
      EXPECT_EQ(difference(one.last, many.last), "") << threads << " threads";
      EXPECT_EQ(difference(one.best, many.best), "");
      EXPECT_EQ(one.epochs[1].loss, many.epochs[1].loss);
      EXPECT_EQ(one.best_accuracy, many.best_accuracy);
    }
  }
}

struct Recorder final : Observer {
  void on_step(const StepReport& s) override { steps.push_back(s); }
  void on_epoch(const EpochReport& e) override { epochs.push_back(e); }
  std::vector<StepReport> steps;
  std::vector<EpochReport> epochs;
};

TEST(Trainer, ReportsEveryStepAndEpoch) {
  const Digits digits(64, 32);
  Recorder recorder;
  bitline_trainer()->train(float_start(), nullptr, digits.sets(), short_run(), recorder, Context{},
                           io::posix());
  ASSERT_EQ(recorder.steps.size(), 8u);
  ASSERT_EQ(recorder.epochs.size(), 2u);
  const Schedule schedule{8, 2};  // half an epoch of warm-up
  double loss = 0.0;
  for (std::int64_t i = 0; i < 8; ++i) {
    const StepReport& s = recorder.steps[static_cast<std::size_t>(i)];
    EXPECT_EQ(s.step, i + 1);
    EXPECT_EQ(s.steps, 8);
    EXPECT_EQ(s.epoch, i < 4 ? 1 : 2);
    EXPECT_EQ(s.batch, 16);
    EXPECT_DOUBLE_EQ(s.learning_rate, 0.05 * schedule.factor(i));
    EXPECT_GT(s.images_per_second, 0.0);
    if (i < 4) loss += s.loss / 4.0;
  }
  EXPECT_EQ(recorder.steps.back().seconds_left, 0.0);
  EXPECT_DOUBLE_EQ(recorder.epochs[0].loss, loss);
  EXPECT_EQ(recorder.epochs[1].epoch, 2);
  EXPECT_EQ(recorder.epochs[1].steps_done, 8);
}

TEST(Trainer, BothOperatorsTrainAlike) {
  const Digits digits(64, 32);
  const quant::QuantizedModel start =
      calibrated(float_start().graph, small_array("W4A4P3"), digits.images(32));
  TrainOptions options = short_run();
  options.epochs = 1;
  options.clip_norm = 1.0;
  options.backend.cim_operator = "fused";
  const TrainResult fused = run(start, digits.sets(), options);
  options.backend.cim_operator = "composed";
  const TrainResult composed = run(start, digits.sets(), options);
  EXPECT_NEAR(fused.epochs[0].loss, composed.epochs[0].loss, 1e-3 * composed.epochs[0].loss);
  options.backend.cim_operator = "auto";
  EXPECT_EQ(difference(fused.last, run(start, digits.sets(), options).last), "");
}

void expect_alike_in_bfloat16(const quant::QuantizedModel& start, const Digits& digits,
                              TrainOptions options) {
  const TrainResult wide = run(start, digits.sets(), options);
  options.backend.compute = "bfloat16";
  const TrainResult narrow = run(start, digits.sets(), options);
  EXPECT_NEAR(narrow.epochs[0].loss, wide.epochs[0].loss, 0.01 * wide.epochs[0].loss);
  EXPECT_NE(difference(narrow.last, wide.last), "");
  EXPECT_EQ(difference(run(start, digits.sets(), options, 3).last, narrow.last), "");
}

TEST(Trainer, ConvolutionsInBfloat16TrainAlike) {
  expect_alike_in_bfloat16(float_start(), Digits(64, 32), short_run());
}

TEST(Trainer, QuantizedLayersInBfloat16TrainAlike) {
  const Digits digits(64, 32);
  quant::CimConfig config = small_array("W4A4Pideal");
  config.weight_granularity = quant::Granularity::kChannel;
  const quant::QuantizedModel start = calibrated(float_start().graph, config, digits.images(32));
  TrainOptions options = short_run();
  options.backend.cim_operator = "float";
  for (const char* quantizer : {"lsq", "minmax", "lg-lsq"}) {
    options.quantizers.weights = options.quantizers.activations = quant::parse_quantizer(quantizer);
    expect_alike_in_bfloat16(start, digits, options);
  }
}

// Layers on arrays compute integers, whatever the type of the rest.
TEST(Trainer, ArraysTakeFloat32BesideBfloat16) {
  const Digits digits(64, 32);
  expect_alike_in_bfloat16(calibrated(float_start().graph, small_array("W4A4P3"), digits.images(32)), digits,
                           short_run());
}

// A test that finds the two runs above equal must also see a difference when there is one.
TEST(Trainer, ShardsAndSeedArePartOfTheResult) {
  const Digits digits(64, 32);
  TrainOptions other = short_run();
  other.shards = 2;
  const TrainResult a = run(float_start(), digits.sets(), short_run());
  EXPECT_NE(difference(a.last, run(float_start(), digits.sets(), other).last), "");
  EXPECT_NE(difference(a.last, run(float_start(4), digits.sets(), short_run()).last), "");
}

double first_loss(const TrainOptions& options, const ir::Graph* teacher = nullptr) {
  const Digits digits(64, 16);
  return run(float_start(), digits.sets(), options, 1, io::posix(), teacher).epochs[0].loss;
}

TrainOptions motionless() {
  TrainOptions options = short_run();
  options.epochs = 1;
  options.learning_rate = 0.0;
  return options;
}

// (1 - e) * cross-entropy + e * mean of -log p over the classes: linear in e.
TEST(Trainer, LabelSmoothingMixesInTheUniformDistribution) {
  TrainOptions options = motionless();
  const double hard = first_loss(options);
  options.label_smoothing = 1.0;
  const double uniform = first_loss(options);
  options.label_smoothing = 0.3;
  EXPECT_GT(std::fabs(uniform - hard), 1e-3);
  EXPECT_NEAR(first_loss(options), 0.7 * hard + 0.3 * uniform, 1e-5);
}

TEST(Trainer, DistillationMixesInTheTeacher) {
  const ir::Graph teacher = float_start(8).graph;
  TrainOptions options = motionless();
  options.temperature = 2.0;
  const double hard = first_loss(options);
  options.distillation = 1.0;
  const double soft = first_loss(options, &teacher);
  options.distillation = 0.25;
  EXPECT_GT(std::fabs(soft - hard), 1e-3);
  EXPECT_NEAR(first_loss(options, &teacher), 0.75 * hard + 0.25 * soft, 1e-5);
}

// A student that equals its teacher has nothing to learn: the gradient of the soft loss is zero.
TEST(Trainer, AStudentLearnsNothingFromItself) {
  const Digits digits(64, 16);
  const quant::QuantizedModel start = float_start();
  TrainOptions options = short_run();
  options.distillation = 1.0;
  options.weight_decay = 0.0;
  options.freeze_batch_norm = 1.0;
  const TrainResult result = run(start, digits.sets(), options, 1, io::posix(), &start.graph);
  for (const auto& [id, tensor] : start.graph.constants()) {
    const std::vector<float>& trained = result.last.graph.constant(id).data;
    for (std::size_t i = 0; i < trained.size(); ++i)
      ASSERT_NEAR(trained[i], tensor.data[i], 1e-5) << start.graph.value_name(id);
  }
}

TEST(Trainer, WithoutTestImagesTheLastStateIsTheBest) {
  const Digits digits(64, 16);
  TrainData data = digits.sets();
  data.test = nullptr;
  const TrainResult result = run(float_start(), data, short_run());
  EXPECT_EQ(difference(result.last, result.best), "");
  EXPECT_EQ(result.best_accuracy, 0.0);
}

TEST(Trainer, ALossOrGradientThatIsNotFiniteIsAFailure) {
  const Digits digits(64, 16);
  TrainOptions options = short_run();
  options.warmup_epochs = 0.0;
  options.learning_rate = 1e30;
  const quant::QuantizedModel quantized =
      calibrated(float_start().graph, small_array("W4A4P3"), digits.images(32));
  for (const quant::QuantizedModel& start : {float_start(), quantized}) {
    const std::string text = error_of([&] { run(start, digits.sets(), options); }, ErrorCode::kFailure);
    EXPECT_NE(text.find("no longer finite at step"), std::string::npos) << text;
    EXPECT_NE(text.find("lower the learning rate"), std::string::npos) << text;
  }
}

struct BadOption {
  const char* expected;
  std::function<void(TrainOptions&)> set;
};

TEST(Trainer, RefusesContradictingOptions) {
  const Digits digits(64, 16);
  const std::vector<BadOption> cases = {
      {"epochs", [](TrainOptions& o) { o.epochs = 0; }},
      {"two images a shard", [](TrainOptions& o) { o.shards = 9; }},
      {"two images a shard", [](TrainOptions& o) { o.batch = 1; }},
      {"two images a shard", [](TrainOptions& o) { o.shards = 0; }},
      {"fewer images than one batch", [](TrainOptions& o) { o.batch = 65; }},
      {"learning_rate = -1", [](TrainOptions& o) { o.learning_rate = -1.0; }},
      {"learning_rate = nan", [](TrainOptions& o) { o.learning_rate = std::nan(""); }},
      {"range_learning_rate", [](TrainOptions& o) { o.range_learning_rate = -0.1; }},
      {"scale_learning_rate", [](TrainOptions& o) { o.scale_learning_rate = -0.1; }},
      {"momentum = 1.5", [](TrainOptions& o) { o.momentum = 1.5; }},
      {"weight_decay", [](TrainOptions& o) { o.weight_decay = -1e-4; }},
      {"warmup_epochs", [](TrainOptions& o) { o.warmup_epochs = 3.0; }},
      {"label_smoothing", [](TrainOptions& o) { o.label_smoothing = 1.1; }},
      {"distillation = 2", [](TrainOptions& o) { o.distillation = 2.0; }},
      {"float network to learn from", [](TrainOptions& o) { o.distillation = 0.5; }},
      {"temperature = 0", [](TrainOptions& o) { o.temperature = 0.0; }},
      {"clip_norm", [](TrainOptions& o) { o.clip_norm = -1.0; }},
      {"freeze_batch_norm", [](TrainOptions& o) { o.freeze_batch_norm = 1.5; }},
      {"small_epochs = 3", [](TrainOptions& o) { o.small_epochs = 3; }},
      {"small_side = 28", [](TrainOptions& o) { o.small_epochs = 1, o.small_side = 28; }},
      {"evaluate_images", [](TrainOptions& o) { o.evaluate_images = -1; }},
      {"checkpoint_steps", [](TrainOptions& o) { o.checkpoint_steps = -1; }},
      {"known: cpu, cuda", [](TrainOptions& o) { o.backend.device = "gpu"; }},
      {"did you mean 'bfloat16'", [](TrainOptions& o) { o.backend.compute = "bfloat"; }},
      {"did you mean 'fused'", [](TrainOptions& o) { o.backend.cim_operator = "fusd"; }}};
  for (const BadOption& c : cases) {
    TrainOptions options = short_run();
    c.set(options);
    const std::string text = error_of([&] { run(float_start(), digits.sets(), options); });
    EXPECT_NE(text.find(c.expected), std::string::npos) << text;
  }
}

TEST(Trainer, TheFirstEpochsMayShowTheCentreAlone) {
  const Digits digits(64, 64);
  TrainOptions options = short_run();
  const TrainResult whole = run(float_start(), digits.sets(), options);
  options.small_epochs = 1;
  options.small_side = 6;
  const TrainResult once = run(float_start(), digits.sets(), options);
  EXPECT_NE(difference(once.last, whole.last), "");
  EXPECT_EQ(difference(run(float_start(), digits.sets(), options, 3).last, once.last), "");
  // the border is never seen: without it in the data, nothing changes
  options.small_epochs = options.epochs;
  const TouchedImages bordered(*digits.sets().train, [](std::span<float> pixels) {
    for (std::size_t i = 0; i < 8; ++i) pixels[i] = pixels[8 * i] = pixels[56 + i] = pixels[8 * i + 7] = 1.0f;
  });
  TrainData changed = digits.sets();
  changed.train = &bordered;
  EXPECT_EQ(
      difference(run(float_start(), changed, options).last, run(float_start(), digits.sets(), options).last),
      "");
}

TEST(Trainer, RefusesNetworksThatDoNotTakeSmallImages) {
  const Digits digits(64, 16);
  TrainOptions options = short_run();
  options.small_epochs = 1;
  options.small_side = 6;
  quant::QuantizedModel flat;
  const ir::ValueId x = flat.graph.add_input("x", {ir::kBatch, 1, 8, 8});
  const ir::ValueId w = flat.graph.add_constant("w", ir::Tensor({10, 64}));
  flat.graph.set_output(
      flat.graph.add_node("fc", ir::Linear{}, {flat.graph.add_node("flat", ir::Flatten{}, {x}), w}));
  std::string text = error_of([&] { run(flat, digits.sets(), options); });
  EXPECT_NE(text.find("does not take images of 6x6"), std::string::npos) << text;
  const ir::Graph graph = float_start().graph;
  text = error_of(
      [&] { run(calibrated(graph, small_array("W4A4P4"), digits.images(4)), digits.sets(), options); });
  EXPECT_NE(text.find("layers on arrays"), std::string::npos) << text;
}

TEST(Trainer, RefusesNetworksThatDoNotFitTheData) {
  const Digits digits(64, 16);
  const quant::QuantizedModel large{frontend::zoo("resnet20", 10, 1), {}, {}};
  EXPECT_NE(error_of([&] { run(large, digits.sets(), short_run()); }).find("does not fit the model"),
            std::string::npos);
  const quant::QuantizedModel five{frontend::zoo("digits-cnn", 5, 1), {}, {}};
  EXPECT_NE(error_of([&] { run(five, digits.sets(), short_run()); }).find("10 classes"), std::string::npos);
  TrainOptions distilled = short_run();
  distilled.distillation = 0.5;
  const ir::Graph wide = frontend::zoo("digits-cnn", 12, 1);
  const std::string text =
      error_of([&] { run(float_start(), digits.sets(), distilled, 1, io::posix(), &wide); });
  EXPECT_NE(text.find("[N, 12]"), std::string::npos) << text;
}

// Cross-entropy has a softmax of its own; the one at the end of the network stays in the model.
TEST(Trainer, ASoftmaxAtTheEndIsNoPartOfTheLoss) {
  const Digits digits(64, 32);
  quant::QuantizedModel plain = float_start(), tail = plain;
  tail.graph.set_output(tail.graph.add_node("prob", ir::Softmax{1}, {tail.graph.output()}));
  for (const double distillation : {0.0, 0.5}) {
    TrainOptions options = short_run();
    options.distillation = distillation;
    Recorder recorder;
    const auto train = [&](const quant::QuantizedModel& start) {
      return bitline_trainer()->train(start, &start.graph, digits.sets(), options, recorder, Context{},
                                      io::posix());
    };
    const TrainResult a = train(plain), b = train(tail);
    EXPECT_EQ(b.last.graph.nodes().back().name, "prob");
    for (const auto& [id, value] : a.last.graph.constants())
      EXPECT_EQ(b.last.graph.constant(id).data, value.data) << a.last.graph.value_name(id);
    EXPECT_EQ(a.epochs.back().loss, b.epochs.back().loss);
    EXPECT_EQ(a.best_accuracy, b.best_accuracy);
  }
}

}  // namespace
}  // namespace bitline::train
