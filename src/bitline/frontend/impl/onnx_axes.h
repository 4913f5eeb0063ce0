// The axes, ranges and orders that Slice, Squeeze, Unsqueeze and Transpose name, as attributes in old opsets
// and as inputs in new ones; the same for folded literals and for activations.
#pragma once

#include <vector>

#include "bitline/frontend/impl/onnx_draft.h"

namespace bitline::frontend {

struct AxisRange {  // start, start + step, ... before stop; stop is -1 for a negative step down to 0
  int axis = 0;
  std::int64_t start = 0, stop = 0, step = 1;

  std::int64_t count() const;
};

// Attribute `name`, or else the literal input i, or else empty.
Integers integers_of(const OnnxNode& node, std::string_view name, std::size_t i);

// The ranges that really cut, clamped to the shape. A whole range is left out, so the batch may appear in it.
std::vector<AxisRange> slice_ranges(const OnnxNode& node, const ir::Shape& shape);
ir::Shape squeezed_shape(const OnnxNode& node, const ir::Shape& shape);
ir::Shape unsqueezed_shape(const OnnxNode& node, const ir::Shape& shape);
std::vector<int> transpose_order(const OnnxNode& node, std::size_t rank);

}  // namespace bitline::frontend
