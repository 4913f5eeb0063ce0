// A graph cut into parts that run one after the other: at narrow places, where everything that follows
// depends on what came before through one activation alone (and shares no constant with it).
#pragma once

#include <functional>
#include <vector>

#include "bitline/ir/graph.h"

namespace bitline::ir {

// The parts in order, each a graph whose input is the output of the one before; names of nodes and constants
// stay. Every part holds at least one node that `counts`, and is as small as that allows; what follows a
// counting node up to the next one (activations, pooling) stays with it. Without a node that counts, one
// part: the graph.
std::vector<Graph> cut_into_segments(const Graph& graph, const std::function<bool(const Node&)>& counts);

}  // namespace bitline::ir
