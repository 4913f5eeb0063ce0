// Training from a calibrated start gets better, whatever the encoding, the bits and the granularity; and
// where a loss runs away all the same, that is noticed.
#include <numeric>

#include "io/scratch_folder.h"
#include "training_case.h"

#include "bitline/base/error.h"
#include "bitline/base/philox.h"
#include "bitline/train/loss_watch.h"
#include "bitline/train/scale_motion.h"
#include "bitline/train/torch.h"

namespace bitline::train {
namespace {

struct Losses final : Observer {
  void on_step(const StepReport& s) override { values.push_back(s.loss); }
  double mean(std::size_t first, std::size_t count) const {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first);
    return std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(count), 0.0) /
           static_cast<double>(count);
  }
  std::vector<double> values;
};

const quant::QuantizedModel& trained_float(const Digits& digits) {
  static const quant::QuantizedModel model = [&] {
    TrainOptions options = short_run();
    options.epochs = 3;
    options.batch = 32;
    return run(float_start(), digits.sets(), options, 2).last;
  }();
  return model;
}

// The loss after 50 steps, the last of them with fixed batch-norm statistics, is below that of the first.
TEST(Stability, TheLossFallsFromEveryCalibratedStart) {
  const Digits digits(1280, 32);
  const ir::Tensor images = digits.images(64);
  for (const char* encoding : {"twos-complement", "differential"}) {
    for (const char* precision : {"W2A2P2", "W3A3P1", "W4A4P1", "W4A4P4"}) {
      for (const quant::Granularity granularity :
           {quant::Granularity::kLayer, quant::Granularity::kArray, quant::Granularity::kColumn}) {
        quant::CimConfig config = small_array(precision);
        config.encoding = encoding;
        config.weight_granularity = config.psum_granularity = granularity;
        TrainOptions options = short_run();
        options.epochs = 2;
        options.batch = 51;  // 25 steps an epoch
        options.shards = 2;
        options.learning_rate = 0.04;
        options.scale_learning_rate = 0.05;
        options.warmup_epochs = 0.1;
        options.freeze_batch_norm = 0.1;
        Losses losses;
        Context context;
        context.threads = 2;
        const TrainResult result =
            bitline_trainer()->train(calibrated(trained_float(digits).graph, config, images), nullptr,
                                     digits.sets(), options, losses, context, io::posix());
        ASSERT_EQ(losses.values.size(), 50U);
        EXPECT_LT(losses.mean(45, 5), losses.mean(0, 5)) << config.text();
        EXPECT_EQ(result.ran_away_at, 0) << config.text();
      }
    }
  }
}

// Behind a batch-norm no gradient brings a centre back whose column gives one code alone.
TEST(Stability, TheMeanOfTheSumsStaysWithinTheLevels) {
  for (const int levels : {2, 3, 16}) {
    CimTensors t;
    t.step_s0 = torch::tensor({1.0f, 1.0f, 2.0f});
    t.step_u = torch::zeros({3});
    t.centre = torch::tensor({100.0f, -0.1f, -50.0f});
    const at::Tensor mean = torch::tensor({1.0f, 0.0f, 3.0f});
    keep_in_window(t, mean, levels);
    const float half = 0.5f * static_cast<float>(levels - 1);
    EXPECT_FLOAT_EQ(t.centre[0].item<float>(), 1.0f + half);
    EXPECT_FLOAT_EQ(t.centre[1].item<float>(), -0.1f);
    EXPECT_FLOAT_EQ(t.centre[2].item<float>(), 3.0f - 2.0f * half);
  }
}

TEST(LossWatch, NoticesALossThatRunsAwayOnce) {
  LossWatch watch(10);
  const Philox random(1, stream_id("losses"));
  for (std::uint64_t i = 0; i < 200; ++i) EXPECT_FALSE(watch.add(2.5 + 0.5 * random.normal(i)));
  EXPECT_FALSE(watch.add(20.0));  // one bad batch is no trend
  int said = 0;
  for (int i = 0; i < 50; ++i) said += watch.add(20.0 + i) ? 1 : 0;
  EXPECT_EQ(said, 1);
  EXPECT_NEAR(watch.trend().start, 2.5, 0.8);
}

// As where batch-norm statistics become fixed four steps before the end.
TEST(LossWatch, FewStepsAreEnough) {
  LossWatch watch(10);
  for (int i = 0; i < 36; ++i) ASSERT_FALSE(watch.add(3.3 - 0.02 * i));
  bool said = false;
  for (const double loss : {17.4, 18.0, 11.5, 9.2}) said |= watch.add(loss);
  EXPECT_TRUE(said);
  EXPECT_GT(watch.trend().ran_away_at, 36);
}

TEST(LossWatch, AHighStartIsNoFault) {
  LossWatch watch(10);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(watch.add(15.0 - 0.1 * i));
}

TrainOptions far_too_fast() {
  TrainOptions options = short_run();
  options.epochs = 1;
  options.learning_rate = 30.0;
  options.warmup_epochs = 0.25;
  options.freeze_batch_norm = 0.0;
  return options;
}

// A run that is stopped and goes on says what the whole run says, with the start it began from.
TEST(Resume, RemembersThatTheLossRanAway) {
  const Digits digits(640, 32);
  const TrainResult whole = run(float_start(), digits.sets(), far_too_fast());
  ASSERT_GT(whole.ran_away_at, 5);
  const io::ScratchFolder folder;
  TrainOptions options = far_too_fast();
  options.checkpoint = folder / "checkpoint";
  options.checkpoint_steps = 1;
  for (const std::int64_t stop : {whole.ran_away_at - 2, whole.ran_away_at + 2}) {
    options.stop_after_steps = stop;
    EXPECT_THROW(run(float_start(), digits.sets(), options), Error);
    options.stop_after_steps = 0;
    const TrainResult resumed = run(float_start(), digits.sets(), options);
    EXPECT_TRUE(resumed.resumed);
    EXPECT_EQ(resumed.ran_away_at, whole.ran_away_at) << stop;
    io::posix().remove(options.checkpoint);
  }
}

TEST(Trainer, SaysWhereTheLossRanAway) {
  const Digits digits(640, 32);
  std::string said;
  Observer silent;
  Context context;
  context.log = [&said](LogLevel, std::string_view line) { said += line; };
  const TrainResult result = bitline_trainer()->train(float_start(), nullptr, digits.sets(), far_too_fast(),
                                                      silent, context, io::posix());
  EXPECT_GT(result.ran_away_at, 5);
  EXPECT_NE(said.find("the loss runs away"), std::string::npos) << said;
  EXPECT_NE(said.find("--clip-norm"), std::string::npos) << said;
}

}  // namespace
}  // namespace bitline::train
