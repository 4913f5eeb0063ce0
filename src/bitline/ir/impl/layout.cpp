// The operators that only move values: Concat, Flatten, Reshape, Transpose, Slice, Pad.
#include <algorithm>
#include <cstddef>

#include "bitline/ir/impl/axes.h"
#include "bitline/ir/impl/operators.h"
#include "bitline/ir/impl/strided.h"

namespace bitline::ir {

namespace {

using Steps = std::vector<std::int64_t>;

struct Place {  // where in a tensor's data a strided box begins, and its steps
  std::int64_t offset;
  Steps steps;
};

void copy_box(const Shape& extents, const Tensor& from, const Place& source, Tensor& to,
              const Place& target) {
  if (element_count(extents) == 0) return;
  const StridedWalk<2> walk(extents, {target.steps, source.steps});
  walk.for_each({target.offset, source.offset}, [&](const auto& at, std::int64_t length, const auto& step) {
    for (std::int64_t i = 0; i < length; ++i) {
      to.data[static_cast<std::size_t>(at[0] + i * step[0])] =
          from.data[static_cast<std::size_t>(at[1] + i * step[1])];
    }
  });
}

Place whole(const Tensor& t) {
  return {0, row_major_steps(t.shape)};
}

Tensor with_shape(const Call& call) {
  Tensor y = call.take_first();
  y.shape = call.shape;
  return y;
}

}  // namespace

Tensor execute(const Flatten&, const Call& call) {
  return with_shape(call);
}

Tensor execute(const Reshape&, const Call& call) {
  return with_shape(call);
}

Tensor execute(const Concat& op, const Call& call) {
  Tensor y = call.make_output();
  const std::size_t axis = resolve_axis(op.axis, y.shape.size());
  Place target = whole(y);
  for (const Tensor* x : call.operands) {
    copy_box(x->shape, *x, whole(*x), y, target);
    target.offset += x->dim(axis) * target.steps[axis];
  }
  return y;
}

Tensor execute(const Transpose& op, const Call& call) {
  const Tensor& x = call.operand(0);
  Tensor y = call.make_output();
  const Steps steps = row_major_steps(x.shape);
  Place source{0, Steps(steps.size())};
  for (std::size_t d = 0; d < steps.size(); ++d)
    source.steps[d] = steps[resolve_axis(op.order[d], steps.size())];
  copy_box(y.shape, x, source, y, whole(y));
  return y;
}

Tensor execute(const Slice& op, const Call& call) {
  const Tensor& x = call.operand(0);
  Tensor y = call.make_output();
  Place source = whole(x);
  for (std::size_t i = 0; i < op.axes.size(); ++i) {
    const std::size_t axis = resolve_axis(op.axes[i], x.shape.size());
    const SliceRange range = slice_range(op.starts[i], op.ends[i], op.steps[i], x.dim(axis));
    source.offset += range.start * source.steps[axis];
    // A single element needs no step, and a huge step must not be multiplied.
    source.steps[axis] *= range.count > 1 ? range.step : 0;
  }
  copy_box(y.shape, x, source, y, whole(y));
  return y;
}

Tensor execute(const Pad& op, const Call& call) {
  const Tensor& x = call.operand(0);
  Tensor y = call.make_output();
  std::fill(y.data.begin(), y.data.end(), op.value);
  Place target = whole(y);
  for (std::size_t d = 0; d < op.begin.size(); ++d) target.offset += op.begin[d] * target.steps[d];
  copy_box(x.shape, x, whole(x), y, target);
  return y;
}

}  // namespace bitline::ir
