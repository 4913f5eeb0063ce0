// How many classes a network tells apart: its output is [N, classes], also with extents of one behind, as
// [N, classes, 1, 1] of a convolution that ends in a mean.
#pragma once

#include <cstdint>

#include "bitline/ir/graph.h"

namespace bitline::ir {

// The classes of a graph's output. Throws Error{kUnsupported} with the shape when the output holds more than
// one number for a class.
std::int64_t class_count(const Graph& graph);

}  // namespace bitline::ir
