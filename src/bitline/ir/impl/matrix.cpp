// Linear and MatMul on oneDNN, in row-major layout.
#include "bitline/ir/impl/onednn.h"
#include "bitline/ir/impl/operators.h"

namespace bitline::ir {

namespace {

dnnl::memory::desc with_rank(Shape shape, std::size_t rank) {
  shape.insert(shape.begin(), rank - shape.size(), 1);
  return row_major(shape);
}

dnnl::inner_product_forward::primitive_desc describe(std::int64_t rows, const Call& call) {
  const Shape& weight_shape = call.operand(1).shape;
  const auto src = row_major({rows, weight_shape[1]});
  const auto dst = row_major({rows, weight_shape[0]});
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
  if (call.operands.size() < 3) return {{kKind, src, row_major(weight_shape), dst}, cpu_engine()};
  const auto bias = row_major(call.operand(2).shape);
  return {{kKind, src, row_major(weight_shape), bias, dst}, cpu_engine()};
}

}  // namespace

Tensor execute(const Linear&, const Call& call) {
  const OneThread one_thread;
  Tensor y = call.make_output();
  if (y.data.empty()) return y;
  const auto rows = static_cast<std::int64_t>(y.size()) / y.shape.back();
  const auto descriptor = describe(rows, call);
  std::unordered_map<int, dnnl::memory> arguments = {
      {DNNL_ARG_SRC, view(descriptor.src_desc(), call.operand(0).data.data())},
      {DNNL_ARG_WEIGHTS, view(descriptor.weights_desc(), call.operand(1).data.data())},
      {DNNL_ARG_DST, view(descriptor.dst_desc(), y.data.data())}};
  if (call.operands.size() == 3) {
    arguments[DNNL_ARG_BIAS] = view(descriptor.bias_desc(), call.operand(2).data.data());
  }
  dnnl::stream stream(cpu_engine());
  dnnl::inner_product_forward(descriptor).execute(stream, arguments);
  stream.wait();
  return y;
}

Tensor execute(const MatMul&, const Call& call) {
  const OneThread one_thread;
  Tensor y = call.make_output();
  if (y.data.empty()) return y;
  const auto a = with_rank(call.operand(0).shape, y.shape.size());
  const auto b = with_rank(call.operand(1).shape, y.shape.size());
  const dnnl::matmul::primitive_desc descriptor({a, b, row_major(y.shape)}, cpu_engine());
  dnnl::stream stream(cpu_engine());
  dnnl::matmul(descriptor)
      .execute(stream, {{DNNL_ARG_SRC, view(a, call.operand(0).data.data())},
                        {DNNL_ARG_WEIGHTS, view(b, call.operand(1).data.data())},
                        {DNNL_ARG_DST, view(row_major(y.shape), y.data.data())}});
  stream.wait();
  return y;
}

}  // namespace bitline::ir
