// Float execution of a graph: convolution, matrix product and pooling on oneDNN, the rest in plain loops.
//
// This is the one float arithmetic outside LibTorch's training graph: the simulator and the evaluation of a
// trained network both run their float layers through run_node, so their results are equal bit for bit.
// Every call uses one thread and depends only on its operands' shapes and values; parallelism is over
// batches.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "bitline/ir/graph.h"

namespace bitline::ir {

using Operands = std::vector<const Tensor*>;

// Executes one node. Throws Error{kBadInput} naming the node when shapes do not fit, Error{kUnsupported} when
// oneDNN has no kernel for it. Conv computes each image by itself: its result does not depend on the batch.
// `dying` is operand 0 when nobody reads it afterwards, else null: an operator that can work in place takes
// it.
Tensor run_node(const Node& node, const Operands& operands, Tensor* dying = nullptr);

// A hook may take a node over (return its output, and take the storage of `dying`) or leave it to run_node
// (return nullopt and leave `dying` alone). `operands` holds all inputs of the node, constants included. A
// returned tensor must have the node's inferred shape.
using NodeHook = std::function<std::optional<Tensor>(const Node&, const Operands&, Tensor* dying)>;

// BatchNorm as run_node computes it: y = x * alpha + beta, of each channel.
struct ChannelAffine {
  std::vector<float> alpha, beta;
};
ChannelAffine channel_affine(const BatchNorm& op, const Operands& operands);

// Runs the graph on one batch; an activation is freed after its last reader. Thread-safe for distinct calls.
// Throws Error{kBadInput} when `input` does not have the graph's input shape (any batch size).
Tensor run_graph(const Graph& graph, const Tensor& input, const NodeHook& hook = {});

}  // namespace bitline::ir
