// A killed run goes on with the same bits, and a checkpoint is whole or refused.
#include <fstream>
#include <iterator>

#include "base/error_of.h"
#include "io/faulty_filesystem.h"
#include "io/scratch_folder.h"
#include "training_case.h"

#include "bitline/io/safetensors.h"

namespace bitline::train {
namespace {

using io::ScratchFolder;

constexpr int kSteps = 8;  // of short_run() on 64 images

TrainOptions checkpointed(const std::string& path) {
  TrainOptions options = short_run();
  options.checkpoint = path;
  options.checkpoint_steps = 1;
  return options;
}

std::vector<quant::QuantizedModel> starts(const Digits& digits) {
  return {float_start(), calibrated(float_start().graph, small_array("W4A4P3"), digits.images(32))};
}

// Runs until `steps` steps are done by this process; a finished run gives its result.
std::optional<TrainResult> run_some(const quant::QuantizedModel& start, const Digits& digits,
                                    TrainOptions options, int steps, int threads) {
  options.stop_after_steps = steps;
  try {
    return run(start, digits.sets(), options, threads);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kCancelled) << e.what();
    return std::nullopt;
  }
}

void expect_same(const TrainResult& a, const TrainResult& b) {
  EXPECT_EQ(difference(a.last, b.last), "");
  EXPECT_EQ(difference(a.best, b.best), "");
  EXPECT_EQ(a.best_accuracy, b.best_accuracy);
  ASSERT_EQ(a.epochs.size(), b.epochs.size());
  for (std::size_t i = 0; i < a.epochs.size(); ++i) {
    EXPECT_EQ(a.epochs[i].epoch, b.epochs[i].epoch);
    EXPECT_EQ(a.epochs[i].loss, b.epochs[i].loss);
    EXPECT_EQ(a.epochs[i].train_accuracy, b.epochs[i].train_accuracy);
    EXPECT_EQ(a.epochs[i].test_accuracy, b.epochs[i].test_accuracy);
    EXPECT_EQ(a.epochs[i].steps_done, b.epochs[i].steps_done);
  }
}

TEST(Resume, AfterAnyStepGivesTheSameBits) {
  const Digits digits(64, 32);
  for (const quant::QuantizedModel& start : starts(digits)) {
    const TrainResult whole = run(start, digits.sets(), short_run());
    for (int stop = 1; stop < kSteps; ++stop) {
      const ScratchFolder folder;
      const TrainOptions options = checkpointed(folder / "run");
      EXPECT_FALSE(run_some(start, digits, options, stop, 2).has_value());
      const TrainResult resumed = run(start, digits.sets(), options, 1);
      EXPECT_TRUE(resumed.resumed) << stop;
      expect_same(whole, resumed);
    }
  }
}

TEST(Resume, AfterEveryStepGivesTheSameBits) {
  const Digits digits(64, 32);
  const quant::QuantizedModel start = starts(digits)[1];
  const ScratchFolder folder;
  const TrainOptions options = checkpointed(folder / "run");
  for (int step = 1; step <= kSteps; ++step)
    EXPECT_FALSE(run_some(start, digits, options, 1, 1).has_value()) << step;
  const std::optional<TrainResult> last = run_some(start, digits, options, 1, 1);
  ASSERT_TRUE(last.has_value());
  expect_same(run(start, digits.sets(), short_run()), *last);
}

TEST(Resume, BetweenCheckpointsRepeatsTheStepsThatWereLost) {
  const Digits digits(64, 32);
  const ScratchFolder folder;
  TrainOptions options = checkpointed(folder / "run");
  options.checkpoint_steps = 3;
  EXPECT_FALSE(run_some(float_start(), digits, options, 7, 1).has_value());
  expect_same(run(float_start(), digits.sets(), short_run()), run(float_start(), digits.sets(), options));
}

TEST(Resume, AFinishedRunIsNotRepeated) {
  const Digits digits(64, 32);
  const ScratchFolder folder;
  const TrainOptions options = checkpointed(folder / "run");
  const TrainResult first = run(float_start(), digits.sets(), options);
  struct Counter final : Observer {
    void on_step(const StepReport&) override { ++steps; }
    int steps = 0;
  } counter;
  const TrainResult again = bitline_trainer()->train(float_start(), nullptr, digits.sets(), options, counter,
                                                     Context{}, io::posix());
  EXPECT_EQ(counter.steps, 0);
  EXPECT_TRUE(again.resumed);
  expect_same(first, again);
}

TEST(Resume, RefusesTheCheckpointOfAnotherRun) {
  const Digits digits(64, 32);
  const quant::QuantizedModel start = starts(digits)[1];
  const ScratchFolder folder;
  const TrainOptions options = checkpointed(folder / "run");
  EXPECT_FALSE(run_some(start, digits, options, 1, 1).has_value());
  const auto refused = [&](const quant::QuantizedModel& model, const Digits& data, const TrainOptions& o) {
    const std::string text = error_of([&] { run(model, data.sets(), o); });
    EXPECT_NE(text.find("other options, data or start"), std::string::npos) << text;
    EXPECT_NE(text.find(folder / "run"), std::string::npos) << text;
  };
  TrainOptions other = options;
  other.learning_rate += 1e-9;
  refused(start, digits, other);
  other = options;
  other.backend.cim_operator = "composed";
  refused(start, digits, other);
  other = options;
  other.backend.compute = "bfloat16";
  refused(start, digits, other);
  refused(start, Digits(63, 32), options);
  refused(start, Digits(64, 31), options);
  refused(float_start(), digits, options);
  for (int part = 0; part < 4; ++part) {
    quant::QuantizedModel changed = start;
    quant::CimLayer& layer = changed.layers.begin()->second;
    std::vector<float*> values = {&layer.activation_scale, &layer.weight_scale[0], &layer.psum_step[0],
                                  &layer.psum_centre[0]};
    *values[static_cast<std::size_t>(part)] *= 1.5f;
    refused(changed, digits, options);
  }
}

// The same shapes and constants, but an attribute or a wire is another.
TEST(Resume, RefusesTheCheckpointOfAnotherGraph) {
  const Digits digits(64, 32);
  const ScratchFolder folder;
  const TrainOptions options = checkpointed(folder / "run");
  const quant::QuantizedModel start = float_start();
  EXPECT_FALSE(run_some(start, digits, options, 1, 1).has_value());
  quant::QuantizedModel changed = start;
  for (ir::Node& node : changed.graph.nodes()) {
    if (auto* norm = std::get_if<ir::BatchNorm>(&node.op); norm != nullptr) norm->epsilon *= 2.0f;
  }
  const std::string text = error_of([&] { run(changed, digits.sets(), options); });
  EXPECT_NE(text.find("other options, data or start"), std::string::npos) << text;
}

// As many images of the same name, with the same labels.
TEST(Resume, RefusesTheCheckpointOfOtherImages) {
  const Digits digits(64, 32);
  const ScratchFolder folder;
  const TrainOptions options = checkpointed(folder / "run");
  EXPECT_FALSE(run_some(float_start(), digits, options, 1, 1).has_value());
  TrainData data = digits.sets();
  const TouchedImages other(*data.train, [](std::span<float> pixels) { pixels.front() += 0.5f; });
  data.train = &other;
  const std::string text = error_of([&] { run(float_start(), data, options); });
  EXPECT_NE(text.find("other options, data or start"), std::string::npos) << text;
}

TEST(Resume, RefusesTheCheckpointOfAnotherTeacher) {
  const Digits digits(64, 32);
  const ScratchFolder folder;
  TrainOptions options = checkpointed(folder / "run");
  options.distillation = 0.5;
  const ir::Graph teacher = float_start(8).graph, other = float_start(9).graph;
  run(float_start(), digits.sets(), options, 1, io::posix(), &teacher);
  const std::string text =
      error_of([&] { run(float_start(), digits.sets(), options, 1, io::posix(), &other); });
  EXPECT_NE(text.find("other options, data or start"), std::string::npos) << text;
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(Resume, RefusesADamagedCheckpoint) {
  const Digits digits(64, 32);
  const ScratchFolder folder;
  const std::string path = folder / "run";
  const TrainOptions options = checkpointed(path);
  EXPECT_FALSE(run_some(float_start(), digits, options, 2, 1).has_value());
  const std::string good = bytes_of(path);
  const auto refused = [&](const std::string& bytes) {
    write_bytes(path, bytes);
    const std::string text = error_of([&] { run(float_start(), digits.sets(), options); });
    EXPECT_NE(text.find(path), std::string::npos) << text;
  };
  refused("");
  refused(good.substr(0, good.size() / 2));
  refused(good.substr(0, good.size() - 1));
  refused(good + "x");
  for (std::size_t i = 1; i < 20; ++i) {  // one bit, anywhere
    std::string flipped = good;
    char& byte = flipped[i * (good.size() - 1) / 19];
    byte = static_cast<char>(byte ^ 4);
    refused(flipped);
  }
  const std::size_t steps = good.find("steps_done");
  ASSERT_NE(steps, std::string::npos);
  std::string later = good;
  later[later.find('2', steps)] = '3';
  refused(later);
  io::TensorFile other;
  other.tensors["x"] = io::store_floats({1}, std::vector<float>{1.0f});
  io::write_safetensors(io::posix(), path, other);
  EXPECT_NE(error_of([&] { run(float_start(), digits.sets(), options); }).find("not a checkpoint"),
            std::string::npos);
}

// Whatever call fails, the file is the one before or the one after, and the run can go on.
TEST(Resume, AFailingWriteLeavesAWholeCheckpoint) {
  const Digits digits(64, 32);
  const quant::QuantizedModel start = float_start();
  const ScratchFolder folder;
  const std::string path = folder / "run";
  const TrainOptions options = checkpointed(path);
  EXPECT_FALSE(run_some(start, digits, options, 5, 1).has_value());
  const std::string before = bytes_of(path);
  const TrainResult whole = run(start, digits.sets(), short_run());
  int failures = 0;
  for (int k = 1;; ++k) {
    write_bytes(path, before);
    io::FaultyFileSystem faulty(io::posix(), {k, k % 2 == 0, k % 3 == 0});
    bool failed = false;
    try {
      run(start, digits.sets(), options, 1, faulty);
    } catch (const Error& e) {
      failed = true;
      EXPECT_EQ(e.code(), ErrorCode::kFailure) << e.what();
    }
    ASSERT_EQ(failed, !faulty.failed_call().empty());
    if (!failed) break;
    ++failures;
    expect_same(whole, run(start, digits.sets(), options));
  }
  EXPECT_GE(failures, 10);  // steps 6 and 7 and the epoch's end, each with several calls
}

}  // namespace
}  // namespace bitline::train
