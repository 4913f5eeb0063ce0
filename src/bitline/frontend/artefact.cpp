#include "bitline/frontend/artefact.h"

#include <cmath>

#include "bitline/base/error.h"
#include "bitline/frontend/graph_json.h"
#include "bitline/frontend/weights.h"
#include "bitline/io/json.h"
#include "bitline/io/safetensors.h"

namespace bitline::frontend {

namespace {

constexpr const char* kPlanKey = "bitline.quantization";
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

void put(io::TensorFile& file, const std::string& name, const std::vector<float>& values) {
  if (!values.empty())
    file.tensors[name] = io::store_floats({static_cast<std::int64_t>(values.size())}, values);
}

std::vector<float> take(io::TensorFile& file, const std::string& name, bool needed) {
  const auto it = file.tensors.find(name);
  if (it == file.tensors.end()) {
    if (needed) bad_input("tensor '" + name + "' is missing");
    return {};
  }
  std::vector<float> values = io::as_floats(it->second, name);
  file.tensors.erase(it);
  for (const float v : values) {
    if (!std::isfinite(v)) bad_input("tensor '" + name + "' holds a value that is not finite");
  }
  return values;
}

io::Json plan_to_json(const quant::QuantizedModel& model) {
  io::JsonArray layers;
  for (const auto& [name, layer] : model.layers) {
    io::Json entry = config_to_json(layer.config);
    entry.set("node", name);
    entry.set("activation_signed", layer.activation_signed);
    layers.push_back(std::move(entry));
  }
  io::JsonObject notes;
  for (const auto& [key, value] : model.notes) notes.emplace_back(key, value);
  return io::JsonObject{
      {"version", kPlanVersion}, {"layers", std::move(layers)}, {"notes", std::move(notes)}};
}

void read_layer(const io::Json& entry, io::TensorFile& file, quant::QuantizedModel& model) {
  const std::string name = entry.at("node").as_text();
  quant::CimLayer layer;
  layer.config = config_from_json(entry);
  layer.activation_signed = entry.at("activation_signed").as_bool();
  const std::vector<float> activation = take(file, name + ".cim.activation_scale", true);
  if (activation.size() != 1) bad_input("'" + name + ".cim.activation_scale' must hold one value");
  layer.activation_scale = activation.front();
  layer.weight_scale = take(file, name + ".cim.weight_scale", true);
  const bool converts = layer.config.adc_levels != quant::kIdealAdc;
  layer.psum_step = take(file, name + ".cim.psum_step", converts);
  layer.psum_centre = take(file, name + ".cim.psum_centre", converts);
  layer.psum_levels = take(file, name + ".cim.psum_levels", layer.config.free_levels);
  if (!model.layers.emplace(name, std::move(layer)).second) bad_input("layer '" + name + "' is listed twice");
}

quant::QuantizedModel read_model(io::TensorFile file, const std::string& path) {
  quant::QuantizedModel model;
  const auto graph = file.metadata.find(kGraphKey);
  if (graph == file.metadata.end()) bad_input("it holds weights but no graph (metadata 'bitline.graph')");
  if (const auto plan = file.metadata.find(kPlanKey); plan != file.metadata.end()) {
    const io::Json json = io::parse_json(plan->second, path);
    if (json.at("version").as_int() != kPlanVersion)
      bad_input("the quantization plan has an unknown version");
    for (const io::Json& entry : json.at("layers").as_array()) read_layer(entry, file, model);
    for (const auto& [key, value] : json.at("notes").as_object()) model.notes[key] = value.as_text();
  }
  model.graph = graph_from_json(io::parse_json(graph->second, path), file);
  return model;
}

}  // namespace

void save_artefact(io::FileSystem& fs, const std::string& path, const quant::QuantizedModel& model) {
  io::TensorFile file = state_dict(model.graph);
  file.metadata[kGraphKey] = graph_to_json(model.graph).dump(-1);
  file.metadata[kPlanKey] = plan_to_json(model).dump(-1);
  for (const auto& [name, layer] : model.layers) {
    put(file, name + ".cim.activation_scale", {layer.activation_scale});
    put(file, name + ".cim.weight_scale", layer.weight_scale);
    put(file, name + ".cim.psum_step", layer.psum_step);
    put(file, name + ".cim.psum_centre", layer.psum_centre);
    put(file, name + ".cim.psum_levels", layer.psum_levels);
  }
  io::write_safetensors(fs, path, file);
}

quant::QuantizedModel load_artefact(io::FileSystem& fs, const std::string& path) {
  io::TensorFile file = io::read_safetensors(fs, path);
  try {
    return read_model(std::move(file), path);
  } catch (const Error& e) {
    if (!e.where().file.empty()) throw;
    throw Error(e.code(), e.message(), Where{path, 0, 0, e.where().node}, e.hint());
  }
}

}  // namespace bitline::frontend
