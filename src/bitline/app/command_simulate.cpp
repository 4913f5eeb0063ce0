// bitline simulate: a quantized model as the chip's integer program, with cell variation, against LibTorch,
// or as it is mapped on arrays.
#include <CLI/CLI.hpp>

#include "bitline/app/accuracy_checks.h"
#include "bitline/app/array_report.h"
#include "bitline/app/command.h"
#include "bitline/app/converter_report.h"
#include "bitline/app/logits_file.h"
#include "bitline/app/options.h"
#include "bitline/app/trainer_library.h"
#include "bitline/app/verification_report.h"
#include "bitline/base/error.h"
#include "bitline/data/sampler.h"
#include "bitline/mapping/mapping_json.h"
#include "bitline/sim/mapped_network.h"

namespace bitline::app {

namespace {

std::string kernel_help() {
  std::string text = "auto";
  for (const sim::CimKernel* kernel : sim::cim_kernels()) text += ", " + kernel->name();
  return text + "; all give the same bits";
}

class SimulateCommand final : public Command {
 public:
  std::string name() const override { return "simulate"; }
  std::string description() const override { return "run a quantized model on the integer engine"; }

  void declare(CLI::App& app) override {
    model_.declare(app, "quantized artefact (a float one is evaluated in float)");
    model_.declare_untrained(app);
    model_.declare_ignored_outputs(app);
    data_.declare(app);
    app.add_option("--images", images_, "test images, 0 = all")
        ->check(CLI::Range(std::int64_t{0}, kMostImages))
        ->capture_default_str();
    app.add_option("--variation", variations_,
                   "cell variation: lognormal or gaussian of stored levels, lognormal-digit or "
                   "gaussian-digit of digits, such as "
                   "lognormal:0.1+onoff:100 or gaussian:0.05+saf0:0.01+saf1:0.001+read:0.05 (on/off ratio; "
                   "stuck at the lowest, "
                   "highest level; read noise in digits a row); several give several rows");
    chips_option_ = app.add_option("--chips", chips_, "chips for each variation")
                        ->capture_default_str()
                        ->check(CLI::Range(1, 100000));
    app.add_option("--kernel", kernel_, kernel_help())->capture_default_str();
    app.add_option(
        "--logits", logits_,
        "file .safetensors for the logits, labels and normalized images, to compare other tools with");
    app.add_flag("--verbose", verbose_, "say which kernel runs each layer, and why faster ones do not");
    app.add_flag("--verify", verify_,
                 "prove that the integer program equals the training graph, code for code");
    app.add_option("--mapping", mapping_,
                   "a file of bitline map: run the arrays as they are mapped, and prove that they equal the "
                   "integer program, code for code");
    verify_images_option_ =
        app.add_option("--verify-images", verify_images_, "test images for --verify and --mapping")
            ->check(CLI::Range(std::int64_t{1}, kMostImages))
            ->capture_default_str();
    app.add_option("--converters", converter_images_,
                   "show how the converters are used by so many test images: codes at the ends of the range, "
                   "columns that never change, information")
        ->check(CLI::Range(std::int64_t{1}, kMostImages));
  }

  result::Record run(Session& session) override {
    check_options();
    const quant::QuantizedModel model = model_.load_trained(session);
    data_.use_notes(model, session);
    const auto set = data_.open(data::Split::kTest, session);
    check_fit(model.graph, *set);
    if (model.layers.empty() && !mapping_.empty())
      bad_input("the model is float, so no layer of it is on arrays", {}, "quantize it for an array first");
    if (model.layers.empty() && !variations_.empty())
      bad_input("the model is float, so cell variation has nothing to change", {},
                "quantize it for an array first");
    if (model.layers.empty() && kernel_ != "auto")
      throw Error(ErrorCode::kUsage, "the model is float, so --kernel has no layer to run", {},
                  "leave it out");
    const sim::Network network(model, kernel_);
    if (verbose_) note_kernels(network, session);
    result::Record record;
    record.title = "simulate " + model_.model;
    record.add("configuration", configuration_text(model));
    if (verify_) verify(model, network, *set, session, record);
    if (!mapping_.empty()) run_mapped(model, *set, session, record);
    if (converter_images_ > 0) count_converters(network, *set, record);
    const sim::Evaluation evaluation = evaluate(network, *set, session);
    record.add("input_scaling", data_.scaling_text());
    const bool judged = tells_classes(model.graph, *set, session, record);
    if (judged) {
      add_accuracy(evaluation, model.graph, record);
      check_chance(model.graph, evaluation.accuracy(), images_, *set, data_, session, record);
    }
    add_missing_classes(*set, images_, record);
    if (!model.layers.empty()) add_array_figures(model, record);
    if (!variations_.empty() && judged) add_variations(network, *set, session, record);
    return record;
  }

