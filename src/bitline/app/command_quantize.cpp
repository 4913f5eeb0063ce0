// bitline quantize: a float network for an array, by quantization-aware training or (--method ptq) without.
//
// One stage (ColumnQuant): weights, activations and partial sums are quantized from the first step. Two
// stages (its baseline): first without partial-sum quantization, then, after calibrating the ADCs, with it;
// epochs are shared.
#include <functional>
#include <map>
#include <vector>

#include <CLI/CLI.hpp>

#include "bitline/app/accuracy_checks.h"
#include "bitline/app/array_report.h"
#include "bitline/app/command.h"
#include "bitline/app/ptq_job.h"
#include "bitline/app/trainer_library.h"
#include "bitline/app/training_job.h"
#include "bitline/base/error.h"
#include "bitline/frontend/artefact.h"
#include "bitline/sim/calibrate.h"

namespace bitline::app {

namespace {

class QuantizeCommand final : public Command {
 public:
  std::string name() const override { return "quantize"; }
  std::string description() const override {
    return "quantize a network for an array: trained for it (qat) or calibrated (ptq)";
  }

  void declare(CLI::App& app) override {
    model_.declare(app, "float start: zoo:NAME=WEIGHTS, an ONNX file or a safetensors artefact");
    model_.declare_untrained(app);
    model_.declare_ignored_outputs(app);
    data_.declare(app);
    array_.declare(app);
    app.add_option("--method", method_,
                   "qat (quantization-aware training) or ptq (post-training: no labels; as calibrate does)")
        ->check(CLI::IsMember({"qat", "ptq"}))
        ->capture_default_str();
    belongs_to("qat", app, [&] {
      training_.declare(app, 0.02, 1);
      app.add_option("--stages", stages_, "1: as ColumnQuant; 2: partial sums only in the second half")
          ->capture_default_str()
          ->check(CLI::Range(1, 2));
    });
    belongs_to("ptq", app, [&] { ptq_.declare(app, "reconstructed"); });
    add_model_file(app, out_, "file for the quantized model (best epoch)")->required();
  }

  result::Record run(Session& session) override {
    check_options();
    const quant::QuantizedModel start =
        method_ == "ptq" ? model_.load_trained(session) : model_.load(session, 0);
    data_.use_notes(start, session);
    return method_ == "ptq" ? without_training(start, session) : trained(start, session);
  }

 private:
  // Notes the method of the options that `declare_options` adds; those for test images serve both.
  void belongs_to(const char* method, const CLI::App& app, const std::function<void()>& declare_options) {
    const auto before = static_cast<std::ptrdiff_t>(app.get_options().size());
    declare_options();
    const std::vector<const CLI::Option*> all = app.get_options();
    for (auto option = all.begin() + before; option != all.end(); ++option)
      if (!(*option)->check_lname("epoch-test-images")) options_of_[method].push_back(*option);
  }

  void check_options() const {
    for (const auto& [method, options] : options_of_) {
      if (method == method_) continue;
      for (const CLI::Option* option : options)
        if (option->count() > 0)
          throw Error(ErrorCode::kUsage, option->get_name() + " has no meaning with --method " + method_, {},
                      "leave it out, or use --method " + method);
    }
  }

  result::Record without_training(const quant::QuantizedModel& start, Session& session) {
    const auto test_set = data_.open(data::Split::kTest, session);
    check_fit(start.graph, *test_set);
    const auto [model, images, rounding, missing] = run_ptq(start, data_, array_, ptq_, session);
    frontend::save_artefact(session.files(), out_, model);
    result::Record record = started_record(session);
    record.add("calibration_images", images);
    add_missing_classes(missing, record, "calibration_classes_missing");
    record.add("rounding", rounding);
    add_test_accuracy(model, *test_set, data_, training_.train.evaluate_images, session, record);
    add_array_figures(model, record);
    record.add("model_file", out_);
    return record;
  }

  result::Record started_record(Session& session) const {
    const std::string configuration = array_.config(session).text();
    result::Record record;
    record.title = "quantize " + model_.model + " for " + configuration;
    record.add("configuration", configuration);
    record.add("method", method_);
    return record;
  }

