#include "bitline/frontend/impl/onnx_axes.h"

#include <algorithm>
#include <limits>

namespace bitline::frontend {

namespace {

constexpr std::int64_t kOpenEnd = std::numeric_limits<std::int32_t>::max();  // and above: "to the end"

AxisRange clamped(int axis, std::int64_t start, std::int64_t stop, std::int64_t step, std::int64_t extent) {
  if (start < 0) start += extent;
  if (stop < 0) stop += extent;
  step = std::clamp(step, -kMaxElements, kMaxElements);
  if (step > 0)
    return {axis, std::clamp<std::int64_t>(start, 0, extent), std::clamp<std::int64_t>(stop, 0, extent),
            step};
  const std::int64_t last = extent - 1;
  return {axis, std::clamp<std::int64_t>(start, -1, last), std::clamp<std::int64_t>(stop, -1, last), step};
}

void require_whole_batch(const OnnxNode& node, std::int64_t start, std::int64_t stop, std::int64_t step) {
  const bool to_end =
      stop >= kOpenEnd || stop == kSymbolicBatch || (node.fixed_batch() > 0 && stop >= node.fixed_batch());
  if (start != 0 || step != 1 || !to_end) node.refuse("it cuts the batch");
}

}  // namespace

std::int64_t AxisRange::count() const {
  const std::int64_t span = step > 0 ? stop - start : start - stop;
  const std::int64_t stride = step > 0 ? step : -step;
  return span <= 0 ? 0 : (span + stride - 1) / stride;
}

Integers integers_of(const OnnxNode& node, std::string_view name, std::size_t i) {
  if (node.attributes().has(name)) return node.attributes().integers(name);
  return node.has_input(i) ? node.integers(i) : Integers{};
}

std::vector<AxisRange> slice_ranges(const OnnxNode& node, const ir::Shape& shape) {
  const Integers starts = integers_of(node, "starts", 1);
  const Integers stops = integers_of(node, "ends", 2);
  Integers axes = integers_of(node, "axes", 3);
  Integers steps = integers_of(node, "steps", 4);
  if (axes.empty()) {
    for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (starts.size() != stops.size() || starts.size() != axes.size() || starts.size() != steps.size()) {
    node.reject("starts, ends, axes and steps differ in length");
  }
  std::vector<AxisRange> ranges;
  std::vector<bool> seen(shape.size(), false);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const int axis = node.axis(axes[i], shape.size());
    const auto a = static_cast<std::size_t>(axis);
    if (seen[a]) node.reject("axis " + std::to_string(axis) + " is given twice");
    seen[a] = true;
    if (steps[i] == 0) node.reject("a step of 0");
    if (shape[a] == ir::kBatch) {
      require_whole_batch(node, starts[i], stops[i], steps[i]);
      continue;
    }
    const AxisRange range = clamped(axis, starts[i], stops[i], steps[i], shape[a]);
    if (range.step != 1 || range.count() != shape[a]) ranges.push_back(range);
  }
  return ranges;
}

ir::Shape squeezed_shape(const OnnxNode& node, const ir::Shape& shape) {
  const Integers axes = integers_of(node, "axes", 1);
  std::vector<bool> dropped(shape.size(), false);
  for (std::size_t i = 0; i < shape.size() && axes.empty(); ++i) dropped[i] = shape[i] == 1;
  for (const std::int64_t axis : axes)
    dropped[static_cast<std::size_t>(node.axis(axis, shape.size()))] = true;
  ir::Shape out;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (!dropped[i]) {
      out.push_back(shape[i]);
    } else if (shape[i] == ir::kBatch) {
      node.refuse("it removes the batch dimension");
    } else if (shape[i] != 1) {
      node.reject("dimension " + std::to_string(i) + " of " + ir::shape_text(shape) + " is not 1");
    }
  }
  return out;
}

ir::Shape unsqueezed_shape(const OnnxNode& node, const ir::Shape& shape) {
  const Integers axes = integers_of(node, "axes", 1);
  const std::size_t rank = shape.size() + axes.size();
  if (rank > kMaxRank) node.refuse("a result of " + std::to_string(rank) + " dimensions");
  std::vector<bool> added(rank, false);
  for (const std::int64_t axis : axes) {
    const auto a = static_cast<std::size_t>(node.axis(axis, rank));
    if (added[a]) node.reject("axis " + std::to_string(axis) + " is given twice");
    added[a] = true;
  }
  ir::Shape out;
  std::size_t next = 0;
  for (std::size_t i = 0; i < rank; ++i) out.push_back(added[i] ? 1 : shape[next++]);
  return out;
}

std::vector<int> transpose_order(const OnnxNode& node, std::size_t rank) {
  const Integers perm = node.attributes().integers("perm");
  std::vector<int> order;
  for (std::size_t i = 0; i < rank && perm.empty(); ++i) order.push_back(static_cast<int>(rank - 1 - i));
  for (const std::int64_t axis : perm)
    order.push_back(static_cast<int>(std::clamp<std::int64_t>(axis, -1, kMaxExtent)));
  std::vector<int> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  bool valid = sorted.size() == rank;
  for (std::size_t i = 0; i < sorted.size() && valid; ++i) valid = sorted[i] == static_cast<int>(i);
  if (!valid) node.reject("'perm' is not an order of " + std::to_string(rank) + " dimensions");
  return order;
}

}  // namespace bitline::frontend
