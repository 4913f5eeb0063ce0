// Graph passes: batch-norm folding and removal of what nobody reads.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "bitline/ir/graph.h"

namespace bitline::ir {

// A BatchNorm that is the only reader of a Conv or Linear, all parameters constant: they can be one layer.
struct FoldableNorm {
  const Node* layer;
  const Node* norm;
};
std::vector<FoldableNorm> foldable_norms(const Graph& graph);  // in graph order

// What the norm does to each channel: factor = gamma / sqrt(var + eps) and
// offset = (b - mean) * factor + beta, with b the layer's bias (or 0).
struct NormParameters {
  std::vector<double> factor, offset;
};
NormParameters norm_parameters(const Graph& graph, const FoldableNorm& fold);

// Names for the constants of layers that a pass rewrites: those they have where nothing else reads them, else
// ones of the layer's that are new to the graph.
class ParameterNames {
 public:
  explicit ParameterNames(const Graph& graph);
  std::string weight(const Node& layer) { return name(layer, 1, "weight"); }
  std::string bias(const Node& layer) { return name(layer, 2, "bias"); }

 private:
  std::string name(const Node& layer, std::size_t input, const char* role);

  const Graph& graph_;
  std::vector<int> use_counts_;
  std::set<std::string> taken_;
};

// Folds each BatchNorm that directly follows a Conv or Linear (its only reader) into weight and bias:
//   w' = w * gamma / sqrt(var + eps),  b' = (b - mean) * gamma / sqrt(var + eps) + beta.
// Other batch-norms stay. The result computes the same function.
Graph fold_batch_norm(const Graph& graph);

// Drops nodes and constants from which the output cannot be reached; ids are renumbered, names stay.
Graph remove_dead_code(const Graph& graph);

}  // namespace bitline::ir
