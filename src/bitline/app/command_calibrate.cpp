// bitline calibrate: scales and ADC ranges from a few hundred images, without labels or training.
#include <CLI/CLI.hpp>

#include "bitline/app/array_report.h"
#include "bitline/app/command.h"
#include "bitline/app/ptq_job.h"
#include "bitline/frontend/artefact.h"

namespace bitline::app {

namespace {

class CalibrateCommand final : public Command {
 public:
  std::string name() const override { return "calibrate"; }
  std::string description() const override {
    return "quantize for an array without training (post-training calibration)";
  }

  void declare(CLI::App& app) override {
    model_.declare(app, "float model: zoo:NAME=WEIGHTS, an ONNX file or a safetensors artefact");
    model_.declare_untrained(app);
    model_.declare_ignored_outputs(app);
    data_.declare(app);
    array_.declare(app);
    ptq_.declare(app);
    app.add_option("--test-images", test_images_,
                   "test images to measure the accuracy on, 0 = all, -1 = none")
        ->check(CLI::Range(std::int64_t{-1}, kMostImages))
        ->capture_default_str();
    add_model_file(app, out_, "file for the quantized model");
  }

  result::Record run(Session& session) override {
    const quant::CimConfig config = array_.config(session);
    const quant::QuantizedModel start = model_.load_trained(session);
    data_.use_notes(start, session);
    const auto test_set = data_.open(data::Split::kTest, session);
    check_fit(start.graph, *test_set);
    const auto [model, images, rounding, missing] = run_ptq(start, data_, array_, ptq_, session);
    result::Record record;
    record.title = "calibrate " + model_.model + " for " + config.text();
    record.add("configuration", config.text());
    record.add("calibration_images", images);
    add_missing_classes(missing, record, "calibration_classes_missing");
    record.add("rounding", rounding);
    if (test_images_ >= 0) add_test_accuracy(model, *test_set, data_, test_images_, session, record);
    add_array_figures(model, record);
    if (!out_.empty()) {
      frontend::save_artefact(session.files(), out_, model);
      record.add("model_file", out_);
    }
    return record;
  }

 private:
  ModelOptions model_;
  DataOptions data_;
  ArrayOptions array_;
  PtqOptions ptq_;
  std::int64_t test_images_ = 0;
  std::string out_;
};

}  // namespace

std::unique_ptr<Command> make_calibrate() {
  return std::make_unique<CalibrateCommand>();
}

}  // namespace bitline::app
