// Shape inference: the shape of every value of a graph for a given batch size (or kBatch, symbolic).
#pragma once

#include <vector>

#include "bitline/ir/graph.h"

namespace bitline::ir {

// The output shape of one node. Throws Error{kBadInput} naming the node when the shapes do not fit.
Shape infer_shape(const Node& node, const std::vector<Shape>& inputs);

// Shapes of all values, indexed by ValueId; the batch dimension stays kBatch unless `batch` is given.
std::vector<Shape> infer_shapes(const Graph& graph, std::int64_t batch = kBatch);

}  // namespace bitline::ir
