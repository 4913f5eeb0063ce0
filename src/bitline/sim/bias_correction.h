// Bias correction: quantization errors have a mean, and a layer's bias can take it away at no cost.
//   bias[o] += mean over images and pixels of (float output - quantized output) of channel o
// (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, with
// the expectation taken over calibration images.)
#pragma once

#include "bitline/ir/tensor.h"

namespace bitline::sim {

// Corrects `bias` [O] so that the mean of `quantized` ([N, O] or [N, O, H, W]) becomes that of `expected`,
// and adds the correction to `quantized`, too.
void correct_bias(const ir::Tensor& expected, ir::Tensor& quantized, ir::Tensor& bias);

}  // namespace bitline::sim
