// Which layers read the input, end the network or lie on a shortcut: found from the graph, not from the order
// of the file or the size of a kernel. A layer is a Conv or Linear with constant weights.
//
// First: it reads the input with no layer between. Last: no layer lies between it and the output. Both along
// any one path, so several stems, heads or branches give several. Shortcut: it lies on the shorter branch of
// a join. These are our own definitions; papers name such layers by network.
#pragma once

#include <map>
#include <string>

#include "bitline/ir/graph.h"

namespace bitline::mapping {

struct LayerRoles {
  bool first = false;
  bool last = false;
  bool shortcut = false;
  bool operator==(const LayerRoles&) const = default;
};

// The roles of every layer, by node name, in time linear in the graph but for a logarithm of its depth.
//
// A join is an Add of two activations of one shape. Its fork is the nearest value that both operands come
// through on every path from the input. A branch is as long as the most layers in a row between the fork and
// the join. The shorter branch is the shortcut; of equal branches none is. A layer whose result is also read
// from outside the branch belongs to the main path. Gates (Mul) and Concat are no joins.
std::map<std::string, LayerRoles> layer_roles(const ir::Graph& graph);

// "first, last, shortcut", those that apply.
std::string role_text(const LayerRoles& roles);

}  // namespace bitline::mapping
