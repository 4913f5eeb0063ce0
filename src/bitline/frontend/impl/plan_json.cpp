#include "bitline/frontend/impl/plan_json.h"

#include <cmath>
#include <string>
#include <vector>

#include "bitline/base/error.h"

namespace bitline::frontend {

namespace {

constexpr std::int64_t kPlanVersion = 1;

io::Json config_to_json(const quant::CimConfig& c) {
  io::JsonObject json{{"weight_bits", c.weight_bits},
                      {"activation_bits", c.activation_bits},
                      {"adc_bits", quant::adc_bits_text(c.adc_levels)},
                      {"weight_granularity", quant::granularity_name(c.weight_granularity)},
                      {"psum_granularity", quant::granularity_name(c.psum_granularity)},
                      {"array_rows", c.array_rows},
                      {"array_columns", c.array_columns},
                      {"cell_bits", c.cell_bits},
                      {"dac_bits", c.dac_bits},
                      {"encoding", c.encoding},
                      {"slice_scales", c.slice_scales}};
  if (c.cycle_ranges) json.emplace_back("cycle_ranges", true);
  if (c.free_levels) json.emplace_back("free_levels", true);
  if (c.digital) json.emplace_back("digital", true);
  return json;
}

int small_int(const io::Json& json, std::string_view key) {
  const std::int64_t value = json.at(key).as_int();
  if (value < 0 || value > 1 << 16) bad_input("'" + std::string(key) + "' is out of range");
  return static_cast<int>(value);
}

bool flag(const io::Json& json, std::string_view key) {
  const io::Json* value = json.find(key);
  return value != nullptr && value->as_bool();
}

quant::CimConfig config_from_json(const io::Json& json) {
  quant::CimConfig c;
  c.weight_bits = small_int(json, "weight_bits");
  c.activation_bits = small_int(json, "activation_bits");
  c.adc_levels = quant::parse_adc_levels(json.at("adc_bits").as_text());
  c.weight_granularity = quant::parse_granularity(json.at("weight_granularity").as_text());
  c.psum_granularity = quant::parse_granularity(json.at("psum_granularity").as_text());
  c.array_rows = small_int(json, "array_rows");
  c.array_columns = small_int(json, "array_columns");
  c.cell_bits = small_int(json, "cell_bits");
  c.dac_bits = small_int(json, "dac_bits");
  c.encoding = json.at("encoding").as_text();
  c.slice_scales = json.at("slice_scales").as_bool();
  c.cycle_ranges = flag(json, "cycle_ranges");
  c.free_levels = flag(json, "free_levels");
  c.digital = flag(json, "digital");
  quant::validate(c);
  return c;
}

io::Json numbers(const std::vector<float>& values) {
  io::JsonArray out;
  for (const float value : values) out.emplace_back(static_cast<double>(value));
  return out;
}

std::vector<float> floats(const io::Json& json, std::string_view key) {
  std::vector<float> out;
  for (const io::Json& item : json.at(key).as_array()) {
    out.push_back(static_cast<float>(item.as_number()));
    if (!std::isfinite(out.back())) bad_input("'" + std::string(key) + "' holds a value that is not finite");
  }
  return out;
}

void write_scales(io::Json& entry, const quant::CimLayer& layer) {
  entry.set("activation_scale", static_cast<double>(layer.activation_scale));
  entry.set("weight_scale", numbers(layer.weight_scale));
  entry.set("psum_step", numbers(layer.psum_step));
  entry.set("psum_centre", numbers(layer.psum_centre));
  if (!layer.psum_levels.empty()) entry.set("psum_levels", numbers(layer.psum_levels));
}

void read_scales(const io::Json& entry, quant::CimLayer& layer) {
  if (entry.find("activation_scale") == nullptr) return;
  layer.activation_scale = static_cast<float>(entry.at("activation_scale").as_number());
  layer.weight_scale = floats(entry, "weight_scale");
  layer.psum_step = floats(entry, "psum_step");
  layer.psum_centre = floats(entry, "psum_centre");
  if (layer.config.free_levels) layer.psum_levels = floats(entry, "psum_levels");
}

}  // namespace

io::Json plan_to_json(const quant::QuantizedModel& model, PlanScales scales) {
  io::JsonArray layers;
  for (const auto& [name, layer] : model.layers) {
    io::Json entry = config_to_json(layer.config);
    entry.set("node", name);
    entry.set("activation_signed", layer.activation_signed);
    if (scales == PlanScales::kInside) write_scales(entry, layer);
    layers.push_back(std::move(entry));
  }
  io::JsonObject notes;
  for (const auto& [key, value] : model.notes) notes.emplace_back(key, value);
  return io::JsonObject{
      {"version", kPlanVersion}, {"layers", std::move(layers)}, {"notes", std::move(notes)}};
}

void read_plan(const io::Json& plan, quant::QuantizedModel& model) {
  if (plan.at("version").as_int() != kPlanVersion) bad_input("the quantization plan has an unknown version");
  for (const io::Json& entry : plan.at("layers").as_array()) {
    const std::string name = entry.at("node").as_text();
    quant::CimLayer layer;
    layer.config = config_from_json(entry);
    layer.activation_signed = entry.at("activation_signed").as_bool();
    read_scales(entry, layer);
    if (!model.layers.emplace(name, std::move(layer)).second)
      bad_input("layer '" + name + "' is listed twice");
  }
  for (const auto& [key, value] : plan.at("notes").as_object()) model.notes[key] = value.as_text();
}

}  // namespace bitline::frontend
