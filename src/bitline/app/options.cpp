#include "bitline/app/options.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/data/loader.h"
#include "bitline/data/sampler.h"
#include "bitline/frontend/model.h"
#include "bitline/hardware/array_spec.h"
#include "bitline/ir/classes.h"
#include "bitline/ir/shapes.h"
#include "bitline/quant/converter_fit.h"

namespace bitline::app {

namespace {

constexpr std::int64_t kEvaluationBatch = 128;
constexpr std::size_t kNamedClasses = 5;

}  // namespace

std::string weights_path(const std::string& model) {
  const std::size_t equals = model.starts_with("zoo:") ? model.find('=') : std::string::npos;
  return equals == std::string::npos ? model : model.substr(equals + 1);
}

CLI::Option* add_model_file(CLI::App& app, std::string& out, const char* what) {
  const auto check = [](const std::string& name) {
    return name.ends_with(".safetensors") ? std::string() : "'" + name + "' does not end in .safetensors";
  };
  return app.add_option("--out", out, what)->check(check);
}

void ModelOptions::declare(CLI::App& app, const char* what) {
  app.add_option("model,--model", model, what)->required();
}

void ModelOptions::declare_untrained(CLI::App& app) {
  app.add_flag("--untrained", untrained, "take a network of the zoo with random weights");
}

void ModelOptions::declare_ignored_outputs(CLI::App& app) {
  app.add_option(
         "--ignore-output", ignored_outputs,
         "outputs that are no class of the data set, such as a background class: 0; the others count on")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber);
}

bool ModelOptions::starts_random() const {
  return model.starts_with("zoo:") && model.find('=') == std::string::npos;
}

quant::QuantizedModel ModelOptions::load(Session& session, int classes) const {
  session.add_input(weights_path(model));
  quant::QuantizedModel loaded =
      frontend::load_model(session.files(), model, classes, session.context().seed);
  loaded.graph = ir::without_outputs(loaded.graph, ignored_outputs);
  return loaded;
}

quant::QuantizedModel ModelOptions::load_trained(Session& session) const {
  quant::QuantizedModel loaded = load(session, 0);
  if (starts_random() && !untrained)
    bad_input("'" + model + "' has no trained weights", {},
              "name a file of them, " + model + "=WEIGHTS.safetensors, or say --untrained");
  return loaded;
}

quant::QuantizedModel ModelOptions::load_shapes(Session& session) const {
  session.add_input(weights_path(model));
  return frontend::load_shapes(session.files(), model, session.context().seed);
}

void ArrayOptions::declare(CLI::App& app) {
  app.add_option("--hardware", hardware,
                 "array: ROWSxCOLUMNS:BITSb, a design (bitline hardware list) or a YAML file")
      ->capture_default_str();
  app.add_option("--precision", precision,
                 "weight, activation and partial-sum bits: W4A4P4, P1.5, Pideal (default: W4A4 and the "
                 "hardware's ADC bits, else P4)");
  app.add_option("--granularity", granularity,
                 "scales of weights/partial sums: layer, channel, array, column")
      ->capture_default_str();
  app.add_option("--cell-bits", cell_bits, "bits a cell (default: the hardware's)");
  app.add_option("--dac-bits", dac_bits, "input bits a cycle, 0 = all at once (default: the hardware's)");
  app.add_option("--encoding", encoding,
                 "signed weights: twos-complement or differential (default: the hardware's)");
  app.add_flag("--slice-scales", slice_scales, "a weight scale for each bit slice");
  app.add_flag("--cycle-ranges", cycle_ranges, "a converter range for each input cycle (without training)");
  app.add_option("--adc-levels", adc_levels, "of converters: uniform or lloyd-max (without training)")
      ->check(CLI::IsMember({"uniform", "lloyd-max"}))
      ->capture_default_str();
  app.add_option("--on-array", on_array, "also put these on the array: first, last, shortcut")
      ->delimiter(',')
      ->check(CLI::IsMember({"first", "last", "shortcut"}));
  app.add_option("--digital", digital,
                 "run these in 8-bit digital logic: first, last, shortcut (usually they stay in float)")
      ->delimiter(',')
      ->check(CLI::IsMember({"first", "last", "shortcut"}));
  app.add_option("--float-layers", float_layers, "keep these layers in float, by name");
  app.add_option("--calibration-images", calibration_images, "training images that set scales and ADC ranges")
      ->capture_default_str();
}

