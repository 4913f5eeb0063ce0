// Which rows of its inputs a row of a node's output depends on: the law by which layers of a pipeline wait.
//
// The rows of a value are its lines, along the last dimension but one: the height of [N,C,H,W], the tokens of
// [N,T,F]; a matrix [N,F] is one row. A span is an upper bound: an output row depends on no input row outside
// of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bitline/ir/graph.h"

namespace bitline::estimate {

// Rows first..last; none when last < first.
struct RowSpan {
  std::int64_t first = 0;
  std::int64_t last = -1;
  bool empty() const { return last < first; }
  bool operator==(const RowSpan&) const = default;
};

RowSpan joined(const RowSpan& a, const RowSpan& b);  // the smallest span over both

std::int64_t row_count(const ir::Shape& shape);
double row_elements(const ir::Shape& shape);  // of one row of one picture

// Rows of node.inputs[input] that row `row` of the node's output needs. `shapes` are those of all values
// (ir::infer_shapes).
RowSpan rows_needed(const ir::Node& node, std::size_t input, std::int64_t row,
                    const std::vector<ir::Shape>& shapes);

}  // namespace bitline::estimate
