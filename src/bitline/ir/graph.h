// The network: a directed acyclic graph of typed operators over float tensors, in topological order.
//
// A Node is an operator (a small struct with its attributes), the values it reads and the one value it
// writes. Weights are constants of the graph. The first dimension of every activation is the batch (kBatch).
// Operators follow ONNX semantics; what exporters write in several ways has one form here: Gemm and a MatMul
// with constant right side are Linear, Dropout and Identity do not exist, shapes are attributes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bitline/ir/tensor.h"

namespace bitline::ir {

using ValueId = int;

struct Window {  // the sliding window of convolution and pooling, (height, width)
  std::array<std::int64_t, 2> kernel{1, 1};
  std::array<std::int64_t, 2> stride{1, 1};
  std::array<std::int64_t, 2> dilation{1, 1};
  std::array<std::int64_t, 2> pad_begin{0, 0};  // top, left
  std::array<std::int64_t, 2> pad_end{0, 0};    // bottom, right

  // Output extent along an axis: floor (or ceil) of ((in + pads - dilation*(kernel-1) - 1) / stride) + 1.
  std::int64_t output_extent(int axis, std::int64_t input_extent, bool ceil_mode = false) const;
};

struct Conv { Window window; std::int64_t groups = 1; };   // x[N,C,H,W], weight[O,C/groups,kh,kw], (bias[O])
struct Linear {};                                          // x[..., K], weight[O,K], (bias[O])
struct MatMul {};                                          // a, b: two activations
struct BatchNorm { float epsilon = 1e-5f; };               // x, gamma, beta, mean, variance
struct Relu {};
struct Clip { float low; float high; };
struct Add {};                                             // broadcasting, as ONNX
struct Mul {};
struct Concat { int axis = 1; };
struct MaxPool { Window window; bool ceil_mode = false; };
struct AveragePool { Window window; bool ceil_mode = false; bool count_include_pad = false; };
struct GlobalAveragePool {};                               // [N,C,H,W] -> [N,C,1,1]
struct Flatten { int axis = 1; };
struct Reshape { Shape dims; };                            // kBatch first, at most one further -1 = inferred
struct Transpose { std::vector<int> order; };
struct Slice { std::vector<int> axes; std::vector<std::int64_t> starts, ends, steps; };
struct Pad { Shape begin, end; float value = 0.0f; };      // constant padding, one entry a dimension
struct Softmax { int axis = 1; };
struct ReduceMean { std::vector<int> axes; bool keep_dims = true; };

using Op = std::variant<Conv, Linear, MatMul, BatchNorm, Relu, Clip, Add, Mul, Concat, MaxPool, AveragePool,
                        GlobalAveragePool, Flatten, Reshape, Transpose, Slice, Pad, Softmax, ReduceMean>;

std::string_view op_name(const Op& op);  // "Conv", "Linear", ...

struct Node {
  std::string name;  // unique in the graph
  Op op;
  std::vector<ValueId> inputs;
  ValueId output = -1;
};

class Graph {
 public:
  // Building. Nodes are added in topological order: inputs must exist already.
  ValueId add_input(std::string name, Shape shape);           // shape with kBatch first
  ValueId add_constant(std::string name, Tensor value);
  ValueId add_node(std::string name, Op op, std::vector<ValueId> inputs);  // returns the output's id
  void set_output(ValueId value) { output_ = value; }

  ValueId input() const { return input_; }
  ValueId output() const { return output_; }
  const Shape& input_shape() const { return input_shape_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  std::vector<Node>& nodes() { return nodes_; }
  const Node* find_node(std::string_view name) const;  // nullptr when absent
  int value_count() const { return static_cast<int>(value_names_.size()); }
  const std::string& value_name(ValueId id) const { return value_names_[static_cast<std::size_t>(id)]; }

  bool is_constant(ValueId id) const { return constants_.count(id) != 0; }
  const Tensor& constant(ValueId id) const { return constants_.at(id); }
  Tensor& constant(ValueId id) { return constants_.at(id); }
  const std::map<ValueId, Tensor>& constants() const { return constants_; }

  // How often each value is read (the graph's output counts as a reader), indexed by ValueId.
  std::vector<int> use_counts() const;

 private:
  ValueId new_value(std::string name);

  std::vector<std::string> value_names_;
  std::map<ValueId, Tensor> constants_;
  std::vector<Node> nodes_;
  Shape input_shape_;
  ValueId input_ = -1;
  ValueId output_ = -1;
};

}  // namespace bitline::ir
