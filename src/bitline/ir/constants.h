// Constants that several nodes read: a pass that writes one must own it, or it changes what the others see.
#pragma once

#include <functional>
#include <map>

#include "bitline/ir/graph.h"

namespace bitline::ir {

// A graph of which the chosen nodes read constants that nothing else reads, and the copies made for that.
// Node names and the ids of values stay; copies have names of their own.
struct OwnedConstants {
  Graph graph;
  std::map<ValueId, ValueId> original;  // by copy
};
OwnedConstants own_constants(const Graph& graph, const std::function<bool(const Node&)>& writes);

// Reads the original again in place of copies that are still equal to it, bit for bit. `graph` has the values
// of own_constants' graph; ids are renumbered where there are copies, names stay.
Graph rejoin_constants(Graph graph, const std::map<ValueId, ValueId>& original);

}  // namespace bitline::ir
