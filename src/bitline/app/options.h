// Groups of options that several commands share. An option is declared once: the command line, --help and
// recipe steps all read this declaration.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bitline/app/data_options.h"
#include "bitline/app/session.h"
#include "bitline/data/dataset.h"
#include "bitline/mapping/layer_policy.h"
#include "bitline/quant/config.h"
#include "bitline/result/record.h"
#include "bitline/sim/evaluate.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace bitline::app {

inline constexpr std::int64_t kMostImages = std::int64_t{1} << 40;  // bound of options that count images

// The file behind a model's name: "zoo:NAME=FILE" names FILE.
std::string weights_path(const std::string& model);

struct ModelOptions {
  std::string model;
  bool untrained = false;
  std::vector<std::int64_t> ignored_outputs;

  void declare(CLI::App& app, const char* what);
  void declare_untrained(CLI::App& app);        // --untrained
  void declare_ignored_outputs(CLI::App& app);  // --ignore-output
  // Any model: zoo, ONNX, safetensors, or a quantized artefact. `classes` 0 = the model's own.
  quant::QuantizedModel load(Session& session, int classes) const;
  // The same where weights matter: Error{kBadInput} for a network of the zoo without any, unless --untrained.
  quant::QuantizedModel load_trained(Session& session) const;
  bool starts_random() const;                                 // a network of the zoo without weights
  quant::QuantizedModel load_shapes(Session& session) const;  // zoo networks without weights, too
};

struct ArrayOptions {
  std::string hardware = "128x128:2b";
  std::string precision;  // empty: W4A4 and the ADC bits of the hardware, P4 where it states none
  std::string granularity = "column/column";
  std::optional<int> cell_bits, dac_bits;  // usually the hardware's
  std::string encoding;
  bool slice_scales = false;
  bool cycle_ranges = false;
  std::string adc_levels = "uniform";          // uniform | lloyd-max
  std::vector<std::string> on_array, digital;  // first | last | shortcut
  std::vector<std::string> float_layers;
  std::int64_t calibration_images = 256;

  void declare(CLI::App& app);
  quant::CimConfig config(Session& session) const;
  mapping::LayerPolicy policy() const;
};

// --out for a model: only names that --model takes again are accepted.
CLI::Option* add_model_file(CLI::App& app, std::string& out, const char* what);

// The images of a set in `order` as one tensor; `images` of a test set (data/sampler.h, subset_order) batch
// by batch.
ir::Tensor read_images(const data::Dataset& set, const std::vector<std::int64_t>& order,
                       const data::Normalization& normalization);
sim::BatchSource batch_source(const data::Dataset& set, std::int64_t images,
                              const data::Normalization& normalization);

// Calibration images: of a seeded permutation of the training set, spread over the classes where that is
// sorted.
struct CalibrationImages {
  ir::Tensor images;
  std::vector<std::string> missing_classes;  // that no image is of
};
CalibrationImages calibration_images(const DataOptions& data, std::int64_t count, const Session& session);

// Says which classes a part of a set does not have, the first few by name; nothing when there are none.
void add_missing_classes(const std::vector<std::string>& missing, result::Record& record,
                         const std::string& key);
// The same of `images` images of the set, 0 = all (subset_order).
void add_missing_classes(const data::Dataset& set, std::int64_t images, result::Record& record,
                         const std::string& key = "classes_missing");

// Error{kBadInput} when images of the set do not fit the graph, or it has fewer outputs than classes.
void check_fit(const ir::Graph& graph, const data::Dataset& set);

}  // namespace bitline::app
