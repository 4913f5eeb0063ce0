// Where each layer runs: in float, in 8-bit digital logic, or on arrays.
//
// ColumnQuant's networks keep the first convolution, the 1x1 strided convolutions of shortcuts and the
// classifier in float; that is the default. LG-LSQ's and LSQ's have them in eight bits. Any layer can be kept
// in float by name. Which layers these are is read from the graph: layer_roles.h.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bitline/ir/graph.h"
#include "bitline/mapping/layer_roles.h"

namespace bitline::mapping {

enum class Placement { kFloat, kDigital, kArray };  // from the most careful

struct LayerPolicy {
  Placement first = Placement::kFloat;
  Placement last = Placement::kFloat;
  Placement shortcut = Placement::kFloat;
  std::set<std::string> float_layers;  // by node name
};

struct PlacedLayer {
  std::string name;
  Placement placement = Placement::kArray;
  bool operator==(const PlacedLayer&) const = default;
};

// Where a layer of these roles goes: of several roles, the most careful placement; of none, the array.
Placement placement_of(const LayerRoles& roles, const LayerPolicy& policy);

std::string_view placement_name(Placement placement);  // "float", "digital", "array"

// The nodes that are quantized, in graph order; a layer of several kinds gets the most careful placement.
// Throws Error{kBadInput} when float_layers names a node that is not a convolution or linear layer (with the
// nearest name) or when no layer is left for the array; Error{kUnsupported} naming all layers whose input
// arrays cannot take.
std::vector<PlacedLayer> place_layers(const ir::Graph& graph, const LayerPolicy& policy);

}  // namespace bitline::mapping
