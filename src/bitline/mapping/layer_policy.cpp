#include "bitline/mapping/layer_policy.h"

#include <algorithm>
#include <array>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/ir/shapes.h"
#include "bitline/mapping/tiling.h"

namespace bitline::mapping {

namespace {

void check_names(const std::set<std::string>& wanted, const std::vector<std::string>& layers) {
  for (const std::string& name : wanted) {
    if (std::find(layers.begin(), layers.end(), name) != layers.end()) continue;
    bad_input("no convolution or linear layer is called '" + name + "'", {}, suggestion(name, layers));
  }
}

void check_inputs(const ir::Graph& graph, const std::vector<const ir::Node*>& placed) {
  const std::vector<ir::Shape> shapes = ir::infer_shapes(graph);
  std::vector<ArrayInput> inputs;
  for (const ir::Node* node : placed)
    inputs.push_back({node, &shapes[static_cast<std::size_t>(node->inputs[0])]});
  check_array_inputs(inputs);
}

}  // namespace

Placement placement_of(const LayerRoles& roles, const LayerPolicy& policy) {
  Placement placement = Placement::kArray;
  if (roles.first) placement = std::min(placement, policy.first);
  if (roles.last) placement = std::min(placement, policy.last);
  if (roles.shortcut) placement = std::min(placement, policy.shortcut);
  return placement;
}

std::string_view placement_name(Placement placement) {
  constexpr std::array<std::string_view, 3> kNames{"float", "digital", "array"};
  return kNames[static_cast<std::size_t>(placement)];
}

std::vector<PlacedLayer> place_layers(const ir::Graph& graph, const LayerPolicy& policy) {
  const std::map<std::string, LayerRoles> roles = layer_roles(graph);
  std::vector<std::string> names;
  std::vector<const ir::Node*> nodes;
  std::vector<PlacedLayer> placed;
  bool on_array = false;
  for (const ir::Node& node : graph.nodes()) {
    if (!layer_shape(graph, node)) continue;
    names.push_back(node.name);
    Placement placement = placement_of(roles.at(node.name), policy);
    if (policy.float_layers.count(node.name) != 0) placement = Placement::kFloat;
    on_array = on_array || placement == Placement::kArray;
    if (placement == Placement::kFloat) continue;
    placed.push_back({node.name, placement});
    nodes.push_back(&node);
  }
  check_names(policy.float_layers, names);
  if (!on_array)
    bad_input("no layer is left for the array", {}, "allow the first or last layer on the array");
  check_inputs(graph, nodes);
  return placed;
}

}  // namespace bitline::mapping
