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

// The operators. Axes count from 0, or from the end when negative. Shapes are those of the inputs.

// Cross-correlation with zero padding.
// x[N,C,H,W], weight[O,C/groups,kh,kw], (bias[O]) -> [N,O,H',W']
struct Conv {
  Window window;
  std::int64_t groups = 1;
};
// x * transpose(weight) + bias. x[..., K], weight[O,K], (bias[O]) -> [..., O]
struct Linear {};
// Product of two activations a[..., M, K], b[..., K, L] -> [..., M, L]; leading dimensions broadcast.
struct MatMul {};
// (x - mean) / sqrt(variance + epsilon) * gamma + beta for each channel.
// x[N,C,...], gamma[C], beta[C], mean[C], variance[C] -> the shape of x
struct BatchNorm {
  float epsilon = 1e-5f;
};
// max(x, 0); NaN stays NaN.
struct Relu {};
// min(max(x, low), high); NaN stays NaN.
struct Clip {
  float low;
  float high;
};
// a + b and a * b, element by element, broadcasting as ONNX (shapes aligned at the end, 1 repeats).
struct Add {};
struct Mul {};
// The inputs one after the other along the axis; the other dimensions are equal.
struct Concat {
  int axis = 1;
};
// Largest value of each window; padding never wins and is smaller than the kernel. [N,C,H,W] -> [N,C,H',W']
struct MaxPool {
  Window window;
  bool ceil_mode = false;
};
// Mean of each window. The divisor counts the declared padding only with count_include_pad, and never what
// ceil_mode adds beyond it. Padding is smaller than the kernel. [N,C,H,W] -> [N,C,H',W']
struct AveragePool {
  Window window;
  bool ceil_mode = false;
  bool count_include_pad = false;
};
// Mean over height and width. [N,C,H,W] -> [N,C,1,1]
struct GlobalAveragePool {};
// A matrix: dimensions before the axis become rows, the others columns.
struct Flatten {
  int axis = 1;
};
// The same values in a new shape: kBatch first (the batch stays), at most one further -1 = inferred.
struct Reshape {
  Shape dims;
};
// Output dimension d is input dimension order[d].
struct Transpose {
  std::vector<int> order;
};
// Every steps[i]-th index from starts[i] up to, without, ends[i] of dimension axes[i]. Negative bounds count
// from the end, bounds beyond it are clamped, a negative step walks backwards. The batch is never cut.
struct Slice {
  std::vector<int> axes;
  std::vector<std::int64_t> starts, ends, steps;
};
// Constant padding, one entry a dimension, none negative, 0 for the batch.
struct Pad {
  Shape begin, end;
  float value = 0.0f;
};
// exp(x) / sum of exp(x) along the axis.
struct Softmax {
  int axis = 1;
};
// Mean over the named axes, never the batch; they stay as 1 or are dropped.
struct ReduceMean {
  std::vector<int> axes;
  bool keep_dims = true;
};

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
  ValueId add_input(std::string name, Shape shape);  // shape with kBatch first
  ValueId add_constant(std::string name, Tensor value);
  ValueId add_node(std::string name, Op op, std::vector<ValueId> inputs);  // returns the output's id
  void set_output(ValueId value) { output_ = value; }
  void set_input_shape(Shape shape) { input_shape_ = std::move(shape); }  // kBatch first

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
