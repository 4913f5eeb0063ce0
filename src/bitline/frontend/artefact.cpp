#include "bitline/frontend/artefact.h"

#include <cmath>

#include "bitline/base/error.h"
#include "bitline/frontend/graph_json.h"
#include "bitline/frontend/impl/plan_json.h"
#include "bitline/frontend/packed.h"
#include "bitline/frontend/weights.h"
#include "bitline/io/json.h"
#include "bitline/io/safetensors.h"
#include "bitline/quant/check_plan.h"

namespace bitline::frontend {

namespace {

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

// The scales of a planned layer, out of the file.
void take_scales(io::TensorFile& file, const std::string& name, quant::CimLayer& layer) {
  const std::vector<float> activation = take(file, name + ".cim.activation_scale", true);
  if (activation.size() != 1) bad_input("'" + name + ".cim.activation_scale' must hold one value");
  layer.activation_scale = activation.front();
  const std::vector<float> offset = take(file, name + ".cim.activation_offset", false);
  if (offset.size() > 1) bad_input("'" + name + ".cim.activation_offset' must hold one value");
  if (!offset.empty()) layer.activation_offset = offset.front();
  layer.weight_scale = take(file, name + ".cim.weight_scale", true);
  const bool converts = layer.config.adc_levels != quant::kIdealAdc;
  layer.psum_step = take(file, name + ".cim.psum_step", converts);
  layer.psum_centre = take(file, name + ".cim.psum_centre", converts);
  layer.psum_levels = take(file, name + ".cim.psum_levels", layer.config.free_levels);
}

quant::QuantizedModel read_model(io::TensorFile file, const std::string& path) {
  unpack_weights(file, path);
  quant::QuantizedModel model;
  const auto graph = file.metadata.find(kGraphKey);
  if (graph == file.metadata.end()) {
    bad_input("it holds weights but no graph (metadata 'bitline.graph')", {},
              "weights for a network of the zoo are loaded with zoo:NAME=FILE");
  }
  if (const auto plan = file.metadata.find(kPlanKey); plan != file.metadata.end()) {
    read_plan(io::parse_json(plan->second, path), model);
    for (auto& [name, layer] : model.layers) take_scales(file, name, layer);
  }
  model.graph = graph_from_json(io::parse_json(graph->second, path), file);
  check_variances(model.graph, path);
  quant::check_plan(model);
  return model;
}

}  // namespace

io::TensorFile artefact_file(const quant::QuantizedModel& model) {
  io::TensorFile file = state_dict(model.graph);
  file.metadata[kGraphKey] = graph_to_json(model.graph).dump(-1);
  file.metadata[kPlanKey] = plan_to_json(model, PlanScales::kElsewhere).dump(-1);
  for (const auto& [name, layer] : model.layers) {
    put(file, name + ".cim.activation_scale", {layer.activation_scale});
    if (layer.activation_offset != 0.0f)
      put(file, name + ".cim.activation_offset", {layer.activation_offset});
    put(file, name + ".cim.weight_scale", layer.weight_scale);
    put(file, name + ".cim.psum_step", layer.psum_step);
    put(file, name + ".cim.psum_centre", layer.psum_centre);
    put(file, name + ".cim.psum_levels", layer.psum_levels);
  }
  return file;
}

void save_artefact(io::FileSystem& fs, const std::string& path, const quant::QuantizedModel& model) {
  io::write_safetensors(fs, path, artefact_file(model));
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
