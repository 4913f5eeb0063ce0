// Post-training quantization as a run: options and the steps from a float network to a quantized one, shared
// by `calibrate` and `quantize --method ptq`.
#pragma once

#include <string>

#include "bitline/app/options.h"

namespace CLI {
class App;
}

namespace bitline::app {

struct PtqOptions {
  std::string rounding = "nearest";  // nearest | compensated | reconstructed
  std::string weight_range = "mse", activation_range = "mse", adc_range = "mse";  // quant/range.h
  bool equalize = false;
  bool keep_batch_norm = false;
  bool re_estimate_batch_norm = false;
  int reconstruction_steps = 300;  // a part of the network

  void declare(CLI::App& app);
};

// Folds, equalizes, calibrates, rounds, reconstructs, as asked. Loads the training library for
// reconstruction only.
quant::QuantizedModel run_ptq(const quant::QuantizedModel& start, const DataOptions& data,
                              const ArrayOptions& array, const PtqOptions& options, Session& session);

// Evaluates a model on the first `test_images` test images (0 = all) and reports it as add_accuracy does.
void add_test_accuracy(const quant::QuantizedModel& model, const DataOptions& data, std::int64_t test_images,
                       Session& session, result::Record& record);

}  // namespace bitline::app
