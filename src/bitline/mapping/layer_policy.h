// Which layers go to arrays and which stay in float.
//
// ColumnQuant's networks keep the first convolution, the 1x1 strided convolutions of shortcuts and the
// classifier in float; that is the default. Any layer can be kept in float by name.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "bitline/ir/graph.h"

namespace bitline::mapping {

struct LayerPolicy {
  bool first_float = true;
  bool last_float = true;
  bool shortcut_float = true;          // 1x1 convolutions with a stride above one
  std::set<std::string> float_layers;  // by node name
};

// Names of the nodes that go to arrays, in graph order. Throws Error{kBadInput} when float_layers names a
// node that is not a convolution or linear layer (with the nearest name), or when no layer is left.
std::vector<std::string> select_layers(const ir::Graph& graph, const LayerPolicy& policy);

}  // namespace bitline::mapping
