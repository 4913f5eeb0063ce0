// The obvious loops that the fast operators are compared with, and seeded random inputs.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "bitline/base/philox.h"
#include "bitline/ir/graph.h"

namespace bitline::ir {

// A source of seeded random choices.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed, stream_id("ir tests")) {}

  std::int64_t between(std::int64_t low, std::int64_t high) {  // both included
    return low + random_.below(next_++, static_cast<std::uint32_t>(high - low + 1));
  }
  bool coin() { return between(0, 1) == 1; }

  // Integers in -4..4: sums of products are then exact in float, so any order of summation is equal.
  Tensor integers(const Shape& shape);
  Tensor normals(const Shape& shape, double mean = 0.0, double deviation = 1.0);

 private:
  Philox random_;
  std::uint64_t next_ = 0;
};

Tensor reference_conv(const Conv& op, const Tensor& x, const Tensor& weight, const Tensor* bias);
Tensor reference_linear(const Tensor& x, const Tensor& weight, const Tensor* bias);
Tensor reference_max_pool(const MaxPool& op, const Tensor& x);
Tensor reference_average_pool(const AveragePool& op, const Tensor& x);

Node make_node(Op op, int inputs);  // named "node", for run_node and infer_shape

}  // namespace bitline::ir
