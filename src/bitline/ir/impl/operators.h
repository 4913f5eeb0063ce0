// The execution of one operator: an overload of execute() for each alternative of Op.
#pragma once

#include <utility>
#include <vector>

#include "bitline/ir/graph.h"
#include "bitline/ir/interpreter.h"

namespace bitline::ir {

// Storage of dead activations, handed out again: fresh pages cost more than most operators that fill them.
class Recycler {
 public:
  Tensor make(const Shape& shape);  // the values are unspecified
  void give(Tensor dead);

 private:
  std::vector<std::vector<float>> spares_;
};

// One execution of a node. `shape` is the output's shape, already inferred. `dying` is operand 0 when nobody
// reads it afterwards, else null: an operator that can work in place takes its storage.
struct Call {
  const Node& node;
  const Operands& operands;
  const Shape& shape;
  Tensor* dying = nullptr;
  Recycler* recycler = nullptr;

  const Tensor& operand(std::size_t i) const { return *operands[i]; }
  const float* optional_data(std::size_t i) const {
    return i < operands.size() ? operands[i]->data.data() : nullptr;
  }
  // A tensor of the output's shape; the operator must write every element.
  Tensor make_output() const { return recycler != nullptr ? recycler->make(shape) : Tensor(shape); }
  // Operand 0 as a value: moved out if it dies (operand(0) is then empty), else copied.
  Tensor take_first() const { return dying != nullptr ? std::move(*dying) : operand(0); }
};

Tensor execute(const Conv& op, const Call& call);
Tensor execute(const Linear& op, const Call& call);
Tensor execute(const MatMul& op, const Call& call);
Tensor execute(const BatchNorm& op, const Call& call);
Tensor execute(const Relu& op, const Call& call);
Tensor execute(const Clip& op, const Call& call);
Tensor execute(const Add& op, const Call& call);
Tensor execute(const Mul& op, const Call& call);
Tensor execute(const Concat& op, const Call& call);
Tensor execute(const MaxPool& op, const Call& call);
Tensor execute(const AveragePool& op, const Call& call);
Tensor execute(const GlobalAveragePool& op, const Call& call);
Tensor execute(const Flatten& op, const Call& call);
Tensor execute(const Reshape& op, const Call& call);
Tensor execute(const Transpose& op, const Call& call);
Tensor execute(const Slice& op, const Call& call);
Tensor execute(const Pad& op, const Call& call);
Tensor execute(const Softmax& op, const Call& call);
Tensor execute(const ReduceMean& op, const Call& call);

}  // namespace bitline::ir
