// bitline train: a float network, from the zoo or from any model, on a data set.
#include <CLI/CLI.hpp>

#include "bitline/app/array_report.h"
#include "bitline/app/command.h"
#include "bitline/app/training_job.h"
#include "bitline/frontend/artefact.h"

namespace bitline::app {

namespace {

class TrainCommand final : public Command {
 public:
  std::string name() const override { return "train"; }
  std::string description() const override { return "train a float network"; }

  void declare(CLI::App& app) override {
    model_.declare(app, "zoo:NAME, an ONNX file or a safetensors artefact");
    model_.declare_ignored_outputs(app);
    data_.declare(app);
    training_.declare(app, 0.1, 10);
    add_model_file(app, out_, "file for the trained model (best epoch; the last one goes beside it)")
        ->required();
  }

  result::Record run(Session& session) override {
    const quant::QuantizedModel start = load(session);
    if (model_.starts_random()) session.note("note: training starts from random weights");
    const train::TrainResult result = run_training(start, nullptr, data_, training_, session, {"train"});
    quant::QuantizedModel best = result.best;
    data_.keep_in(best);
    frontend::save_artefact(session.files(), out_, best);
    quant::QuantizedModel last = result.last;
    last.notes = best.notes;
    frontend::save_artefact(session.files(), last_path(out_), last);
    result::Record record;
    record.title = "train " + model_.model + " on " + data_.set.kind;
    record.add("configuration", configuration_text(best));
    record.add("start_weights", std::string(model_.starts_random() ? "random" : "loaded"));
    record.add("input_scaling", data_.scaling_text());
    record.add("accuracy", result.best_accuracy, "%");
    add_missing_classes(*data_.open(data::Split::kTest, session), training_.train.evaluate_images, record);
    add_missing_classes(*data_.open(data::Split::kTrain, session), training_.train_images, record,
                        "training_classes_missing");
    add_training_figures(result, training_, record);
    record.add("model_file", out_);
    return record;
  }

 private:
  // A network of the zoo gets as many outputs as the data set has classes; any other brings its data set.
  quant::QuantizedModel load(Session& session) {
    if (model_.model.starts_with("zoo:"))
      return model_.load(
          session, static_cast<int>(std::ssize(data_.open(data::Split::kTrain, session)->class_names())));
    quant::QuantizedModel start = model_.load(session, 0);
    data_.use_notes(start, session);
    return start;
  }

  static std::string last_path(const std::string& out) {
    const std::string suffix = ".safetensors";
    return out.substr(0, out.size() - suffix.size()) + ".last" + suffix;
  }

  ModelOptions model_;
  DataOptions data_;
  TrainingOptions training_;
  std::string out_;
};

}  // namespace

std::unique_ptr<Command> make_train() {
  return std::make_unique<TrainCommand>();
}

}  // namespace bitline::app
