// A tensor quantized and dequantized inside LibTorch's autograd, with the quantizers of room quant.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "bitline/quant/quantizer.h"

namespace bitline::train {

// Group i of a tensor of n values in G groups: values [i * n / G, (i + 1) * n / G) in memory.
struct FakeGroups {
  std::vector<float> scales;  // s0 * exp(u / s0) of each group, as they are now
  at::Tensor s0, u;           // [G]; the gradient of u is that of the scales, times gain
  double gain = 1.0;
  at::Tensor offset;         // [1] or undefined; its gradient is times gain, too
  quant::ScaledGroup group;  // of each, but for its scale
};

// x (CPU, float32 or bfloat16, of any shape) at its grids' places, in its type: bfloat16 is quantized as
// float32, the result rounded. A single group keeps the layout of x in memory, several make it contiguous.
at::Tensor fake_quantize(const at::Tensor& x, FakeGroups groups);

}  // namespace bitline::train
