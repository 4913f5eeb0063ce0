// Clipping of bfloat16 tensors on the processor, whose backward pass LibTorch lacks.
#pragma once

#include <torch/types.h>

namespace bitline::train {

// Each value of x (CPU, bfloat16, any shape) within [low, high]; the bounds are rounded to bfloat16. The
// gradient passes where the result is none of the bounds. The layout in memory stays.
torch::Tensor clip_bfloat16(const torch::Tensor& x, float low, float high);

}  // namespace bitline::train
