#include "bitline/app/array_report.h"

#include <map>

#include "bitline/ir/classes.h"
#include "bitline/ir/shapes.h"
#include "bitline/mapping/layer_policy.h"
#include "bitline/mapping/tiling.h"
#include "bitline/sim/activation_codes.h"

namespace bitline::app {

namespace {

constexpr std::int64_t kFewClasses = 10;  // of which five say little

// Each convolution group fills its own arrays.
std::int64_t arrays_of(const mapping::LayerTiling& tiling) {
  const std::int64_t columns = tiling.grid.array_columns;
  const std::int64_t column_tiles = (tiling.shape.group_outputs() + columns - 1) / columns;
  return tiling.shape.groups * tiling.grid.tiles * tiling.grid.slices * column_tiles;
}

std::int64_t positions_of(const ir::Shape& output) {
  std::int64_t positions = 1;
  for (std::size_t axis = 2; axis < output.size(); ++axis) positions *= output[axis];
  return positions;
}

// How many layers take their inputs as which kind of codes: "17 unsigned, 1 signed".
std::string input_codes_text(const quant::QuantizedModel& model) {
  std::map<std::string, int> layers;
  for (const auto& [name, layer] : model.layers) ++layers[sim::activation_kind(layer)];
  std::string text;
  for (const std::string& kind : sim::activation_kind_names())
    if (layers.count(kind) != 0)
      text += (text.empty() ? "" : ", ") + std::to_string(layers[kind]) + " " + kind;
  return text;
}

}  // namespace

std::string configuration_text(const quant::QuantizedModel& model) {
  std::string text = "float";
  for (const auto& [name, layer] : model.layers) {
    if (!layer.config.digital) return layer.config.text();
    text = layer.config.text();
  }
  return text;
}

void add_array_figures(const quant::QuantizedModel& model, result::Record& record) {
  const std::vector<ir::Shape> shapes = ir::infer_shapes(model.graph);
  std::int64_t arrays = 0, multiplications = 0, conversions = 0, digital = 0;
  for (const auto& [name, layer] : model.layers) {
    const ir::Node& node = *model.graph.find_node(name);
    const mapping::LayerTiling tiling =
        mapping::tile_layer(*mapping::layer_shape(model.graph, node), layer.config, name);
    const std::int64_t positions = positions_of(shapes[static_cast<std::size_t>(node.output)]);
    if (layer.config.digital) {
      multiplications += positions * mapping::dequantization_multiplications(tiling, layer.config);
      ++digital;
      continue;
    }
    const int cycles = quant::input_cycles(layer.config);
    arrays += arrays_of(tiling);
    multiplications += positions * mapping::dequantization_multiplications(tiling, layer.config);
    conversions += positions * tiling.grid.columns() * cycles;
  }
  record.add("layers_on_array", static_cast<std::int64_t>(model.layers.size()) - digital);
  if (digital > 0) record.add("layers_digital", digital);
  record.add("input_codes", input_codes_text(model));
  record.add("arrays", arrays);
  record.add("adc_conversions_per_image", conversions);
  record.add("dequantization_multiplications_per_image", multiplications);
}

void add_accuracy(const sim::Evaluation& evaluation, const ir::Graph& graph, result::Record& record) {
  record.add("test_images", evaluation.images);
  record.add("accuracy", evaluation.accuracy(), "%");
  if (ir::class_count(graph) > kFewClasses) record.add("accuracy_top5", evaluation.accuracy_top5(), "%");
}

result::Table layer_table(const quant::QuantizedModel& model) {
  result::Table table{"layers",
                      "Layers",
                      {{"node", "node", 0},
                       {"op", "op", 0},
                       {"weight", "weight", 0},
                       {"role", "role", 0},
                       {"default", "by default", 0},
                       {"where", "where", 0},
                       {"inputs", "input codes", 0},
                       {"tiles", "row tiles", 0},
                       {"slices", "slices", 0},
                       {"arrays", "arrays", 0}},
                      {}};
  const auto roles = mapping::layer_roles(model.graph);
  for (const ir::Node& node : model.graph.nodes()) {
    const auto shape = mapping::layer_shape(model.graph, node);
    if (!shape) continue;
    const mapping::LayerRoles& role = roles.at(node.name);
    std::vector<result::Value> row = {node.name, std::string(ir::op_name(node.op)),
                                      ir::shape_text(model.graph.constant(node.inputs[1]).shape),
                                      mapping::role_text(role),
                                      std::string(mapping::placement_name(mapping::placement_of(role, {})))};
    if (const auto it = model.layers.find(node.name); it != model.layers.end()) {
      const mapping::LayerTiling tiling = mapping::tile_layer(*shape, it->second.config, node.name);
      row.insert(row.end(), {it->second.config.text(), sim::activation_kind(it->second),
                             std::int64_t{tiling.grid.tiles}, std::int64_t{tiling.grid.slices},
                             it->second.config.digital ? std::int64_t{0} : arrays_of(tiling)});
    } else {
      row.insert(row.end(),
                 {std::string("float"), std::string(), std::string(), std::string(), std::string()});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace bitline::app
