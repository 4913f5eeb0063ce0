// Shape rules of the operators that move values or reduce along axes.
#include <limits>
#include <string>
#include <vector>

#include "bitline/ir/impl/axes.h"
#include "bitline/ir/impl/shape_rules.h"

namespace bitline::ir {

namespace {

// Marks the dimensions that `axes` names; fails when one is named twice.
std::vector<bool> named_axes(const std::vector<int>& axes, const NodeShapes& n) {
  std::vector<bool> named(n.input(0).size(), false);
  for (const int a : axes) {
    const std::size_t d = n.axis(a, named.size());
    n.expect(!named[d], "axis " + std::to_string(a) + " is named twice");
    named[d] = true;
  }
  return named;
}

std::int64_t sliced_extent(const Slice& op, std::size_t i, std::size_t axis, const NodeShapes& n) {
  const std::int64_t extent = n.input(0)[axis];
  n.expect(op.steps[i] != 0, "step must not be 0");
  if (extent == kBatch) {
    const bool whole =
        op.starts[i] == 0 && op.steps[i] == 1 && op.ends[i] >= std::numeric_limits<std::int32_t>::max();
    n.expect(whole, "would take a part of the batch", "slice other dimensions only");
    return kBatch;
  }
  const std::int64_t count = slice_range(op.starts[i], op.ends[i], op.steps[i], extent).count;
  n.expect(count > 0 || extent == 0,
           "takes nothing of dimension " + std::to_string(axis) + " of " + shape_text(n.input(0)));
  return count;
}

void check_concat_input(const NodeShapes& n, std::size_t i, std::size_t axis) {
  const Shape& first = n.input(0);
  bool fits = n.input(i).size() == first.size();
  for (std::size_t d = 0; fits && d < first.size(); ++d) fits = d == axis || n.input(i)[d] == first[d];
  n.expect(fits, "input " + std::to_string(i) + " " + shape_text(n.input(i)) + " and input 0 " +
                     shape_text(first) + " differ outside axis " + std::to_string(axis));
}

}  // namespace

Shape shape_rule(const Concat& op, const NodeShapes& n) {
  n.expect(n.count() >= 1, "has no inputs");
  Shape out = n.input(0);
  const std::size_t axis = n.axis(op.axis, out.size());
  for (std::size_t i = 1; i < n.count(); ++i) {
    check_concat_input(n, i, axis);
    n.known(0, axis, "concatenated dimension");
    const std::int64_t more = n.known(i, axis, "concatenated dimension");
    n.expect(!__builtin_add_overflow(out[axis], more, &out[axis]), "the output is too large");
  }
  return out;
}

Shape shape_rule(const Flatten& op, const NodeShapes& n) {
  n.expect_inputs(1, 1);
  const Shape& in = n.input(0);
  // The axis may also be the rank: then everything goes to the front.
  const bool past_end = op.axis >= 0 && static_cast<std::size_t>(op.axis) == in.size();
  const std::size_t axis = past_end ? in.size() : n.axis(op.axis, in.size());
  return {n.product(in, 0, axis), n.product(in, axis, in.size())};
}

Shape shape_rule(const Reshape& op, const NodeShapes& n) {
  n.expect_inputs(1, 1);
  const Shape& in = n.input(0);
  n.expect(!in.empty() && !op.dims.empty() && op.dims[0] == kBatch,
           "target " + shape_text(op.dims) + " must begin with the batch");
  Shape out = op.dims;
  out[0] = in[0];
  std::size_t inferred = 0;
  std::int64_t product = 1;
  for (std::size_t d = 1; d < out.size(); ++d) {
    n.expect(out[d] > 0 || out[d] == -1,
             "target dimension " + std::to_string(out[d]) + " must be positive or -1");
    n.expect(out[d] > 0 || inferred == 0, "at most one dimension besides the batch may be -1");
    if (out[d] == -1) inferred = d;
    const bool overflow = out[d] > 0 && __builtin_mul_overflow(product, out[d], &product);
    n.expect(!overflow, "the target is too large");
  }
  const std::int64_t total = n.product(in, 1, in.size());
  const bool fits = total != kBatch && (inferred == 0 ? product == total : total % product == 0);
  n.expect(fits, "cannot turn " + shape_text(in) + " into " + shape_text(op.dims));
  if (inferred != 0) out[inferred] = total / product;
  return out;
}

Shape shape_rule(const Transpose& op, const NodeShapes& n) {
  n.expect_inputs(1, 1);
  const Shape& in = n.input(0);
  n.expect(op.order.size() == in.size(),
           "order has " + std::to_string(op.order.size()) + " entries for input " + shape_text(in));
  named_axes(op.order, n);
  Shape out(in.size());
  for (std::size_t d = 0; d < in.size(); ++d) out[d] = in[resolve_axis(op.order[d], in.size())];
  return out;
}

Shape shape_rule(const Slice& op, const NodeShapes& n) {
  n.expect_inputs(1, 1);
  const std::size_t count = op.axes.size();
  n.expect(op.starts.size() == count && op.ends.size() == count && op.steps.size() == count,
           "axes, starts, ends and steps must have equal lengths");
  named_axes(op.axes, n);
  Shape out = n.input(0);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t axis = resolve_axis(op.axes[i], out.size());
    out[axis] = sliced_extent(op, i, axis, n);
  }
  return out;
}

Shape shape_rule(const Pad& op, const NodeShapes& n) {
  n.expect_inputs(1, 1);
  Shape out = n.input(0);
  n.expect(op.begin.size() == out.size() && op.end.size() == out.size(),
           "needs one padding a dimension of " + shape_text(out));
  for (std::size_t d = 0; d < out.size(); ++d) {
    n.expect(op.begin[d] >= 0 && op.end[d] >= 0, "padding must not be negative", "use Slice to crop");
    const bool pads = op.begin[d] != 0 || op.end[d] != 0;
    n.expect(!pads || out[d] != kBatch, "would pad the batch");
    const bool overflow = pads && (__builtin_add_overflow(out[d], op.begin[d], &out[d]) ||
                                   __builtin_add_overflow(out[d], op.end[d], &out[d]));
    n.expect(!overflow, "the output is too large");
  }
  return out;
}

Shape shape_rule(const Softmax& op, const NodeShapes& n) {
  n.expect_inputs(1, 1);
  const std::size_t axis = n.axis(op.axis, n.input(0).size());
  n.known(0, axis, "normalized dimension");
  return n.input(0);
}

Shape shape_rule(const ReduceMean& op, const NodeShapes& n) {
  n.expect_inputs(1, 1);
  n.expect(!op.axes.empty(), "names no axes", "list the axes to average over");
  const std::vector<bool> reduced = named_axes(op.axes, n);
  Shape out;
  for (std::size_t d = 0; d < reduced.size(); ++d) {
    if (!reduced[d]) {
      out.push_back(n.input(0)[d]);
      continue;
    }
    n.expect(n.known(0, d, "averaged dimension") > 0, "averages over nothing in " + shape_text(n.input(0)));
    if (op.keep_dims) out.push_back(1);
  }
  return out;
}

}  // namespace bitline::ir
