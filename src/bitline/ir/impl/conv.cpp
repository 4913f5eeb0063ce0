// Convolution on oneDNN, image by image: the copies into and out of oneDNN's blocked layout then stay in the
// cache, and the result of an image does not depend on the batch it is in.
#include "bitline/ir/impl/onednn.h"
#include "bitline/ir/impl/operators.h"

namespace bitline::ir {

namespace {

using ConvDescriptor = dnnl::convolution_forward::primitive_desc;

Shape one_image(Shape shape) {
  shape[0] = 1;
  return shape;
}

Shape grouped(const Shape& weight, std::int64_t groups) {
  if (groups == 1) return weight;
  return {groups, weight[0] / groups, weight[1], weight[2], weight[3]};
}

dnnl::memory::dims pair(const std::array<std::int64_t, 2>& p, std::int64_t offset = 0) {
  return {p[0] + offset, p[1] + offset};
}

ConvDescriptor describe(const Conv& op, const Call& call) {
  const auto src = any_layout(one_image(call.operand(0).shape));
  const auto weight = any_layout(grouped(call.operand(1).shape, op.groups));
  const auto dst = any_layout(one_image(call.shape));
  const Window& w = op.window;
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
  constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;
  const auto stride = pair(w.stride), dilation = pair(w.dilation, -1);
  const auto begin = pair(w.pad_begin), end = pair(w.pad_end);
  if (call.operands.size() < 3) {
    return {{kKind, kAlgorithm, src, weight, dst, stride, dilation, begin, end}, cpu_engine()};
  }
  const auto bias = row_major(call.operand(2).shape);
  return {{kKind, kAlgorithm, src, weight, bias, dst, stride, dilation, begin, end}, cpu_engine()};
}

}  // namespace

Tensor execute(const Conv& op, const Call& call) {
  const OneThread one_thread;
  const Tensor& x = call.operand(0);
  Tensor y = call.make_output();
  if (y.data.empty()) return y;

  const ConvDescriptor descriptor = describe(op, call);
  const dnnl::convolution_forward convolve(descriptor);
  dnnl::stream stream(cpu_engine());
  Feed weight(row_major(grouped(call.operand(1).shape, op.groups)), descriptor.weights_desc());
  Feed image(row_major(one_image(x.shape)), descriptor.src_desc());
  Drain result(row_major(one_image(y.shape)), descriptor.dst_desc());

  std::unordered_map<int, dnnl::memory> arguments;
  arguments[DNNL_ARG_WEIGHTS] = weight.load(stream, call.operand(1).data.data());
  if (call.operands.size() == 3) {
    arguments[DNNL_ARG_BIAS] = view(descriptor.bias_desc(), call.operand(2).data.data());
  }
  const auto images = static_cast<std::size_t>(x.dim(0));
  for (std::size_t i = 0; i < images; ++i) {
    arguments[DNNL_ARG_SRC] = image.load(stream, x.data.data() + i * (x.size() / images));
    arguments[DNNL_ARG_DST] = result.target(y.data.data() + i * (y.size() / images));
    convolve.execute(stream, arguments);
    result.store(stream);
  }
  stream.wait();
  return y;
}

}  // namespace bitline::ir
