// bitline calibrate: scales and ADC ranges from a few hundred images, without labels or training.
#include <CLI/CLI.hpp>

#include "bitline/app/array_report.h"
#include "bitline/app/command.h"
#include "bitline/app/options.h"
#include "bitline/frontend/artefact.h"
#include "bitline/ir/fold.h"
#include "bitline/sim/calibrate.h"

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
    data_.declare(app);
    array_.declare(app);
    app.add_option(
           "--rounding", rounding_,
           "of weights: nearest, or compensated (errors are taken back by weights that are still free)")
        ->check(CLI::IsMember({"nearest", "compensated"}))
        ->capture_default_str();
    app.add_flag("--keep-batch-norm", keep_batch_norm_, "do not fold batch-norm into the weights");
    app.add_option("--test-images", test_images_,
                   "test images to measure the accuracy on, 0 = all, -1 = none")
        ->check(CLI::Range(std::int64_t{-1}, kMostImages))
        ->capture_default_str();
    add_model_file(app, out_, "file for the quantized model");
  }

  result::Record run(Session& session) override {
    const quant::CimConfig config = array_.config(session);
    const quant::QuantizedModel start = model_.load(session, 0);
    const ir::Graph graph =
        keep_batch_norm_ ? start.graph : ir::remove_dead_code(ir::fold_batch_norm(start.graph));
    const auto test_set = data_.open(data::Split::kTest, session);
    check_fit(graph, *test_set);
    const ir::Tensor images = calibration_images(data_, array_.calibration_images, session);
    quant::QuantizedModel model = sim::calibrate(
        graph, images, {config, array_.policy(), rounding_ == "compensated", nullptr}, session.context());
    model.notes["data"] = data_.set.kind;
    model.notes["input_scaling"] = data_.scaling;
    result::Record record;
    record.title = "calibrate " + model_.model + " for " + config.text();
    record.add("configuration", config.text());
    record.add("calibration_images", images.dim(0));
    if (test_images_ >= 0) {
      const sim::Evaluation e =
          sim::evaluate(sim::Network(model), batch_source(*test_set, test_images_, data_.normalization()),
                        session.context());
      record.add("test_images", e.images);
      record.add("accuracy", e.accuracy(), "%");
    }
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
  std::string rounding_ = "nearest";
  bool keep_batch_norm_ = false;
  std::int64_t test_images_ = 0;
  std::string out_;
};

}  // namespace

std::unique_ptr<Command> make_calibrate() {
  return std::make_unique<CalibrateCommand>();
}

}  // namespace bitline::app
