// Post-training quantization as a run: options and the steps from a float network to a quantized one, shared
// by `calibrate` and `quantize --method ptq`.
#pragma once

#include <string>
#include <vector>

#include "bitline/app/options.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace bitline::app {

struct PtqOptions {
  std::string rounding;  // nearest | compensated | reconstructed; empty: the usual one
  std::string usual_rounding = "nearest";
  std::string weight_range = "mse", activation_range = "mse", adc_range = "mse";  // quant/range.h
  std::vector<std::string> activation_codes = {"unsigned", "signed"};             // sim/activation_codes.h
  bool equalize = false;  // undone where it makes the outputs worse
  bool keep_batch_norm = false;
  bool re_estimate_batch_norm = false;
  int reconstruction_steps = 300;  // a part of the network
  const CLI::Option* adc_range_option = nullptr;
  const CLI::Option* steps_option = nullptr;

  // Where the usual rounding is `reconstructed`, converters that it does not take get `compensated`.
  void declare(CLI::App& app, const std::string& usual = "nearest");
};

struct PtqRun {
  quant::QuantizedModel model;
  std::int64_t calibration_images = 0;       // that there were
  std::string rounding;                      // that was used
  std::vector<std::string> missing_classes;  // that no calibration image is of
};

// Folds, equalizes, calibrates, rounds, reconstructs, as asked. Loads the training library for
// reconstruction only. Error{kUsage} for options that exclude each other.
PtqRun run_ptq(const quant::QuantizedModel& start, const DataOptions& data, const ArrayOptions& array,
               const PtqOptions& options, Session& session);

// Evaluates a model on `test_images` of the test set (0 = all) and reports it as add_accuracy does.
void add_test_accuracy(const quant::QuantizedModel& model, const data::Dataset& test_set,
                       const DataOptions& data, std::int64_t test_images, Session& session,
                       result::Record& record);

}  // namespace bitline::app
