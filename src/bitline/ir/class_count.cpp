#include "bitline/ir/class_count.h"

#include <algorithm>

#include "bitline/base/error.h"
#include "bitline/ir/shapes.h"

namespace bitline::ir {

std::int64_t class_count(const Graph& graph) {
  const Shape shape = infer_shapes(graph)[static_cast<std::size_t>(graph.output())];
  const bool vector = shape.size() >= 2 && std::all_of(shape.begin() + 2, shape.end(),
                                                       [](std::int64_t extent) { return extent == 1; });
  if (!vector)
    unsupported("the network's output " + shape_text(shape) + " is not one number for each class", {},
                "expected [N, classes]");
  return shape[1];
}

}  // namespace bitline::ir
