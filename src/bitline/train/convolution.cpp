#include "bitline/train/convolution.h"

#include <oneapi/dnnl/dnnl.h>

#include "bitline/base/cpu.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;

// LibTorch asks the processor, oneDNN also its environment (ONEDNN_MAX_CPU_ISA).
bool sums_bfloat16_in_float() {
  static const bool native = [] {
    const unsigned wanted = dnnl_cpu_isa_avx512_core;
    return cpu_features().avx512 && (static_cast<unsigned>(dnnl_get_effective_cpu_isa()) & wanted) == wanted;
  }();
  return native;
}

Tensor run(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvolutionWindow& w) {
  return torch::conv2d(x, weight, bias, w.stride, w.padding, w.dilation, w.groups);
}

}  // namespace

Tensor convolve(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvolutionWindow& window,
                torch::ScalarType compute) {
  const auto rounded = [compute](const Tensor& t) { return t.defined() ? t.to(compute) : t; };
  if (compute != torch::kBFloat16 || !x.is_cpu() || sums_bfloat16_in_float())
    return run(rounded(x), rounded(weight), rounded(bias), window);
  const auto exact = [&rounded](const Tensor& t) { return t.defined() ? rounded(t).to(torch::kFloat32) : t; };
  return run(exact(x), exact(weight), exact(bias), window).to(compute);
}

}  // namespace bitline::train
