// Max and average pooling on oneDNN.
#include "bitline/ir/impl/onednn.h"
#include "bitline/ir/impl/operators.h"

namespace bitline::ir {

namespace {

dnnl::memory::dims pair(const std::array<std::int64_t, 2>& p, std::int64_t offset = 0) {
  return {p[0] + offset, p[1] + offset};
}

// oneDNN derives the output extent from the end padding; this is the padding that gives ours, ceil_mode or
// not.
std::array<std::int64_t, 2> fitted_end(const Window& w, const Shape& in, const Shape& out) {
  std::array<std::int64_t, 2> end{};
  for (std::size_t a = 0; a < 2; ++a) {
    const std::int64_t reach = (out[a + 2] - 1) * w.stride[a] + w.dilation[a] * (w.kernel[a] - 1) + 1;
    end[a] = reach - in[a + 2] - w.pad_begin[a];
  }
  return end;
}

Tensor pool(dnnl::algorithm algorithm, const Window& w, const Tensor& x, const Call& call) {
  const OneThread one_thread;
  Tensor y = call.make_output();
  if (y.data.empty()) return y;
  const auto src = row_major(x.shape), dst = row_major(y.shape);
  const dnnl::pooling_v2_forward::primitive_desc descriptor(
      {dnnl::prop_kind::forward_inference, algorithm, src, dst, pair(w.stride), pair(w.kernel),
       pair(w.dilation, -1), pair(w.pad_begin), pair(fitted_end(w, x.shape, y.shape))},
      cpu_engine());
  dnnl::stream stream(cpu_engine());
  dnnl::pooling_v2_forward(descriptor)
      .execute(stream, {{DNNL_ARG_SRC, view(src, x.data.data())}, {DNNL_ARG_DST, view(dst, y.data.data())}});
  stream.wait();
  return y;
}

// Averages that count the padding count only the declared padding, not what ceil_mode adds beyond it. With
// the declared padding made part of the image, the rest is what oneDNN excludes.
Tensor pool_counting_pad(const AveragePool& op, const Call& call) {
  const Tensor& x = call.operand(0);
  Window w = op.window;
  const Pad zeros{{0, 0, w.pad_begin[0], w.pad_begin[1]}, {0, 0, w.pad_end[0], w.pad_end[1]}, 0.0f};
  Shape padded = x.shape;
  for (std::size_t d = 0; d < padded.size(); ++d) padded[d] += zeros.begin[d] + zeros.end[d];
  const Tensor image = execute(zeros, Call{call.node, call.operands, padded});
  w.pad_begin = w.pad_end = {0, 0};
  return pool(dnnl::algorithm::pooling_avg_exclude_padding, w, image, call);
}

}  // namespace

Tensor execute(const MaxPool& op, const Call& call) {
  return pool(dnnl::algorithm::pooling_max, op.window, call.operand(0), call);
}

Tensor execute(const AveragePool& op, const Call& call) {
  if (op.count_include_pad) return pool_counting_pad(op, call);
  return pool(dnnl::algorithm::pooling_avg_exclude_padding, op.window, call.operand(0), call);
}

}  // namespace bitline::ir
