// A training run that is asked to stop: when it stops, and how it goes on.
#include <atomic>
#include <span>

#include "base/error_of.h"
#include "io/scratch_folder.h"
#include "training_case.h"

namespace bitline::train {
namespace {

// Asks for the stop after a step.
struct Impatient final : Observer {
  void on_step(const StepReport& s) override {
    if (s.step == last) token.request();
  }
  std::int64_t last = 0;
  CancelToken token;
};

TEST(Cancel, ARunGoesOnWhereItStopped) {
  const Digits digits(64, 16);
  const TrainResult whole = run(float_start(), digits.sets(), short_run());
  for (const std::int64_t step : {1, 3, 4, 6, 8}) {  // 4 and 8: epochs end, their evaluation is still to come
    const io::ScratchFolder folder;
    TrainOptions options = short_run();
    options.checkpoint = folder / "run.checkpoint";
    Impatient observer;
    observer.last = step;
    Context context;
    context.cancel = &observer.token;
    const std::string text = error_of(
        [&] {
          bitline_trainer()->train(float_start(), nullptr, digits.sets(), options, observer, context,
                                   io::posix());
        },
        ErrorCode::kCancelled);
    EXPECT_NE(text.find("cancelled after step " + std::to_string(step)), std::string::npos) << text;
    EXPECT_NE(text.find("goes on from " + options.checkpoint), std::string::npos) << text;
    const TrainResult resumed = run(float_start(), digits.sets(), options);
    EXPECT_TRUE(resumed.resumed);
    EXPECT_EQ(difference(whole.last, resumed.last), "") << "cancelled after step " << step;
    ASSERT_EQ(resumed.epochs.size(), 2u) << "cancelled after step " << step;
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(whole.epochs[i].loss, resumed.epochs[i].loss);
      EXPECT_EQ(whole.epochs[i].train_accuracy, resumed.epochs[i].train_accuracy);
      EXPECT_EQ(whole.epochs[i].test_accuracy, resumed.epochs[i].test_accuracy);
    }
  }
}

TEST(Cancel, InAnEvaluationARunGoesOnWithIt) {
  const Digits digits(64, 32);
  const TrainResult whole = run(float_start(), digits.sets(), short_run());
  TrainOptions options = short_run();
  const io::ScratchFolder folder;
  options.checkpoint = folder / "run.checkpoint";
  CancelToken token;
  std::atomic<int> left = 8 + 20;  // 8: looked at for the checkpoint's fingerprint
  const TouchedImages test(*digits.sets().test, [&](std::span<float>) {
    if (--left == 0) token.request();
  });
  TrainData data = digits.sets();
  data.test = &test;
  Observer silent;
  Context context;
  context.cancel = &token;
  const std::string text = error_of(
      [&] { bitline_trainer()->train(float_start(), nullptr, data, options, silent, context, io::posix()); },
      ErrorCode::kCancelled);
  EXPECT_NE(text.find("cancelled after step 4"), std::string::npos) << text;
  EXPECT_NE(text.find("goes on from " + options.checkpoint), std::string::npos) << text;
  const TrainResult resumed = run(float_start(), digits.sets(), options);
  EXPECT_TRUE(resumed.resumed);
  EXPECT_EQ(difference(whole.last, resumed.last), "");
  EXPECT_EQ(difference(whole.best, resumed.best), "");
  ASSERT_EQ(resumed.epochs.size(), 2u);
  EXPECT_EQ(resumed.epochs[0].test_accuracy, whole.epochs[0].test_accuracy);
}

TEST(Cancel, WithoutACheckpointNoneIsNamed) {
  const Digits digits(64, 16);
  Impatient observer;
  observer.token.request();
  Context context;
  context.cancel = &observer.token;
  const std::string text = error_of(
      [&] {
        bitline_trainer()->train(float_start(), nullptr, digits.sets(), short_run(), observer, context,
                                 io::posix());
      },
      ErrorCode::kCancelled);
  EXPECT_NE(text.find("cancelled after step 0"), std::string::npos) << text;
  EXPECT_EQ(text.find("goes on"), std::string::npos) << text;
}

}  // namespace
}  // namespace bitline::train
