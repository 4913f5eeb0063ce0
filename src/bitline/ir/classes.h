// What a classifier's output says: how many classes, and which value holds the logits that a loss is on.
#pragma once

#include <cstdint>
#include <vector>

#include "bitline/ir/graph.h"

namespace bitline::ir {

// Classes that an output of this shape tells apart: K of [N, K] and of [N, K, 1, ...]; 0 where it is
// something else.
std::int64_t class_count(const Shape& output);

// The classes of a graph's output. Error{kUnsupported} with the shape where that is no list of classes.
std::int64_t class_count(const Graph& graph);

// The input of a Softmax over the classes at the graph's end (behind it only Flatten and Reshape), else the
// output. Cross-entropy has a softmax of its own: on probabilities it hardly learns.
ValueId logits_value(const Graph& graph);

// The same graph up to there, for what measures distances between logits.
Graph up_to_logits(const Graph& graph);

// Without the named outputs of [N, K] or [N, K, 1, ...], such as a background class: the others are numbered
// in order. A final Softmax goes with them. Error{kBadInput} for one that there is not, or where none is
// left.
Graph without_outputs(const Graph& graph, std::vector<std::int64_t> outputs);

// The Softmax that logits_value leaves out; nullptr when there is none.
const Node* final_softmax(const Graph& graph);

}  // namespace bitline::ir