  result::Record trained(const quant::QuantizedModel& start, Session& session) {
    check_fit(start.graph, *data_.open(data::Split::kTest, session));
    const CalibrationImages chosen = calibration_images(data_, array_.calibration_images, session);
    const ir::Tensor& images = chosen.images;
    sim::CalibrateOptions options;
    options.config = array_.config(session);
    options.policy = array_.policy();
    train::TrainResult result = stages_ == 1 ? one_stage(start, options, images, session)
                                             : two_stages(start, options, images, session);
    data_.keep_in(result.best);
    frontend::save_artefact(session.files(), out_, result.best);
    result::Record record = started_record(session);
    add_missing_classes(chosen.missing_classes, record, "calibration_classes_missing");
    record.add("start_weights", std::string(model_.starts_random() ? "random" : "loaded"));
    record.add("input_scaling", data_.scaling_text());
    record.add("accuracy", result.best_accuracy, "%");
    const auto test_set = data_.open(data::Split::kTest, session);
    check_chance(start.graph, result.best_accuracy, training_.train.evaluate_images, *test_set, data_,
                 session, record);
    add_missing_classes(*test_set, training_.train.evaluate_images, record);
    add_missing_classes(*data_.open(data::Split::kTrain, session), training_.train_images, record,
                        "training_classes_missing");
    record.add("stages", std::int64_t{stages_});
    add_training_figures(result, training_, record);
    add_array_figures(result.best, record);
    record.add("model_file", out_);
    return record;
  }

  train::TrainResult one_stage(const quant::QuantizedModel& start, const sim::CalibrateOptions& options,
                               const ir::Tensor& images, Session& session) {
    const quant::QuantizedModel calibrated = sim::calibrate(start.graph, images, options, session.context());
    return run_training(calibrated, &start.graph, data_, training_, session, {"quantize"});
  }

  // What the second stage cannot have is said before the first.
  void check_stages(const quant::QuantizedModel& start, const sim::CalibrateOptions& options,
                    const ir::Tensor& images, Session& session) const {
    if (training_.train.epochs < 2)
      bad_input("two stages take at least two epochs", {}, "--epochs 2 or more");
    if (options.config.adc_levels == quant::kIdealAdc)
      bad_input("the second of two stages trains behind converters, and ideal ones are none", {},
                "--stages 1, or a --precision with bits for partial sums, such as W4A4P4");
    const quant::QuantizedModel target = sim::calibrate(start.graph, images, options, session.context());
    trainer().check(target, training_.train);
  }

  train::TrainResult two_stages(const quant::QuantizedModel& start, sim::CalibrateOptions options,
                                const ir::Tensor& images, Session& session) {
    check_stages(start, options, images, session);
    TrainingOptions half = training_;
    half.train.epochs = training_.train.epochs / 2;
    half.train.quantizers.psums = {};  // there are none yet
    if (!half.train.checkpoint.empty()) half.train.checkpoint += ".stage1";
    const quant::CimConfig target = options.config;
    options.config.adc_levels = quant::kIdealAdc;
    const quant::QuantizedModel calibrated = sim::calibrate(start.graph, images, options, session.context());
    const train::TrainResult first =
        run_training(calibrated, &start.graph, data_, half, session, {"stage 1"});
    options.config = target;
    options.keep = &first.last.layers;
    const quant::QuantizedModel second = sim::calibrate(first.last.graph, images, options, session.context());
    half.train.epochs = training_.train.epochs - half.train.epochs;
    half.train.quantizers.psums = training_.train.quantizers.psums;
    half.train.checkpoint = training_.train.checkpoint;
    train::TrainResult result = run_training(
        second, &start.graph, data_, half, session,
        {"stage 2", training_.train.epochs / 2, first.epochs.empty() ? 0 : first.epochs.back().steps_done});
    result.epochs.insert(result.epochs.begin(), first.epochs.begin(), first.epochs.end());
    return result;
  }

  ModelOptions model_;
  DataOptions data_;
  ArrayOptions array_;
  TrainingOptions training_;
  PtqOptions ptq_;
  std::string method_ = "qat";
  int stages_ = 1;
  std::string out_;
  std::map<std::string, std::vector<const CLI::Option*>> options_of_;  // that one method alone takes
};

}  // namespace

std::unique_ptr<Command> make_quantize() {
  return std::make_unique<QuantizeCommand>();
}

}  // namespace bitline::app