quant::CimConfig ArrayOptions::config(Session& session) const {
  const hardware::ArraySpec spec = hardware::open_array_spec(session.files(), hardware);
  for (const std::string& file : spec.files) session.add_input(file);
  quant::CimConfig c;
  const quant::ChipConverters chip = quant::chip_converters(spec.dac_bits, spec.adc_bits);
  const std::string usual = "W4A4P" + (chip.adc_levels == 0 ? "4" : quant::finest_bits(chip));
  quant::parse_precision(precision.empty() ? usual : precision, c);
  c.array_rows = spec.rows;
  c.array_columns = spec.columns;
  c.cell_bits = cell_bits.value_or(spec.cell_bits);
  c.dac_bits = dac_bits.value_or(spec.dac_bits);
  c.encoding = encoding.empty() ? spec.encoding : encoding;
  c.slice_scales = slice_scales;
  c.cycle_ranges = cycle_ranges;
  c.free_levels = adc_levels == "lloyd-max";
  const std::size_t slash = granularity.find('/');
  c.weight_granularity = quant::parse_granularity(granularity.substr(0, slash));
  c.psum_granularity =
      quant::parse_granularity(slash == std::string::npos ? granularity : granularity.substr(slash + 1));
  quant::validate(c);
  if (const quant::ConverterMisfit misfit = quant::converter_misfit(c, chip); !misfit.what.empty())
    bad_input("'" + hardware + "' cannot run it: " + misfit.what, {}, "what fits: " + misfit.fits);
  return c;
}

mapping::LayerPolicy ArrayOptions::policy() const {
  const auto placement = [this](const std::string& name) {
    const bool array = std::find(on_array.begin(), on_array.end(), name) != on_array.end();
    const bool logic = std::find(digital.begin(), digital.end(), name) != digital.end();
    if (array && logic)
      throw Error(ErrorCode::kUsage, "'" + name + "' is to run on the array and in digital logic", {},
                  "name it with --on-array or with --digital");
    if (array) return mapping::Placement::kArray;
    return logic ? mapping::Placement::kDigital : mapping::Placement::kFloat;
  };
  mapping::LayerPolicy policy;
  policy.first = placement("first");
  policy.last = placement("last");
  policy.shortcut = placement("shortcut");
  policy.float_layers = {float_layers.begin(), float_layers.end()};
  return policy;
}

ir::Tensor read_images(const data::Dataset& set, const std::vector<std::int64_t>& order,
                       const data::Normalization& normalization) {
  data::Batch batch = data::read_batch(set, order, normalization);
  return {{batch.count, batch.shape.channels, batch.shape.height, batch.shape.width},
          std::move(batch.pixels)};
}

sim::BatchSource batch_source(const data::Dataset& set, std::int64_t images,
                              const data::Normalization& normalization) {
  const auto loader = std::make_shared<data::BatchLoader>(set, data::subset_order(set, images),
                                                          kEvaluationBatch, normalization);
  return [loader]() -> std::optional<sim::LabelledBatch> {
    std::optional<data::Batch> batch = loader->next();
    if (!batch) return std::nullopt;
    const data::ImageShape& s = batch->shape;
    return sim::LabelledBatch{{{batch->count, s.channels, s.height, s.width}, std::move(batch->pixels)},
                              std::move(batch->labels)};
  };
}

CalibrationImages calibration_images(const DataOptions& options, std::int64_t count, const Session& session) {
  if (count < 1) throw Error(ErrorCode::kUsage, "calibration needs at least one image");
  const auto set = options.open(data::Split::kTrain, session);
  std::vector<std::int64_t> order = data::epoch_order(set->size(), session.context().seed, -1);
  order.resize(static_cast<std::size_t>(std::min(count, set->size())));
  if (data::is_sorted(*set, std::ssize(order)))
    order = data::spread_order(*set, std::ssize(order), session.context().seed);
  const bool partial = std::ssize(order) < set->size();
  return {read_images(*set, order, options.normalization()),
          partial ? data::missing_classes(*set, order) : std::vector<std::string>{}};
}

void add_missing_classes(const data::Dataset& set, std::int64_t images, result::Record& record,
                         const std::string& key) {
  if (images > 0 && images < set.size())
    add_missing_classes(data::missing_classes(set, data::subset_order(set, images)), record, key);
}

void add_missing_classes(const std::vector<std::string>& missing, result::Record& record,
                         const std::string& key) {
  if (missing.empty()) return;
  record.add(key, std::ssize(missing));
  std::string names = missing[0];
  const std::size_t shown = std::min(kNamedClasses, missing.size());
  for (std::size_t i = 1; i < shown; ++i) names += ", " + missing[i];
  if (missing.size() > shown) names += " and " + std::to_string(missing.size() - shown) + " more";
  record.add(key + "_names", names);
}

void check_fit(const ir::Graph& graph, const data::Dataset& set) {
  const data::ImageShape s = set.shape();
  const ir::Shape images{ir::kBatch, s.channels, s.height, s.width};
  if (graph.input_shape() != images) {
    bad_input("the data set " + set.name() + " does not fit the model: its images are " +
                  ir::shape_text(images) + ", the model takes " + ir::shape_text(graph.input_shape()),
              {}, "choose another data set with --data");
  }
  const std::int64_t outputs = ir::class_count(graph), classes = std::ssize(set.class_names());
  if (outputs >= classes) return;
  bad_input("the data set " + set.name() + " has " + std::to_string(classes) + " classes, the model tells " +
                std::to_string(outputs) + " apart",
            {}, "choose another data set with --data");
}

}  // namespace bitline::app