 private:
  void check_options() const {
    if (chips_option_->count() > 0 && variations_.empty())
      throw Error(ErrorCode::kUsage, "--chips has no effect without --variation", {}, "add --variation");
    if (verify_images_option_->count() > 0 && !verify_ && mapping_.empty())
      throw Error(ErrorCode::kUsage, "--verify-images has no effect without --verify or --mapping", {},
                  "add --verify");
  }

  sim::Evaluation evaluate(const sim::Network& network, const data::Dataset& set, Session& session) const {
    const sim::BatchSource source = batch_source(set, images_, data_.normalization());
    if (logits_.empty()) return sim::evaluate(network, source, session.context());
    LogitsFile file;
    const sim::Evaluation e =
        sim::evaluate({file.recorded(network)}, file.recorded(source), session.context())[0];
    file.write(session.files(), logits_);
    return e;
  }

  static void note_kernels(const sim::Network& network, const Session& session) {
    for (const sim::LayerProgram* program : network.programs()) {
      const sim::CimKernel& kernel = network.kernel(program->name);
      const std::string declined = sim::declined_before(kernel, *program);
      session.note("layer " + program->name + ": kernel " + kernel.name() +
                   (declined.empty() ? "" : " (" + declined + ")"));
    }
  }

  ir::Tensor first_images(const data::Dataset& set, std::int64_t count) const {
    return read_images(set, data::subset_order(set, std::min(count, set.size())), data_.normalization());
  }

  void count_converters(const sim::Network& network, const data::Dataset& set, result::Record& record) const {
    const std::vector<std::int64_t> images = data::subset_order(set, converter_images_);
    const auto read = [&](std::int64_t first, std::int64_t count) {
      const auto begin = images.begin() + first;
      return read_images(set, {begin, begin + count}, data_.normalization());
    };
    add_converter_use(network, read, std::ssize(images), record);
  }

  void verify(const quant::QuantizedModel& model, const sim::Network& network, const data::Dataset& set,
              Session& session, result::Record& record) const {
    const ir::Tensor images = first_images(set, verify_images_);
    Execution integer, graph;
    integer.logits = network.forward(images, &integer.trace);
    graph.logits = trainer().trace(model, images, graph.trace);
    const ComparisonNames names{"verified_images", "verified_codes",  "mismatches",
                                "verification",    "integer program", "training graph"};
    add_comparison(names, graph, integer, session, record);
  }

  void run_mapped(const quant::QuantizedModel& model, const data::Dataset& set, Session& session,
                  result::Record& record) const {
    session.add_input(mapping_);
    const sim::MappedNetwork mapped(model, mapping::read_mapping(session.files(), mapping_), kernel_);
    const ir::Tensor images = first_images(set, verify_images_);
    Execution arrays, integer;
    arrays.logits = mapped.forward(images, session.context(), &arrays.trace);
    integer.logits = mapped.network().forward(images, &integer.trace);
    const ComparisonNames names{"mapped_images",       "mapped_codes",   "mapped_mismatches",
                                "mapped_verification", "mapped program", "integer program"};
    add_comparison(names, integer, arrays, session, record);
  }

  void add_variations(const sim::Network& network, const data::Dataset& set, Session& session,
                      result::Record& record) {
    result::Table table{"variation",
                        "Cell variation, " + std::to_string(chips_) + " chips",
                        {{"variation", "variation", 0},
                         {"mean", "mean %", 2},
                         {"deviation", "std", 2},
                         {"yield95", "95 % of chips reach %", 2}},
                        {}};
    for (const std::string& text : variations_) {
      const sim::Variation variation = sim::parse_variation(text);
      const sim::ChipStatistics s = sim::evaluate_chips(
          network, variation, chips_, batch_source(set, images_, data_.normalization()), session.context());
      table.rows.push_back({variation.text(), s.mean, s.deviation, s.yield95});
    }
    record.add("chips", std::int64_t{chips_});
    record.add("variation", std::get<std::string>(table.rows.back()[0]));
    record.add("variation_mean", std::get<double>(table.rows.back()[1]), "%");
    record.add("variation_deviation", std::get<double>(table.rows.back()[2]), "%");
    record.add("variation_yield95", std::get<double>(table.rows.back()[3]), "%");
    record.tables.push_back(std::move(table));
  }

  ModelOptions model_;
  DataOptions data_;
  std::int64_t images_ = 0;
  std::vector<std::string> variations_;
  int chips_ = 20;
  const CLI::Option* chips_option_ = nullptr;
  const CLI::Option* verify_images_option_ = nullptr;
  std::string kernel_ = "auto";
  std::string logits_;
  bool verbose_ = false;
  bool verify_ = false;
  std::string mapping_;
  std::int64_t verify_images_ = 8;
  std::int64_t converter_images_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_simulate() {
  return std::make_unique<SimulateCommand>();
}

}  // namespace bitline::app
