// bitline export: a model in the formats of other tools, or in bitline's own with packed weights.
#include <algorithm>

#include <CLI/CLI.hpp>

#include "bitline/app/array_report.h"
#include "bitline/app/command.h"
#include "bitline/app/multiplication_report.h"
#include "bitline/app/options.h"
#include "bitline/base/error.h"
#include "bitline/frontend/export.h"
#include "bitline/io/atomic_file.h"
#include "bitline/quant/fold_norms.h"

namespace bitline::app {

namespace {

constexpr int kPackedFloatBits = 8;

std::vector<std::string> format_names() {
  std::vector<std::string> names;
  for (const frontend::ExportFormat& format : frontend::export_formats()) names.emplace_back(format.name);
  return names;
}

std::string format_help() {
  std::string text;
  for (const frontend::ExportFormat& format : frontend::export_formats())
    text += (text.empty() ? "" : "; ") + std::string(format.name) + ": " + format.description;
  return text;
}

std::int64_t batch_norms(const ir::Graph& graph) {
  return std::count_if(graph.nodes().begin(), graph.nodes().end(),
                       [](const ir::Node& node) { return std::holds_alternative<ir::BatchNorm>(node.op); });
}

class ExportCommand final : public Command {
 public:
  std::string name() const override { return "export"; }
  std::string description() const override { return "write a model for other tools, or packed to its bits"; }

  void declare(CLI::App& app) override {
    app.add_option("--model,model", model_.model, "zoo:NAME, an ONNX file or a safetensors artefact")
        ->required();
    model_.declare_untrained(app);
    app.add_option("--to", to_, format_help())->required()->check(CLI::IsMember(format_names()));
    app.add_option("--out", out_, "file to write")->required();
    app.add_option("--float-weights", float_weights_,
                   "packed: weights of layers in float; int8 changes them a little")
        ->check(CLI::IsMember({"float32", "int8"}))
        ->capture_default_str();
    app.add_flag("--keep-batch-norm", keep_batch_norm_,
                 "do not fold batch-norm into the scales of a quantized model");
  }

  result::Record run(Session& session) override {
    const frontend::ExportFormat& format = frontend::export_format(to_);
    check_options(format);
    const quant::QuantizedModel start = model_.load_trained(session);
    const bool folds = !start.layers.empty() && !keep_batch_norm_;
    const quant::QuantizedModel model = folds ? quant::fold_batch_norm(start) : start;
    const frontend::PackOptions options{float_weights_ == "int8" ? kPackedFloatBits : 0};
    const std::vector<std::byte> bytes = format.encode(model, options);
    note_losses(format, model, session);
    result::Record record;
    record.title = "export " + model_.model + " to " + to_;
    record.add("configuration", configuration_text(model));
    record.add("exported_file", out_);
    record.add("file_bytes", static_cast<std::int64_t>(bytes.size()));
    record.add("folded_batch_norms", batch_norms(start.graph) - batch_norms(model.graph));
    record.add("batch_norms", batch_norms(model.graph));
    if (!model.layers.empty()) add_array_figures(model, record);
    add_multiplication_figures(model, record);
    io::write_atomically(session.files(), out_, bytes);
    return record;
  }

 private:
  void check_options(const frontend::ExportFormat& format) const {
    if (!out_.ends_with(format.ending))
      throw Error(ErrorCode::kUsage, "--out: '" + out_ + "' does not end in " + format.ending);
    if (float_weights_ != "float32" && !format.packs_floats)
      throw Error(ErrorCode::kUsage, "--float-weights: " + to_ + " keeps layers in float as they are", {},
                  "it goes with --to packed");
  }

  // One line of all that the file does not hold.
  void note_losses(const frontend::ExportFormat& format, const quant::QuantizedModel& model,
                   const Session& session) const {
    std::string text;
    const auto say = [&text](const std::string& what) { text += (text.empty() ? "note: " : "; ") + what; };
    if (model.layers.empty() && format.ending == std::string(".onnx"))
      say("the model is float, so the file has no quantizers");
    if (quant::has_converters(model) && !format.has_adcs)
      say("ONNX has no form for the quantization of partial sums: other tools compute the network behind "
          "ideal "
          "ADCs, bitline reads the ADCs from the file's metadata");
    if (float_weights_ == "int8")
      say("weights of layers in float are 8-bit codes now, which changes them a little");
    if (!text.empty()) session.note(text);
  }

  ModelOptions model_;
  std::string to_;
  std::string out_;
  std::string float_weights_ = "float32";
  bool keep_batch_norm_ = false;
};

}  // namespace

std::unique_ptr<Command> make_export() {
  return std::make_unique<ExportCommand>();
}

}  // namespace bitline::app
