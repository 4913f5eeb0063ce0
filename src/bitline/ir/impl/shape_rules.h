// One shape rule an operator, and what the rules share: operand access and errors that name the node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bitline/ir/graph.h"

namespace bitline::ir {

// A node together with the shapes of its operands.
class NodeShapes {
 public:
  NodeShapes(const Node& node, const std::vector<Shape>& inputs) : node_(node), inputs_(inputs) {}

  std::size_t count() const { return inputs_.size(); }
  const Shape& input(std::size_t i) const { return inputs_[i]; }

  // Throws Error{kBadInput}: "node 'n': Op: message (hint)".
  [[noreturn]] void fail(const std::string& message, std::string hint = {}) const;
  void expect(bool condition, const std::string& message, std::string hint = {}) const {
    if (!condition) fail(message, std::move(hint));
  }

  void expect_inputs(std::size_t least, std::size_t most) const;
  void expect_rank(std::size_t i, std::size_t rank, const char* layout) const;
  void expect_vector(std::size_t i, const char* what, std::int64_t length) const;  // input i is [length]
  // Dimension `axis` of input i, which must not be the symbolic batch.
  std::int64_t known(std::size_t i, std::size_t axis, const char* what) const;
  std::size_t axis(int axis, std::size_t rank) const;  // resolved; fails when there is no such axis
  // Product of dimensions first..last-1; kBatch if the batch is among them and the others are 1.
  std::int64_t product(const Shape& shape, std::size_t first, std::size_t last) const;

 private:
  const Node& node_;
  const std::vector<Shape>& inputs_;
};

Shape shape_rule(const Conv& op, const NodeShapes& n);
Shape shape_rule(const Linear& op, const NodeShapes& n);
Shape shape_rule(const MatMul& op, const NodeShapes& n);
Shape shape_rule(const BatchNorm& op, const NodeShapes& n);
Shape shape_rule(const Relu& op, const NodeShapes& n);
Shape shape_rule(const Clip& op, const NodeShapes& n);
Shape shape_rule(const Add& op, const NodeShapes& n);
Shape shape_rule(const Mul& op, const NodeShapes& n);
Shape shape_rule(const Concat& op, const NodeShapes& n);
Shape shape_rule(const MaxPool& op, const NodeShapes& n);
Shape shape_rule(const AveragePool& op, const NodeShapes& n);
Shape shape_rule(const GlobalAveragePool& op, const NodeShapes& n);
Shape shape_rule(const Flatten& op, const NodeShapes& n);
Shape shape_rule(const Reshape& op, const NodeShapes& n);
Shape shape_rule(const Transpose& op, const NodeShapes& n);
Shape shape_rule(const Slice& op, const NodeShapes& n);
Shape shape_rule(const Pad& op, const NodeShapes& n);
Shape shape_rule(const Softmax& op, const NodeShapes& n);
Shape shape_rule(const ReduceMean& op, const NodeShapes& n);

}  // namespace bitline::ir
