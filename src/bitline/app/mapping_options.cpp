#include "bitline/app/mapping_options.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "bitline/app/options.h"
#include "bitline/base/error.h"
#include "bitline/hardware/designs.h"
#include "bitline/hardware/spec_reader.h"
#include "bitline/io/yaml.h"
#include "bitline/mapping/layer_policy.h"
#include "bitline/mapping/map_network.h"
#include "bitline/quant/converter_fit.h"
#include "bitline/quant/encoding.h"

namespace bitline::app {

namespace {

constexpr int kMostBits = 16;  // of a mapped operand; scales and simulation go to eight
constexpr std::int64_t kMostArrays = std::int64_t{1} << 30;
constexpr int kUsualBits = 8;  // when neither the command line nor the chip says

bool is_chip_file(Session& session, const std::string& path) {
  if (!session.files().exists(path)) return false;
  const io::YamlNode root = io::read_yaml(session.files(), path);
  const io::YamlNode* schema = root.find("schema");
  return schema != nullptr && schema->scalar == hardware::kHardwareSchema;
}

int bits_of(const hardware::OptionalConstant& constant) {
  return static_cast<int>(value_or(constant, kUsualBits));
}

void check_bits(const char* what, int bits, int least) {
  if (bits >= least && bits <= kMostBits) return;
  bad_input(std::string(what) + " of " + std::to_string(bits) + " bits cannot be mapped", {},
            "expected " + std::to_string(least) + " to " + std::to_string(kMostBits));
}

// Partial sums need no bits here: "W4A4" is "W4A4Pideal".
void parse_operands(const std::string& precision, quant::CimConfig& config) {
  if (precision.find('P') != std::string::npos) return quant::parse_precision(precision, config);
  try {
    quant::parse_precision(precision + "Pideal", config);
  } catch (const Error&) {
    bad_input("precision '" + precision + "' is not valid", {},
              "expected bits of weights and activations, for example W4A4");
  }
}

// `bits` on the arrays of the chip, with converters that lose nothing.
quant::CimConfig on_arrays_of(const OpenedChip& opened, const quant::CimConfig& bits) {
  quant::CimConfig config;
  config.weight_bits = bits.weight_bits;
  config.activation_bits = bits.activation_bits;
  config.adc_levels = quant::kIdealAdc;
  config.array_rows = static_cast<int>(opened.chip.active_rows);
  config.array_columns = static_cast<int>(opened.chip.columns);
  config.cell_bits = opened.chip.cell_bits;
  config.dac_bits = opened.array.dac_bits;
  config.encoding = opened.array.encoding;
  check_bits("weights", config.weight_bits, quant::weight_encoding(config.encoding).min_bits);
  check_bits("activations", config.activation_bits, 1);
  return config;
}

quant::CimConfig config_of(const std::string& precision, const OpenedChip& opened) {
  quant::CimConfig bits;
  if (!precision.empty()) {
    parse_operands(precision, bits);
  } else {
    bits.weight_bits = opened.spec ? bits_of(opened.spec->operands.weight_bits) : kUsualBits;
    bits.activation_bits = opened.spec ? bits_of(opened.spec->operands.input_bits) : kUsualBits;
  }
  return on_arrays_of(opened, bits);
}

bool same_arrays(const quant::CimConfig& a, const quant::CimConfig& b) {
  return a.array_rows == b.array_rows && a.array_columns == b.array_columns && a.cell_bits == b.cell_bits &&
         a.dac_bits == b.dac_bits && a.encoding == b.encoding;
}

quant::ChipConverters converters_of(const OpenedChip& opened) {
  return quant::chip_converters(opened.array.dac_bits, opened.array.adc_bits);
}

// How a chip runs the layers of a plan that its converters cannot run as they are.
class InsteadOfPlan {
 public:
  void add(const quant::CimConfig& plan, const quant::CimConfig& run, const quant::ChipConverters& chip) {
    const int cycles = quant::input_cycles(run);
    if (cycles > quant::input_cycles(plan)) {
      bits_ = run.dac_bits;
      least_ = most_ == 0 ? cycles : std::min(least_, cycles);
      most_ = std::max(most_, cycles);
    }
    if (chip.adc_levels > 0 && plan.adc_levels != quant::kIdealAdc && plan.adc_levels > chip.adc_levels)
      fewer_levels_ = true;
  }

  // "as 1-bit inputs, 4 cycles"; empty without such layers.
  std::string text() const {
    std::string out;
    if (most_ > 0) {
      const std::string range = least_ < most_ ? std::to_string(least_) + " to " : "";
      out = "as " + std::to_string(bits_) + "-bit inputs, " + range + std::to_string(most_) + " cycles";
    }
    if (fewer_levels_) out += (out.empty() ? "with" : " and") + std::string(" the chip's ADCs of fewer bits");
    return out;
  }

