// Shape rules of the matrix products, batch normalization and the elementwise operators.
#include <algorithm>
#include <string>

#include "bitline/ir/impl/shape_rules.h"

namespace bitline::ir {

namespace {

Shape unchanged(const NodeShapes& n) {
  n.expect_inputs(1, 1);
  return n.input(0);
}

// Dimension d of `shape` counted from the front of a shape of `rank` dimensions; missing ones are 1.
std::int64_t aligned_dim(const Shape& shape, std::size_t rank, std::size_t d) {
  const std::size_t missing = rank - shape.size();
  return d < missing ? 1 : shape[d - missing];
}

// The first `dims` dimensions of the broadcast of a and b, both seen as of rank `rank`.
Shape broadcast_dims(const NodeShapes& n, std::size_t rank, std::size_t dims) {
  Shape out(dims);
  for (std::size_t d = 0; d < dims; ++d) {
    const std::int64_t a = aligned_dim(n.input(0), rank, d);
    const std::int64_t b = aligned_dim(n.input(1), rank, d);
    n.expect(a == b || a == 1 || b == 1,
             "shapes " + shape_text(n.input(0)) + " and " + shape_text(n.input(1)) + " do not broadcast");
    out[d] = a == 1 ? b : a;
  }
  return out;
}

Shape broadcast(const NodeShapes& n) {
  n.expect_inputs(2, 2);
  const std::size_t rank = std::max(n.input(0).size(), n.input(1).size());
  return broadcast_dims(n, rank, rank);
}

}  // namespace

Shape shape_rule(const Linear&, const NodeShapes& n) {
  n.expect_inputs(2, 3);
  n.expect_rank(1, 2, "[O, K]");
  n.expect(n.input(0).size() >= 2, "input 0 has shape " + shape_text(n.input(0)) + ", expected [..., K]");
  Shape out = n.input(0);
  const std::int64_t depth = n.known(0, out.size() - 1, "last dimension");
  n.expect(depth == n.input(1)[1], "input " + shape_text(out) + " does not fit weight " +
                                       shape_text(n.input(1)) +
                                       ", expected K = " + std::to_string(n.input(1)[1]));
  n.expect(depth > 0, "sums over nothing");
  n.expect(n.input(1)[0] > 0, "has no outputs");
  out.back() = n.known(1, 0, "output count");
  if (n.count() == 3) n.expect_vector(2, "bias", out.back());
  return out;
}

Shape shape_rule(const MatMul&, const NodeShapes& n) {
  n.expect_inputs(2, 2);
  const Shape& a = n.input(0);
  const Shape& b = n.input(1);
  n.expect(a.size() >= 2 && b.size() >= 2,
           "shapes " + shape_text(a) + " and " + shape_text(b) + " must have two dimensions or more");
  n.expect(a.back() == b[b.size() - 2],
           "inner dimensions of " + shape_text(a) + " and " + shape_text(b) + " differ");
  n.expect(a.back() != 0, "sums over nothing");
  const std::size_t rank = std::max(a.size(), b.size());
  Shape out = broadcast_dims(n, rank, rank - 2);
  out.push_back(a[a.size() - 2]);
  out.push_back(b.back());
  return out;
}

Shape shape_rule(const BatchNorm&, const NodeShapes& n) {
  n.expect_inputs(5, 5);
  n.expect(n.input(0).size() >= 2, "input 0 has shape " + shape_text(n.input(0)) + ", expected [N, C, ...]");
  const std::int64_t channels = n.known(0, 1, "channel count");
  n.expect_vector(1, "gamma", channels);
  n.expect_vector(2, "beta", channels);
  n.expect_vector(3, "mean", channels);
  n.expect_vector(4, "variance", channels);
  return n.input(0);
}

Shape shape_rule(const Relu&, const NodeShapes& n) {
  return unchanged(n);
}

Shape shape_rule(const Clip& op, const NodeShapes& n) {
  n.expect(op.low <= op.high, "bounds are not in order");
  return unchanged(n);
}

Shape shape_rule(const Add&, const NodeShapes& n) {
  return broadcast(n);
}

Shape shape_rule(const Mul&, const NodeShapes& n) {
  return broadcast(n);
}

}  // namespace bitline::ir
