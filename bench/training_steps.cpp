#include "training_steps.h"

#include <chrono>

#include "measurement.h"

#include "bitline/app/trainer_library.h"

namespace bitline::bench {

namespace {

constexpr int kWarmUpSteps = 1;

class StepClock final : public train::Observer {
 public:
  explicit StepClock(bool wall) : wall_(wall), last_(now()) {}
  void on_step(const train::StepReport&) override {
    const double time = now();
    seconds_.push_back(time - last_);
    last_ = time;
  }
  const std::vector<double>& seconds() const { return seconds_; }

 private:
  double now() const { return wall_ ? wall_seconds() : cpu_seconds(); }

  bool wall_;
  double last_;
  std::vector<double> seconds_;
};

}  // namespace

quant::QuantizedModel uncalibrated_resnet20() {
  quant::QuantizedModel model = array_resnet20();
  model.layers.clear();
  return model;
}

std::vector<double> training_steps(const TrainingCase& which, const StepCount& count) {
  const train::Trainer& trainer = app::trainer();
  const quant::QuantizedModel model = which.network();
  const NoiseImages images(count.batch * (kWarmUpSteps + count.steps));
  train::TrainData data;
  data.train = &images;
  train::TrainOptions options;
  options.batch = count.batch;
  options.shards = count.threads;
  options.freeze_batch_norm = 0.0;
  options.backend.cim_operator = which.cim_operator;
  options.backend.compute = which.compute;
  Context context;
  context.threads = count.threads;
  std::vector<double> values = {peak_mib()};
  StepClock clock(count.threads > 1);
  trainer.train(model, nullptr, data, options, clock, context, io::posix());
  values.insert(values.end(), clock.seconds().begin() + kWarmUpSteps, clock.seconds().end());
  return values;
}

}  // namespace bitline::bench
