#include "bitline/mapping/layer_policy.h"

#include <algorithm>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/ir/shapes.h"
#include "bitline/mapping/tiling.h"

namespace bitline::mapping {

namespace {

bool is_shortcut(const LayerShape& shape) {
  return shape.window_size() == 1 && (shape.window.stride[0] > 1 || shape.window.stride[1] > 1);
}

void check_names(const std::set<std::string>& wanted, const std::vector<std::string>& layers) {
  for (const std::string& name : wanted) {
    if (std::find(layers.begin(), layers.end(), name) != layers.end()) continue;
    bad_input("no convolution or linear layer is called '" + name + "'", {}, suggestion(name, layers));
  }
}

void check_inputs(const ir::Graph& graph, const std::vector<PlacedLayer>& placed) {
  const std::vector<ir::Shape> shapes = ir::infer_shapes(graph);
  for (const PlacedLayer& layer : placed) {
    const ir::Node& node = *graph.find_node(layer.name);
    check_array_input(node, shapes[static_cast<std::size_t>(node.inputs[0])]);
  }
}

}  // namespace

std::vector<PlacedLayer> place_layers(const ir::Graph& graph, const LayerPolicy& policy) {
  std::vector<std::string> layers;
  std::set<std::string> shortcuts;
  for (const ir::Node& node : graph.nodes()) {
    const auto shape = layer_shape(graph, node);
    if (!shape) continue;
    layers.push_back(node.name);
    if (is_shortcut(*shape)) shortcuts.insert(node.name);
  }
  check_names(policy.float_layers, layers);
  std::vector<PlacedLayer> placed;
  bool on_array = false;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    Placement placement = Placement::kArray;
    if (i == 0) placement = std::min(placement, policy.first);
    if (i + 1 == layers.size()) placement = std::min(placement, policy.last);
    if (shortcuts.count(layers[i]) != 0) placement = std::min(placement, policy.shortcut);
    if (policy.float_layers.count(layers[i]) != 0) placement = Placement::kFloat;
    if (placement != Placement::kFloat) placed.push_back({layers[i], placement});
    on_array = on_array || placement == Placement::kArray;
  }
  if (!on_array)
    bad_input("no layer is left for the array", {}, "allow the first or last layer on the array");
  check_inputs(graph, placed);
  return placed;
}

}  // namespace bitline::mapping
