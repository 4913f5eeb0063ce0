// Bias correction: quantization errors have a mean, and a layer's bias can take it away at no cost.
//   bias[o] += mean over images and pixels of (float output - quantized output) of channel o
// (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, with
// the expectation taken over calibration images.)
#pragma once

#include <vector>

#include "bitline/ir/tensor.h"

namespace bitline::sim {

// Corrects `bias` [O] so that the mean of `quantized` ([N, O] or [N, O, H, W]) becomes that of `expected`,
// and adds the correction to `quantized`, too.
void correct_bias(const ir::Tensor& expected, ir::Tensor& quantized, ir::Tensor& bias);

// The same for known means of the channels. Where they are those of the float network, the errors of the
// layers before are taken away, too.
void correct_bias(const std::vector<double>& expected, ir::Tensor& quantized, ir::Tensor& bias);

// Squared error of `quantized` ([N, O] or [N, O, H, W]), summed; less what a bias, where there is one, takes
// away: the mean error of each channel.
double error_beside_bias(const ir::Tensor& expected, const ir::Tensor& quantized, bool has_bias);

// Mean and (unbiased) variance of the channels of x [N, O] or [N, O, H, W].
std::vector<double> channel_means(const ir::Tensor& x);
std::vector<double> channel_variances(const ir::Tensor& x);

}  // namespace bitline::sim
