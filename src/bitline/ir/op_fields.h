// The attributes of every operator, as one list that writers, readers and hashes share.
//
// visit_fields(archive, op) calls archive(name, field) for floats and flags and archive(name, field, bounds)
// for integers and lists of integers, in a fixed order. A reader may fill the fields; bounds are those of a
// file that is to be believed.
#pragma once

#include <cstdint>
#include <limits>

#include "bitline/ir/graph.h"

namespace bitline::ir {

struct FieldBounds {
  std::int64_t low;
  std::int64_t high;
};

namespace bounds {
inline constexpr std::int64_t kLargest = std::int64_t{1} << 24;  // two of them multiplied do not overflow
inline constexpr FieldBounds kPositive{1, kLargest};
inline constexpr FieldBounds kFromZero{0, kLargest};
inline constexpr FieldBounds kAxis{-64, 63};
inline constexpr FieldBounds kExtent{kBatch, std::int64_t{1} << 40};
inline constexpr FieldBounds kAnywhere{std::numeric_limits<std::int64_t>::min(),
                                       std::numeric_limits<std::int64_t>::max()};
}  // namespace bounds

template <class A>
void window_fields(A& archive, Window& window) {
  archive("kernel", window.kernel, bounds::kPositive);
  archive("stride", window.stride, bounds::kPositive);
  archive("dilation", window.dilation, bounds::kPositive);
  archive("pad_begin", window.pad_begin, bounds::kFromZero);
  archive("pad_end", window.pad_end, bounds::kFromZero);
}

// Operators without attributes.
template <class A, class O>
void visit_fields(A&, O&) {}

template <class A>
void visit_fields(A& archive, Conv& op) {
  window_fields(archive, op.window);
  archive("groups", op.groups, bounds::kPositive);
}
template <class A>
void visit_fields(A& archive, BatchNorm& op) {
  archive("epsilon", op.epsilon);
}
template <class A>
void visit_fields(A& archive, Clip& op) {
  archive("low", op.low);
  archive("high", op.high);
}
template <class A>
void visit_fields(A& archive, Concat& op) {
  archive("axis", op.axis, bounds::kAxis);
}
template <class A>
void visit_fields(A& archive, MaxPool& op) {
  window_fields(archive, op.window);
  archive("ceil_mode", op.ceil_mode);
}
template <class A>
void visit_fields(A& archive, AveragePool& op) {
  window_fields(archive, op.window);
  archive("ceil_mode", op.ceil_mode);
  archive("count_include_pad", op.count_include_pad);
}
template <class A>
void visit_fields(A& archive, Flatten& op) {
  archive("axis", op.axis, bounds::kAxis);
}
template <class A>
void visit_fields(A& archive, Reshape& op) {
  archive("dims", op.dims, bounds::kExtent);
}
template <class A>
void visit_fields(A& archive, Transpose& op) {
  archive("order", op.order, bounds::kAxis);
}
template <class A>
void visit_fields(A& archive, Slice& op) {
  archive("axes", op.axes, bounds::kAxis);
  archive("starts", op.starts, bounds::kAnywhere);
  archive("ends", op.ends, bounds::kAnywhere);
  archive("steps", op.steps, bounds::kAnywhere);
}
template <class A>
void visit_fields(A& archive, Pad& op) {
  archive("begin", op.begin, bounds::kFromZero);
  archive("end", op.end, bounds::kFromZero);
  archive("value", op.value);
}
template <class A>
void visit_fields(A& archive, Softmax& op) {
  archive("axis", op.axis, bounds::kAxis);
}
template <class A>
void visit_fields(A& archive, ReduceMean& op) {
  archive("axes", op.axes, bounds::kAxis);
  archive("keep_dims", op.keep_dims);
}

}  // namespace bitline::ir
