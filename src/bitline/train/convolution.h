// Convolutions of the training graph, in float32 or in mixed precision.
#pragma once

#include <array>
#include <cstdint>

#include <ATen/core/Tensor.h>

namespace bitline::train {

struct ConvolutionWindow {
  std::array<std::int64_t, 2> stride, padding, dilation;
  std::int64_t groups = 1;
};

// x [N, C, H, W] by weight [O, C/groups, kh, kw]; `bias` may be undefined. In bfloat16 operands and result
// are rounded and sums are float32: by the processor's own instructions where they do that, else as float32
// products of rounded values, with rounded gradients. (oneDNN 2.6 on AVX2 would add up in bfloat16, twenty
// times as slowly.)
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    const ConvolutionWindow& window, at::ScalarType compute);

}  // namespace bitline::train
