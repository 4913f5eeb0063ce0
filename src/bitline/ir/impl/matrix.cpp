// Linear on dot_rows, MatMul on oneDNN, in row-major layout.
#include "bitline/ir/impl/dot_rows.h"
#include "bitline/ir/impl/onednn.h"
#include "bitline/ir/impl/operators.h"

namespace bitline::ir {

namespace {

dnnl::memory::desc with_rank(Shape shape, std::size_t rank) {
  shape.insert(shape.begin(), rank - shape.size(), 1);
  return row_major(shape);
}

Shape one_image(Shape shape) {
  shape[0] = 1;
  return shape;
}

}  // namespace

Tensor execute(const Linear&, const Call& call) {
  Tensor y = call.make_output();
  if (y.data.empty()) return y;
  const Tensor& weight = call.operand(1);
  const float* bias = call.operands.size() == 3 ? call.operand(2).data.data() : nullptr;
  dot_rows(call.operand(0).data.data(), static_cast<std::int64_t>(y.size()) / y.shape.back(),
           weight.data.data(), weight.dim(0), weight.dim(1), bias, y.data.data());
  return y;
}

// Image by image, so that the result of one does not depend on the others.
Tensor execute(const MatMul&, const Call& call) {
  const OneThread one_thread;
  Tensor y = call.make_output();
  if (y.data.empty()) return y;
  const auto images = static_cast<std::size_t>(y.dim(0));
  // Of two matrices the rows of the left one are the images.
  const auto per_image = [&](std::size_t i) {
    const Tensor& x = call.operand(i);
    return x.shape.size() == y.shape.size() && x.dim(0) == y.dim(0) && (y.shape.size() > 2 || i == 0);
  };
  struct Side {
    dnnl::memory::desc desc;
    const float* data;
    std::size_t step;
  };
  const auto side = [&](std::size_t i) {
    const Tensor& x = call.operand(i);
    const bool splits = per_image(i);
    return Side{with_rank(splits ? one_image(x.shape) : x.shape, y.shape.size()), x.data.data(),
                splits ? x.size() / images : 0};
  };
  const Side a = side(0), b = side(1);
  const auto out = row_major(one_image(y.shape));
  const dnnl::matmul::primitive_desc descriptor({a.desc, b.desc, out}, cpu_engine());
  const dnnl::matmul multiply(descriptor);
  dnnl::stream stream(cpu_engine());
  for (std::size_t i = 0; i < images; ++i) {
    multiply.execute(stream, {{DNNL_ARG_SRC, view(a.desc, a.data + i * a.step)},
                              {DNNL_ARG_WEIGHTS, view(b.desc, b.data + i * b.step)},
                              {DNNL_ARG_DST, view(out, y.data.data() + i * (y.size() / images))}});
  }
  stream.wait();
  return y;
}

}  // namespace bitline::ir
