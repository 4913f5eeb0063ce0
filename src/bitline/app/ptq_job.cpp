#include "bitline/app/ptq_job.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "bitline/app/accuracy_checks.h"
#include "bitline/app/array_report.h"
#include "bitline/app/trainer_library.h"
#include "bitline/base/error.h"
#include "bitline/base/units.h"
#include "bitline/ir/fold.h"
#include "bitline/sim/activation_codes.h"
#include "bitline/sim/calibrate.h"
#include "bitline/sim/equalized.h"
#include "bitline/sim/network.h"
#include "bitline/sim/wordlines.h"
#include "bitline/train/converters.h"

namespace bitline::app {

namespace {

// How weights are rounded.
struct WeightRounding {
  const char* name;
  bool compensates;   // weights that are still free take errors back
  bool reconstructs;  // and are fitted block by block to the float network
};
constexpr WeightRounding kRoundings[] = {
    {"nearest", false, false}, {"compensated", true, false}, {"reconstructed", true, true}};

std::vector<std::string> rounding_names() {
  std::vector<std::string> names;
  for (const WeightRounding& r : kRoundings) names.emplace_back(r.name);
  return names;
}

const WeightRounding& rounding_named(std::string_view name) {
  return *std::find_if(std::begin(kRoundings), std::end(kRoundings),
                       [name](const auto& r) { return name == r.name; });
}

// Reconstruction loads the training library and takes what that takes.
const WeightRounding& rounding_of(const PtqOptions& options, const quant::CimConfig& config) {
  const bool usual = options.rounding.empty();
  const WeightRounding& rounding = rounding_named(usual ? options.usual_rounding : options.rounding);
  const bool trains = train::has_equal_steps(config) && train::has_trainable_inputs(config);
  if (!rounding.reconstructs || trains) return rounding;
  if (usual) return rounding_named("compensated");
  throw Error(
      ErrorCode::kUsage,
      "--rounding reconstructed takes converters with equal steps, alike for all input cycles, and at most " +
          std::to_string(sim::kByteBits) + " bits of activations behind them",
      {}, "leave out what asks for others, or use --rounding compensated");
}

// What would change nothing is refused.
void check_effects(const PtqOptions& options, const quant::CimConfig& config,
                   const WeightRounding& rounding) {
  if (config.adc_levels == quant::kIdealAdc && options.adc_range_option->count() > 0)
    throw Error(ErrorCode::kUsage, "--adc-range has no effect here: ideal converters have no range", {},
                "use a --precision such as W4A4P4, or leave it out");
  const bool falls_back =
      options.rounding.empty() && options.usual_rounding == "reconstructed";  // the result says
  if (!rounding.reconstructs && !falls_back && options.steps_option->count() > 0)
    throw Error(ErrorCode::kUsage, "--reconstruction-steps has no effect here", {},
                "it is for --rounding reconstructed");
}

ir::Graph prepare(const ir::Graph& graph, const PtqOptions& options) {
  if (options.keep_batch_norm && options.equalize)
    throw Error(ErrorCode::kUsage, "--equalize needs batch-norm folded", {}, "leave --keep-batch-norm out");
  if (!options.keep_batch_norm && options.re_estimate_batch_norm)
    throw Error(ErrorCode::kUsage, "--re-estimate-batch-norm has no batch-norm to change", {},
                "add --keep-batch-norm");
  return options.keep_batch_norm ? graph : ir::remove_dead_code(ir::fold_batch_norm(graph));
}

struct Calibrated {
  ir::Graph graph;  // in float, equalized or not
  quant::QuantizedModel model;
};

Calibrated calibrate_equalized(const ir::Graph& graph, const ir::Tensor& images,
                               const sim::CalibrateOptions& calibration, const Session& session) {
  sim::EqualizedCalibration made = sim::calibrate_equalized(graph, images, calibration, session.context());
  session.note("equalization: mean squared error of the outputs " + number_text(made.error_without) +
               " without, " + number_text(made.error_with) + " with; " + (made.kept ? "kept" : "undone"));
  return {std::move(made.graph), std::move(made.model)};
}

quant::QuantizedModel reconstruct(const quant::QuantizedModel& calibrated, const ir::Graph& graph,
                                  const ir::Tensor& images, const PtqOptions& options, Session& session) {
  train::ReconstructOptions reconstruction;
  reconstruction.steps = options.reconstruction_steps;
  return trainer().reconstruct(
      calibrated, graph, images, reconstruction,
      [&session](const train::SegmentReport& s) {
        session.note("reconstruct " + std::to_string(s.segment) + "/" + std::to_string(s.segments) + "  " +
                     s.last_node + "  relative error " + fixed_text(s.error_before, 5) + " -> " +
                     fixed_text(s.error_after, 5));
      },
      session.context());
}

}  // namespace

void PtqOptions::declare(CLI::App& app, const std::string& usual) {
  usual_rounding = usual;
  app.add_option("--rounding", rounding,
                 "of weights: nearest, compensated (weights that are still free take errors back) or "
                 "reconstructed (also fitted block by block to the float network); usually " +
                     usual)
      ->check(CLI::IsMember(rounding_names()));
  const char* methods = ": mse, minmax, percentile:P or kl";
  app.add_option("--weight-range", weight_range, std::string("how weight scales are chosen") + methods)
      ->capture_default_str();
  app.add_option("--activation-range", activation_range,
                 std::string("how activation scales are chosen") + methods)
      ->capture_default_str();
  app.add_option("--activation-codes", activation_codes,
                 "kinds that a layer's inputs may take, of which the least error is taken: unsigned, signed, "
                 "offset (not for ONNX exports)")
      ->delimiter(',')
      ->check(CLI::IsMember(sim::activation_kind_names()))
      ->capture_default_str();
  adc_range_option =
      app.add_option("--adc-range", adc_range, std::string("how converter ranges are chosen") + methods)
          ->capture_default_str();
  app.add_flag("--equalize", equalize, "equalize the ranges of neighbouring layers' channels first");
  app.add_flag("--keep-batch-norm", keep_batch_norm, "do not fold batch-norm into the weights");
  app.add_flag("--re-estimate-batch-norm", re_estimate_batch_norm,
               "give kept batch-norms the statistics of the quantized layers");
  steps_option = app.add_option("--reconstruction-steps", reconstruction_steps, "optimizer steps a block")
                     ->check(CLI::Range(1, 1'000'000))
                     ->capture_default_str();
}

PtqRun run_ptq(const quant::QuantizedModel& start, const DataOptions& data, const ArrayOptions& array,
               const PtqOptions& options, Session& session) {
  sim::CalibrateOptions calibration;
  calibration.config = array.config(session);
  const WeightRounding& rounding = rounding_of(options, calibration.config);
  check_effects(options, calibration.config, rounding);
  calibration.policy = array.policy();
  calibration.compensate = rounding.compensates;
  calibration.weight_range = quant::parse_range(options.weight_range);
  calibration.activation_range = quant::parse_range(options.activation_range);
  calibration.adc_range = quant::parse_range(options.adc_range);
  calibration.re_estimate_batch_norm = options.re_estimate_batch_norm;
  calibration.activations = sim::parse_activation_kinds(options.activation_codes);
  Calibrated made{prepare(start.graph, options), {}};
  CalibrationImages chosen = calibration_images(data, array.calibration_images, session);
  const ir::Tensor& images = chosen.images;
  if (options.equalize) {
    made = calibrate_equalized(made.graph, images, calibration, session);
  } else {
    made.model = sim::calibrate(made.graph, images, calibration, session.context());
  }
  PtqRun run{std::move(made.model), images.dim(0), rounding.name, std::move(chosen.missing_classes)};
  if (rounding.reconstructs) run.model = reconstruct(run.model, made.graph, images, options, session);
  data.keep_in(run.model);
  return run;
}

void add_test_accuracy(const quant::QuantizedModel& model, const data::Dataset& test_set,
                       const DataOptions& data, std::int64_t test_images, Session& session,
                       result::Record& record) {
  const sim::Evaluation evaluation = sim::evaluate(
      sim::Network(model), batch_source(test_set, test_images, data.normalization()), session.context());
  record.add("input_scaling", data.scaling_text());
  if (!tells_classes(model.graph, test_set, session, record)) return;
  add_accuracy(evaluation, model.graph, record);
  check_chance(model.graph, evaluation.accuracy(), test_images, test_set, data, session, record);
  add_missing_classes(test_set, test_images, record);
}

}  // namespace bitline::app
