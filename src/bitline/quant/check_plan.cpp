#include "bitline/quant/check_plan.h"

#include <cmath>

#include "bitline/base/error.h"
#include "bitline/quant/weight_codes.h"

namespace bitline::quant {

namespace {

void require_scales(const std::string& layer, const char* what, const std::vector<float>& values, int count,
                    bool positive) {
  const Where where{{}, 0, 0, layer};
  if (values.size() != static_cast<std::size_t>(count)) {
    bad_input(std::string(what) + " has " + std::to_string(values.size()) + " entries, expected " +
                  std::to_string(count),
              where, "the scales belong to another geometry or granularity");
  }
  for (const float v : values) {
    if (!std::isfinite(v) || (positive && v <= 0.0f)) {
      bad_input(std::string(what) + " holds " + std::to_string(v) +
                    (positive ? ", expected a positive finite number" : ", expected a finite number"),
                where);
    }
  }
}

bool is_layer(const ir::Op& op) {
  return std::holds_alternative<ir::Conv>(op) || std::holds_alternative<ir::Linear>(op);
}

const ir::Tensor& planned_weight(const ir::Graph& graph, const std::string& name) {
  const ir::Node* node = graph.find_node(name);
  const Where where{{}, 0, 0, name};
  if (node == nullptr) bad_input("the quantization plan names a layer that the graph does not have", where);
  if (!is_layer(node->op) || !graph.is_constant(node->inputs.at(1)))
    bad_input("the quantization plan names a " + std::string(ir::op_name(node->op)) +
                  ", expected a Conv or Linear with a constant weight",
              where);
  return graph.constant(node->inputs[1]);
}

ColumnGrid planned_grid(const ir::Shape& weight, const CimLayer& layer, const std::string& name) {
  try {
    return column_grid(weight, layer.config);
  } catch (const Error& e) {
    throw Error(e.code(), e.message(), Where{{}, 0, 0, name}, e.hint());
  }
}

}  // namespace

void check_scales(const std::string& name, const ColumnGrid& grid, const CimLayer& layer) {
  const CimConfig& config = layer.config;
  require_scales(name, "activation scale", {layer.activation_scale}, 1, true);
  require_scales(name, "activation offset", {layer.activation_offset}, 1, false);
  const GroupMap weights(config.weight_granularity, grid, !config.slice_scales);
  require_scales(name, "weight scale", layer.weight_scale, weights.count(), true);
  if (config.adc_levels == kIdealAdc) return;
  const int groups = GroupMap(config.psum_granularity, grid, false).count() * range_sets(config);
  require_scales(name, "partial-sum step", layer.psum_step, groups, true);
  require_scales(name, "partial-sum centre", layer.psum_centre, groups, false);
  if (config.free_levels)
    require_scales(name, "partial-sum levels", layer.psum_levels, groups * config.adc_levels, false);
}

void check_plan(const QuantizedModel& model) {
  for (const auto& [name, layer] : model.layers) {
    const ir::Tensor& weight = planned_weight(model.graph, name);
    check_scales(name, planned_grid(weight.shape, layer, name), layer);
  }
}

}  // namespace bitline::quant
