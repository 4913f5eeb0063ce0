// Graph passes: batch-norm folding and removal of what nobody reads.
#pragma once

#include "bitline/ir/graph.h"

namespace bitline::ir {

// Folds each BatchNorm that directly follows a Conv or Linear (its only reader) into weight and bias:
//   w' = w * gamma / sqrt(var + eps),  b' = (b - mean) * gamma / sqrt(var + eps) + beta.
// Other batch-norms stay. The result computes the same function.
Graph fold_batch_norm(const Graph& graph);

// Drops nodes and constants from which the output cannot be reached; ids are renumbered, names stay.
Graph remove_dead_code(const Graph& graph);

}  // namespace bitline::ir