 private:
  int bits_ = 0, least_ = 0, most_ = 0;
  bool fewer_levels_ = false;
};

mapping::LayerPolicy policy_of(const MappingFlags& flags) {
  const auto placement = [&flags](const char* name) {
    const bool logic = std::find(flags.digital.begin(), flags.digital.end(), name) != flags.digital.end();
    return logic ? mapping::Placement::kDigital : mapping::Placement::kArray;
  };
  mapping::LayerPolicy policy;
  policy.first = placement("first");
  policy.last = placement("last");
  policy.shortcut = placement("shortcut");
  policy.float_layers = {flags.float_layers.begin(), flags.float_layers.end()};
  return policy;
}

}  // namespace

OpenedChip open_chip(Session& session, const std::string& text) {
  OpenedChip out;
  if (hardware::find_design(text) != nullptr || is_chip_file(session, text)) {
    out.spec = hardware::open_hardware(session.files(), text);
    out.array = hardware::array_of(*out.spec);
    out.chip = mapping::chip_of(*out.spec);
    for (const std::string& file : out.spec->files) session.add_input(file);
  } else {
    out.array = hardware::open_array_spec(session.files(), text);
    out.chip = mapping::chip_of(out.array);
    for (const std::string& file : out.array.files) session.add_input(file);
  }
  return out;
}

void MappingFlags::declare(CLI::App& app) {
  app.add_option("model,--model", model, "zoo:NAME, an ONNX file or a safetensors artefact")->required();
  app.add_option(
      "--precision", precision,
      "float models: bits of weights and activations, W4A4 (default: the chip's operands, or W8A8)");
  app.add_option("--digital", digital, "float models: run these in digital logic: first, last, shortcut")
      ->delimiter(',')
      ->check(CLI::IsMember({"first", "last", "shortcut"}));
  app.add_option("--float-layers", float_layers, "float models: keep these layers in float, by name");
  app.add_option("--rows", rows, "row tiles of whole kernel windows, or packed: as many rows as there are")
      ->check(CLI::IsMember(mapping::row_policy_names()))
      ->capture_default_str();
  app.add_option("--slices", slices, "bit slices of a weight: adjacent columns, separate arrays, or auto")
      ->check(CLI::IsMember(mapping::spread_names()))
      ->capture_default_str();
  app.add_option("--pairs", pairs, "columns of a differential pair: adjacent, separate arrays, or auto")
      ->check(CLI::IsMember(mapping::spread_names()))
      ->capture_default_str();
  app.add_option("--packing", packing, "small blocks of a layer in one array: none, diagonal, stacked")
      ->check(CLI::IsMember(mapping::packing_names()))
      ->capture_default_str();
  app.add_option("--arrays", arrays,
                 "use at most this many arrays, 0: all of the chip; with --reload in rounds on them")
      ->check(CLI::Range(std::int64_t{0}, kMostArrays));
  app.add_flag("--no-replicas", no_replicas, "place each layer once");
  app.add_flag("--reload", reload, "write arrays again in rounds, even where the chip keeps its weights");
}

mapping::MappingOptions MappingFlags::options() const {
  mapping::MappingOptions out;
  out.rows = mapping::parse_row_policy(rows);
  out.slices = mapping::parse_spread(slices);
  out.pairs = mapping::parse_spread(pairs);
  out.packing = mapping::parse_packing(packing);
  out.array_budget = arrays;
  out.replicate = !no_replicas;
  out.reload = reload;
  return out;
}

quant::QuantizedModel MappingFlags::load_model(Session& session) const {
  ModelOptions options;
  options.model = model;
  return options.load_shapes(session);
}

quant::QuantizedModel MappingFlags::load(Session& session, const OpenedChip& opened) const {
  quant::QuantizedModel out = load_any(session, opened);
  for (const ir::Node& node : out.graph.nodes()) {
    const auto layer = out.layers.find(node.name);
    if (layer == out.layers.end() || layer->second.config.digital) continue;
    mapping::check_array(node.name, layer->second.config, opened.chip);
    const quant::ConverterMisfit misfit =
        quant::converter_misfit(layer->second.config, converters_of(opened));
    if (misfit.what.empty()) continue;
    bad_input(opened.chip.name + " cannot run '" + model + "': " + misfit.what, Where{{}, 0, 0, node.name},
              "calibrate it with this --hardware; what fits: " + misfit.fits);
  }
  return out;
}

quant::QuantizedModel MappingFlags::load_any(Session& session, const OpenedChip& opened) const {
  quant::QuantizedModel out = load_model(session);
  if (!out.layers.empty()) {
    if (!precision.empty() || !digital.empty() || !float_layers.empty())
      throw Error(ErrorCode::kUsage, "'" + model + "' is quantized already", {},
                  "--precision, --digital and --float-layers are for float models");
    return out;
  }
  const quant::CimConfig config = config_of(precision, opened);
  for (const mapping::PlacedLayer& layer : mapping::place_layers(out.graph, policy_of(*this))) {
    const bool digital_layer = layer.placement == mapping::Placement::kDigital;
    out.layers[layer.name].config = digital_layer ? quant::digital_config() : config;
  }
  return out;
}

MappingFlags::Workload MappingFlags::load_for_costs(Session& session, const OpenedChip& opened) const {
  Workload out{load_any(session, opened), false, {}, false};
  out.ideal_sums = has_ideal_sums(out.model);
  InsteadOfPlan instead;
  for (auto& [name, layer] : out.model.layers) {
    if (layer.config.digital) continue;
    const quant::CimConfig config = on_arrays_of(opened, layer.config);
    const bool fits = quant::converter_misfit(layer.config, converters_of(opened)).what.empty();
    if (fits && same_arrays(layer.config, config)) continue;
    if (!fits) instead.add(layer.config, config, converters_of(opened));
    layer = quant::CimLayer();
    layer.config = config;
    out.adapted = true;
  }
  out.converters = instead.text();
  return out;
}

bool has_ideal_sums(const quant::QuantizedModel& model) {
  return std::any_of(model.layers.begin(), model.layers.end(), [](const auto& entry) {
    const quant::CimLayer& layer = entry.second;
    return !layer.config.digital && layer.config.adc_levels == quant::kIdealAdc &&
           !layer.weight_scale.empty();
  });
}

std::string mapped_text(const quant::QuantizedModel& model, const OpenedChip& opened) {
  for (const auto& [name, layer] : model.layers) {
    if (layer.config.digital) continue;
    return "W" + std::to_string(layer.config.weight_bits) + "A" +
           std::to_string(layer.config.activation_bits) + " on " + opened.chip.name;
  }
  return "on " + opened.chip.name;
}

}  // namespace bitline::app
