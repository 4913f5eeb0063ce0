// How axes and slice bounds written in the ONNX way (negative counts from the end) are read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace bitline::ir {

// True when `axis` names one of `rank` dimensions, -rank..rank-1.
inline bool axis_exists(int axis, std::size_t rank) {
  const auto n = static_cast<std::int64_t>(rank);
  return axis >= -n && axis < n;
}

// The dimension an existing axis names, 0..rank-1.
inline std::size_t resolve_axis(int axis, std::size_t rank) {
  return axis < 0 ? rank - static_cast<std::size_t>(-static_cast<std::int64_t>(axis))
                  : static_cast<std::size_t>(axis);
}

struct SliceRange {
  std::int64_t start;
  std::int64_t count;
  std::int64_t step;
};

// Clamps bounds to [0, extent] (or [-1, extent-1] when walking backwards), as ONNX Slice does. step != 0.
inline SliceRange slice_range(std::int64_t start, std::int64_t end, std::int64_t step, std::int64_t extent) {
  step = std::max(step, -std::numeric_limits<std::int64_t>::max());
  const std::int64_t low = step > 0 ? 0 : -1;
  const std::int64_t high = step > 0 ? extent : extent - 1;
  const auto clamped = [&](std::int64_t bound, std::int64_t floor) {
    return std::clamp(bound < 0 ? bound + extent : bound, std::min(floor, high), high);
  };
  const std::int64_t first = clamped(start, 0);
  const std::int64_t last = clamped(end, low);
  const std::int64_t distance = step > 0 ? last - first : first - last;
  const std::int64_t stride = step > 0 ? step : -step;
  return {first, distance > 0 ? (distance - 1) / stride + 1 : 0, step};
}

}  // namespace bitline::ir
