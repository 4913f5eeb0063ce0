// Where each layer runs: in float, in 8-bit digital logic, or on arrays.
//
// ColumnQuant's networks keep the first convolution, the 1x1 strided convolutions of shortcuts and the
// classifier in float; that is the default. LG-LSQ's and LSQ's have them in eight bits. Any layer can be kept
// in float by name.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "bitline/ir/graph.h"

namespace bitline::mapping {

enum class Placement { kFloat, kDigital, kArray };  // from the most careful

struct LayerPolicy {
  Placement first = Placement::kFloat;
  Placement last = Placement::kFloat;
  Placement shortcut = Placement::kFloat;  // 1x1 convolutions with a stride above one
  std::set<std::string> float_layers;      // by node name
};

struct PlacedLayer {
  std::string name;
  Placement placement = Placement::kArray;
  bool operator==(const PlacedLayer&) const = default;
};

// The nodes that are quantized, in graph order; a layer of several kinds gets the most careful placement.
// Throws Error{kBadInput} when float_layers names a node that is not a convolution or linear layer (with the
// nearest name), when no layer is left for the array, or when arrays cannot take a layer's input.
std::vector<PlacedLayer> place_layers(const ir::Graph& graph, const LayerPolicy& policy);

}  // namespace bitline::mapping
