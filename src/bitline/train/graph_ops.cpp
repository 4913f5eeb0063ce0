#include "bitline/train/graph_ops.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/ir/shapes.h"
#include "bitline/train/clip_bfloat16.h"
#include "bitline/train/convolution.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;
using Operands = std::vector<Tensor>;

template <class T, class... Known>
constexpr bool is_one_of = (std::is_same_v<T, Known> || ...);

constexpr std::array<std::pair<const char*, torch::ScalarType>, 2> kComputeTypes = {
    {{"float32", torch::kFloat32}, {"bfloat16", torch::kBFloat16}}};

Tensor pad_window(const Tensor& x, const ir::Window& w, double value) {
  return torch::constant_pad_nd(x, {w.pad_begin[1], w.pad_end[1], w.pad_begin[0], w.pad_end[0]}, value);
}

bool symmetric(const ir::Window& w) {
  return w.pad_begin == w.pad_end;
}

bool over_half_a_kernel(const ir::Window& w) {  // LibTorch's pooling takes no such padding
  return 2 * w.pad_begin[0] > w.kernel[0] || 2 * w.pad_begin[1] > w.kernel[1];
}

ir::Shape output_shape(const ir::Node& node, const Operands& in) {
  std::vector<ir::Shape> shapes;
  for (const Tensor& t : in) shapes.emplace_back(t.sizes().begin(), t.sizes().end());
  return ir::infer_shape(node, shapes);
}

// LibTorch's slices only walk forwards.
Tensor walk_backwards(const Tensor& x, std::int64_t axis, std::int64_t start, std::int64_t step,
                      std::int64_t count) {
  const std::int64_t extent = x.size(axis);
  const std::int64_t first = std::min(start < 0 ? start + extent : start, extent - 1);
  return x.index_select(
      axis, torch::arange(count, torch::TensorOptions(torch::kInt64).device(x.device())) * step + first);
}

// Where only the channels are grouped anew, as in a channel shuffle, values and gradients stay channels-last
// in memory; a plain reshape would leave that layout.
Tensor reshape(const Tensor& x, const ir::Shape& shape) {
  const auto dims = static_cast<std::size_t>(x.dim()), wanted = shape.size();
  const bool regroups = dims >= 4 && wanted >= 4 && x.size(0) == shape[0] &&
                        std::equal(shape.end() - 2, shape.end(), x.sizes().end() - 2);
  if (!regroups) return x.reshape(shape);
  ir::Shape last = {shape[0], shape[wanted - 2], shape[wanted - 1]};
  last.insert(last.end(), shape.begin() + 1, shape.end() - 2);
  return x.movedim({-2, -1}, {1, 2}).reshape(last).movedim({1, 2}, {-2, -1});
}

// Operators on single values, or that only move them, take what convolutions give; sums and exponentials take
// float32.
bool takes_any_type(const ir::Op& op) {
  return std::visit(
      []<class Op>(const Op&) {
        return is_one_of<Op, ir::Conv, ir::Relu, ir::Clip, ir::Add, ir::Mul, ir::Concat, ir::MaxPool,
                         ir::Flatten, ir::Reshape, ir::Transpose, ir::Slice, ir::Pad>;
      },
      op);
}

struct Runner {
  const ir::Node& node;
  const Operands& in;
  torch::ScalarType compute;

