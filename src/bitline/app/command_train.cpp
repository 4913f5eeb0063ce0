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
    data_.declare(app);
    training_.declare(app, 0.1, 10);
    add_model_file(app, out_, "file for the trained model (best epoch; the last one goes beside it)")
        ->required();
  }

  result::Record run(Session& session) override {
    const auto train_set = data_.open(data::Split::kTrain, session);
    const quant::QuantizedModel start = model_.load(
        session, model_.model.starts_with("zoo:") ? static_cast<int>(train_set->class_names().size()) : 0);
    const train::TrainResult result = run_training(start, nullptr, data_, training_, session, {"train"});
    quant::QuantizedModel best = result.best;
    best.notes["data"] = data_.set.kind;
    best.notes["input_scaling"] = data_.scaling;
    frontend::save_artefact(session.files(), out_, best);
    quant::QuantizedModel last = result.last;
    last.notes = best.notes;
    frontend::save_artefact(session.files(), last_path(out_), last);
    result::Record record;
    record.title = "train " + model_.model + " on " + data_.set.kind;
    record.add("configuration", configuration_text(best));
    record.add("accuracy", result.best_accuracy, "%");
    add_training_figures(result, training_, record);
    record.add("model_file", out_);
    return record;
  }

 private:
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
