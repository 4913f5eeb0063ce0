#include "bitline/ir/graph.h"

#include <algorithm>
#include <utility>

#include "bitline/base/error.h"

namespace bitline::ir {

std::int64_t Window::output_extent(int axis, std::int64_t input_extent, bool ceil_mode) const {
  const auto a = static_cast<std::size_t>(axis);
  const std::int64_t span = input_extent + pad_begin[a] + pad_end[a] - dilation[a] * (kernel[a] - 1) - 1;
  if (span < 0) return 0;
  std::int64_t extent = (ceil_mode ? (span + stride[a] - 1) / stride[a] : span / stride[a]) + 1;
  // A window that would start in the end padding is not counted (ONNX and PyTorch agree on this).
  if (ceil_mode && (extent - 1) * stride[a] >= input_extent + pad_begin[a]) --extent;
  return extent;
}

std::string_view op_name(const Op& op) {
  constexpr std::array<std::string_view, std::variant_size_v<Op>> kNames = {
      "Conv",   "Linear",  "MatMul",      "BatchNorm",         "Relu",    "Clip",    "Add",       "Mul",
      "Concat", "MaxPool", "AveragePool", "GlobalAveragePool", "Flatten", "Reshape", "Transpose", "Slice",
      "Pad",    "Softmax", "ReduceMean"};
  return kNames[op.index()];
}

ValueId Graph::new_value(std::string name) {
  value_names_.push_back(std::move(name));
  return static_cast<ValueId>(value_names_.size()) - 1;
}

ValueId Graph::add_input(std::string name, Shape shape) {
  BITLINE_CHECK(input_ < 0);
  input_ = new_value(std::move(name));
  input_shape_ = std::move(shape);
  return input_;
}

ValueId Graph::add_constant(std::string name, Tensor value) {
  const ValueId id = new_value(std::move(name));
  constants_.emplace(id, std::move(value));
  return id;
}

ValueId Graph::add_node(std::string name, Op op, std::vector<ValueId> inputs) {
  for (const ValueId id : inputs) BITLINE_CHECK(id >= 0 && id < value_count());
  const ValueId out = new_value(name);
  nodes_.push_back({std::move(name), std::move(op), std::move(inputs), out});
  return out;
}

const Node* Graph::find_node(std::string_view name) const {
  const auto it = std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& n) { return n.name == name; });
  return it == nodes_.end() ? nullptr : &*it;
}

std::vector<int> Graph::use_counts() const {
  std::vector<int> counts(value_names_.size(), 0);
  for (const Node& node : nodes_) {
    for (const ValueId id : node.inputs) ++counts[static_cast<std::size_t>(id)];
  }
  if (output_ >= 0) ++counts[static_cast<std::size_t>(output_)];
  return counts;
}

}  // namespace bitline::ir