  Tensor operator()(const ir::Conv& op) const {
    const ir::Window& w = op.window;
    const bool even = symmetric(w);
    const Tensor x = even ? in[0] : pad_window(in[0], w, 0.0), bias = in.size() > 2 ? in[2] : Tensor();
    const ConvolutionWindow window{w.stride, even ? w.pad_begin : std::array<std::int64_t, 2>{0, 0},
                                   w.dilation, op.groups};
    return convolve(x, in[1], bias, window, compute);
  }
  Tensor operator()(const ir::Linear&) const {
    return torch::linear(in[0], in[1], in.size() > 2 ? in[2] : Tensor());
  }
  Tensor operator()(const ir::MatMul&) const { return torch::matmul(in[0], in[1]); }
  Tensor operator()(const ir::BatchNorm&) const {
    internal_failure("batch-norm has state", __FILE__, __LINE__);
  }
  Tensor operator()(const ir::Relu&) const { return torch::relu(in[0]); }
  Tensor operator()(const ir::Clip& op) const {  // clamp, with a backward pass ten times as fast
    if (in[0].scalar_type() == torch::kBFloat16 && in[0].is_cpu())
      return clip_bfloat16(in[0], op.low, op.high);
    return torch::hardtanh(in[0], op.low, op.high);
  }
  Tensor operator()(const ir::Add&) const { return in[0] + in[1]; }
  Tensor operator()(const ir::Mul&) const { return in[0] * in[1]; }
  Tensor operator()(const ir::Concat& op) const { return torch::cat(in, op.axis); }
  Tensor operator()(const ir::MaxPool& op) const {
    const ir::Window& w = op.window;
    if (symmetric(w) && !over_half_a_kernel(w))
      return torch::max_pool2d(in[0], w.kernel, w.stride, w.pad_begin, w.dilation, op.ceil_mode);
    const Tensor x = pad_window(in[0], w, -std::numeric_limits<double>::infinity());
    const Tensor y =
        torch::max_pool2d(x, w.kernel, w.stride, std::array<std::int64_t, 2>{0, 0}, w.dilation, op.ceil_mode);
    const ir::Shape wanted = output_shape(node, in);  // without windows that start in the end padding
    return y.slice(2, 0, wanted[2]).slice(3, 0, wanted[3]);
  }
  Tensor operator()(const ir::AveragePool& op) const {
    if (!symmetric(op.window) || over_half_a_kernel(op.window)) {
      unsupported("average pooling with asymmetric or large padding is not trained",
                  Where{{}, 0, 0, node.name}, "put a Pad node before it");
    }
    return torch::avg_pool2d(in[0], op.window.kernel, op.window.stride, op.window.pad_begin, op.ceil_mode,
                             op.count_include_pad);
  }
  Tensor operator()(const ir::GlobalAveragePool&) const { return in[0].mean({2, 3}, true); }
  Tensor operator()(const ir::Flatten&) const { return in[0].reshape(output_shape(node, in)); }
  Tensor operator()(const ir::Reshape&) const { return reshape(in[0], output_shape(node, in)); }
  Tensor operator()(const ir::Transpose& op) const {
    return in[0].permute(std::vector<std::int64_t>(op.order.begin(), op.order.end()));
  }
  Tensor operator()(const ir::Slice& op) const {
    Tensor x = in[0];
    const ir::Shape wanted = output_shape(node, in);
    for (std::size_t i = 0; i < op.axes.size(); ++i) {
      const std::int64_t axis = op.axes[i] < 0 ? op.axes[i] + x.dim() : op.axes[i];
      x = op.steps[i] > 0
              ? x.slice(axis, op.starts[i], op.ends[i], op.steps[i])
              : walk_backwards(x, axis, op.starts[i], op.steps[i], wanted[static_cast<std::size_t>(axis)]);
    }
    return x;
  }
  Tensor operator()(const ir::Pad& op) const {
    std::vector<std::int64_t> pads;
    for (std::size_t i = op.begin.size(); i-- > 0;) {
      pads.push_back(op.begin[i]);
      pads.push_back(op.end[i]);
    }
    return torch::constant_pad_nd(in[0], pads, static_cast<double>(op.value));
  }
  Tensor operator()(const ir::Softmax& op) const { return torch::softmax(in[0], op.axis); }
  Tensor operator()(const ir::ReduceMean& op) const {
    return in[0].mean(std::vector<std::int64_t>(op.axes.begin(), op.axes.end()), op.keep_dims);
  }
};

}  // namespace

torch::ScalarType compute_type(const std::string& name) {
  for (const auto& [known, type] : kComputeTypes)
    if (name == known) return type;
  std::vector<std::string> names;
  for (const auto& type : kComputeTypes) names.emplace_back(type.first);
  bad_input("unknown type to compute in: '" + name + "'", {}, suggestion(name, names));
}

Tensor run_operator(const ir::Node& node, std::vector<Tensor> operands, torch::ScalarType compute) {
  if (!takes_any_type(node.op))
    for (Tensor& t : operands) t = t.to(torch::kFloat32);
  return std::visit(Runner{node, operands, compute}, node.op);
}

}  // namespace bitline::train
