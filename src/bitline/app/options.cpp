#include "bitline/app/options.h"

#include <algorithm>
#include <array>

#include <CLI/CLI.hpp>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/data/loader.h"
#include "bitline/data/sampler.h"
#include "bitline/frontend/model.h"
#include "bitline/hardware/array_spec.h"
#include "bitline/ir/class_count.h"

namespace bitline::app {

namespace {

constexpr std::int64_t kEvaluationBatch = 128;

struct Scaling {
  const char* name;
  data::Normalization normalization;
};

const std::array<Scaling, 4>& scalings() {
  static const std::array<Scaling, 4> table = {
      {{"imagenet", {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}}},
       {"unit", {}},
       {"signed", {{0.5f}, {0.5f}}},
       {"raw", {{0.0f}, {1.0f / 255.0f}}}}};
  return table;
}

}  // namespace

void DataOptions::declare(CLI::App& app) {
  kind_option_ =
      app.add_option("--data", set.kind,
                     "data set: digits, cifar10, cifar100, image-folder; simulate and estimate take "
                     "that of the model where none is named")
          ->capture_default_str();
  app.add_option("--data-dir", set.data_dir, "folder of the data set (default: $BITLINE_DATA)");
  app.add_option("--resize", set.resize, "image-folder: short side after resizing, 0 = as it is")
      ->capture_default_str();
  app.add_option("--crop", set.crop, "image-folder: centre crop")->capture_default_str();
  scaling_option_ = app.add_option("--input-scaling", scaling,
                                   "auto, imagenet (mean/std), unit (0..1), signed (-1..1) or raw (0..255)")
                        ->capture_default_str();
}

void DataOptions::use_notes(const quant::QuantizedModel& model) {
  const auto note = [&model](const char* key, std::string& value, const CLI::Option* named) {
    const auto it = model.notes.find(key);
    if ((named == nullptr || named->count() == 0) && it != model.notes.end()) value = it->second;
  };
  note("data", set.kind, kind_option_);
  note("input_scaling", scaling, scaling_option_);
}

data::Normalization DataOptions::normalization() const {
  if (scaling == "auto") return data::default_normalization(set.kind);
  std::vector<std::string> names = {"auto"};
  for (const Scaling& s : scalings()) {
    if (scaling == s.name) return s.normalization;
    names.emplace_back(s.name);
  }
  throw Error(ErrorCode::kUsage, "unknown input scaling '" + scaling + "'", {}, suggestion(scaling, names));
}

std::unique_ptr<data::Dataset> DataOptions::open(data::Split split, const Session& session) const {
  return data::open_dataset(set, split, session.files());
}

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

quant::QuantizedModel ModelOptions::load(Session& session, int classes) const {
  session.add_input(weights_path(model));
  return frontend::load_model(session.files(), model, classes, session.context().seed);
}

quant::QuantizedModel ModelOptions::load_shapes(Session& session) const {
  session.add_input(weights_path(model));
  return frontend::load_shapes(session.files(), model, session.context().seed);
}

void ArrayOptions::declare(CLI::App& app) {
  app.add_option("--hardware", hardware,
                 "array: ROWSxCOLUMNS:BITSb, a design (bitline hardware list) or a YAML file")
      ->capture_default_str();
  app.add_option("--precision", precision, "weight, activation and partial-sum bits: W4A4P4, P1.5, Pideal")
      ->capture_default_str();
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
  quant::parse_precision(precision, c);
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
  const std::int64_t count = images > 0 ? std::min(images, set.size()) : set.size();
  const auto loader = std::make_shared<data::BatchLoader>(set, data::sequential_order(0, count),
                                                          kEvaluationBatch, normalization);
  return [loader]() -> std::optional<sim::LabelledBatch> {
    std::optional<data::Batch> batch = loader->next();
    if (!batch) return std::nullopt;
    const data::ImageShape& s = batch->shape;
    return sim::LabelledBatch{{{batch->count, s.channels, s.height, s.width}, std::move(batch->pixels)},
                              std::move(batch->labels)};
  };
}

ir::Tensor calibration_images(const DataOptions& options, std::int64_t count, const Session& session) {
  if (count < 1) throw Error(ErrorCode::kUsage, "calibration needs at least one image");
  const auto set = options.open(data::Split::kTrain, session);
  std::vector<std::int64_t> order = data::epoch_order(set->size(), session.context().seed, -1);
  order.resize(static_cast<std::size_t>(std::min(count, set->size())));
  return read_images(*set, order, options.normalization());
}

void check_fit(const ir::Graph& graph, const data::Dataset& set) {
  const data::ImageShape s = set.shape();
  const ir::Shape images{ir::kBatch, s.channels, s.height, s.width};
  if (graph.input_shape() != images) {
    bad_input("the data set " + set.name() + " does not fit the model: its images are " +
                  ir::shape_text(images) + ", the model takes " + ir::shape_text(graph.input_shape()),
              {}, "choose another data set with --data");
  }
  const std::int64_t told_apart = ir::class_count(graph);
  const auto classes = static_cast<std::int64_t>(set.class_names().size());
  if (told_apart < classes) {
    bad_input("the data set " + set.name() + " has " + std::to_string(classes) +
              " classes, the model tells " + std::to_string(told_apart) + " apart");
  }
}

}  // namespace bitline::app
