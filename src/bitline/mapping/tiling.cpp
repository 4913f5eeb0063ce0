#include "bitline/mapping/tiling.h"

#include <algorithm>
#include <string>

#include "bitline/base/error.h"
#include "bitline/quant/weight_codes.h"

namespace bitline::mapping {

std::optional<LayerShape> layer_shape(const ir::Graph& graph, const ir::Node& node) {
  if (node.inputs.size() < 2 || !graph.is_constant(node.inputs[1])) return std::nullopt;
  const auto* conv = std::get_if<ir::Conv>(&node.op);
  if (conv == nullptr && !std::holds_alternative<ir::Linear>(node.op)) return std::nullopt;
  const ir::Shape& weight = graph.constant(node.inputs[1]).shape;
  LayerShape shape;
  shape.out_channels = weight[0];
  shape.in_channels = weight[1];
  if (conv != nullptr) {
    shape.groups = conv->groups;
    shape.in_channels *= conv->groups;
    shape.window = conv->window;
  }
  return shape;
}

void check_array_inputs(const std::vector<ArrayInput>& inputs) {
  std::string layers, names;
  for (const auto& [node, shape] : inputs) {
    if (!std::holds_alternative<ir::Linear>(node->op) || shape->size() == 2) continue;
    layers += (layers.empty() ? "'" : ", '") + node->name + "' of " + ir::shape_text(*shape);
    names += " " + node->name;
  }
  if (layers.empty()) return;
  unsupported("a linear layer on the array takes [N, K], not the input of " + layers, {},
              "keep it in float: --float-layers" + names);
}

void check_array_input(const ir::Node& node, const ir::Shape& input) {
  check_array_inputs({{&node, &input}});
}

LayerTiling tile_layer(const LayerShape& shape, const quant::CimConfig& config,
                       const std::string& node_name) {
  const std::int64_t window = shape.window_size();
  if (window > config.array_rows) {
    bad_input("one kernel window of " + std::to_string(shape.window.kernel[0]) + "x" +
                  std::to_string(shape.window.kernel[1]) + " needs " + std::to_string(window) +
                  " rows, but the array activates " + std::to_string(config.array_rows) + " at once",
              Where{{}, 0, 0, node_name},
              "use an array with at least that many active rows, or keep the layer in float");
  }
  LayerTiling tiling;
  tiling.shape = shape;
  const std::int64_t channels = quant::tile_channels(shape.group_inputs(), window, config.array_rows);
  for (std::int64_t first = 0; first < shape.group_inputs(); first += channels) {
    tiling.tiles.push_back({first, std::min(channels, shape.group_inputs() - first)});
  }
  tiling.grid = quant::column_grid(
      {shape.out_channels, shape.group_inputs(), shape.window.kernel[0], shape.window.kernel[1]}, config);
  return tiling;
}

quant::GroupMap weight_groups(const LayerTiling& tiling, const quant::CimConfig& config) {
  return {config.weight_granularity, tiling.grid, !config.slice_scales};
}

quant::GroupMap psum_groups(const LayerTiling& tiling, const quant::CimConfig& config) {
  return {config.psum_granularity, tiling.grid, false};
}

std::int64_t dequantization_multiplications(const LayerTiling& tiling, const quant::CimConfig& config) {
  const bool ideal = config.adc_levels == quant::kIdealAdc;
  return ideal ? weight_groups(tiling, config).count()
               : psum_groups(tiling, config).count() * std::int64_t{quant::range_sets(config)};
}

}  // namespace bitline::mapping
