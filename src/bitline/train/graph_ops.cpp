#include "bitline/train/graph_ops.h"

#include "bitline/base/error.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;
using Operands = std::vector<Tensor>;

Tensor pad_window(const Tensor& x, const ir::Window& w, double value) {
  return torch::constant_pad_nd(x, {w.pad_begin[1], w.pad_end[1], w.pad_begin[0], w.pad_end[0]}, value);
}

bool symmetric(const ir::Window& w) {
  return w.pad_begin == w.pad_end;
}

struct Runner {
  const ir::Node& node;
  const Operands& in;

  Tensor operator()(const ir::Conv& op) const {
    const Tensor bias = in.size() > 2 ? in[2] : Tensor();
    if (symmetric(op.window)) {
      return torch::conv2d(in[0], in[1], bias, op.window.stride, op.window.pad_begin, op.window.dilation,
                           op.groups);
    }
    return torch::conv2d(pad_window(in[0], op.window, 0.0), in[1], bias, op.window.stride,
                         std::vector<std::int64_t>{0, 0}, op.window.dilation, op.groups);
  }
  Tensor operator()(const ir::Linear&) const {
    return torch::linear(in[0], in[1], in.size() > 2 ? in[2] : Tensor());
  }
  Tensor operator()(const ir::MatMul&) const { return torch::matmul(in[0], in[1]); }
  Tensor operator()(const ir::BatchNorm&) const {
    internal_failure("batch-norm has state", __FILE__, __LINE__);
  }
  Tensor operator()(const ir::Relu&) const { return torch::relu(in[0]); }
  Tensor operator()(const ir::Clip& op) const { return torch::clamp(in[0], op.low, op.high); }
  Tensor operator()(const ir::Add&) const { return in[0] + in[1]; }
  Tensor operator()(const ir::Mul&) const { return in[0] * in[1]; }
  Tensor operator()(const ir::Concat& op) const { return torch::cat(in, op.axis); }
  Tensor operator()(const ir::MaxPool& op) const {
    const Tensor x =
        symmetric(op.window) ? in[0] : pad_window(in[0], op.window, -std::numeric_limits<double>::infinity());
    const std::array<std::int64_t, 2> pads =
        symmetric(op.window) ? op.window.pad_begin : std::array<std::int64_t, 2>{0, 0};
    return torch::max_pool2d(x, op.window.kernel, op.window.stride, pads, op.window.dilation, op.ceil_mode);
  }
  Tensor operator()(const ir::AveragePool& op) const {
    if (!symmetric(op.window))
      unsupported("average pooling with asymmetric padding is not trained", Where{{}, 0, 0, node.name});
    return torch::avg_pool2d(in[0], op.window.kernel, op.window.stride, op.window.pad_begin, op.ceil_mode,
                             op.count_include_pad);
  }
  Tensor operator()(const ir::GlobalAveragePool&) const { return in[0].mean({2, 3}, true); }
  Tensor operator()(const ir::Flatten& op) const { return in[0].flatten(op.axis); }
  Tensor operator()(const ir::Reshape& op) const {
    ir::Shape dims = op.dims;
    if (dims.front() == ir::kBatch) dims.front() = in[0].size(0);
    return in[0].reshape(dims);
  }
  Tensor operator()(const ir::Transpose& op) const {
    return in[0].permute(std::vector<std::int64_t>(op.order.begin(), op.order.end()));
  }
  Tensor operator()(const ir::Slice& op) const {
    Tensor x = in[0];
    for (std::size_t i = 0; i < op.axes.size(); ++i)
      x = x.slice(op.axes[i], op.starts[i], op.ends[i], op.steps[i]);
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

Tensor run_operator(const ir::Node& node, const std::vector<Tensor>& operands) {
  return std::visit(Runner{node, operands}, node.op);
}

}  // namespace bitline::train
