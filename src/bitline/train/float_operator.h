// Quantization-aware training in the float domain: weights and activations are quantized and dequantized, and
// LibTorch convolves floats. For layers with an ideal ADC and weight scales for each layer or output channel,
// where it gives what the integer program gives up to the rounding of fp32 sums, in a fraction of the time.
#pragma once

#include "bitline/train/cim_operator.h"

namespace bitline::train {

// Error{kUnsupported} naming the node where the configuration needs an array.
void check_float_operator(const CimSpec& spec);

at::Tensor float_cim(const CimSpec& spec, const CimTensors& tensors, const at::Tensor& x);

}  // namespace bitline::train
