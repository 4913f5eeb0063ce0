// A mapped network as a pipeline: what works on rows, and which rows wait for which.
//
// A vertex is a layer on arrays, logic (joins, pooling, layers that are not on arrays; only layers in logic
// may take time), the source of the pictures or their result. Activations, reshaping and the like pass rows
// on: they are folded into the edges. Logic stands with the layer of most arrays among those that its inputs
// come from (its place): the other branches of a join travel there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bitline/estimate/activity.h"
#include "bitline/ir/graph.h"
#include "bitline/mapping/mapping.h"

namespace bitline::estimate {

enum class VertexKind { kPictures, kLayer, kLogic, kResult };

struct Vertex {
  VertexKind kind = VertexKind::kLogic;
  std::string node;
  std::int64_t layer = -1;  // of the mapping; -1: not on arrays
  std::int64_t place = -1;  // the mapped layer in whose tiles it works; -1: outside of the chip
  std::int64_t rows = 1;    // of its output, for a picture
  double row_elements = 0.0;
  std::int64_t row_positions = 1;                // of a layer
  double row_macs = 0.0;                         // of a layer in logic
  std::int64_t first_round = 0, last_round = 0;  // its rows are complete in the last
  std::vector<std::size_t> inputs, outputs;      // edges
};

struct Edge {
  std::size_t from = 0, to = 0;
  std::vector<std::int64_t> need;  // rows of `from` that row y of `to` waits for: the first need[y]
  std::vector<std::int64_t> keep;  // rows of `from` below keep[y] are free when y rows of `to` are done
};

struct Flow {
  std::vector<Vertex> vertices;  // the pictures first, the result last; inputs before outputs
  std::vector<Edge> edges;
  std::vector<std::string> timeless;  // convolution and linear layers that are not on arrays
};

// Throws Error{kBadInput} naming the layer: one that the graph does not have, with other positions, or in a
// round before that of its input.
Flow flow_of(const mapping::Mapping& mapping, const Activity& activity, const ir::Graph& graph);

}  // namespace bitline::estimate
