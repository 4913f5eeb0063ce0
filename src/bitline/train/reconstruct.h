// Block reconstruction: post-training quantization that fits the network part by part to the float one.
//
// The network is cut at its narrow places (ir/segments.h): residual blocks, single layers of a plain network.
// Part after part, weights (through their rounding), biases, scales and converter ranges of the layers on
// arrays are fitted by Adam so that the part, fed by the quantized parts before it, gives what the float part
// gives for the float network's activations, on a few hundred images without labels:
//   minimize mean (y_quantized - y_float)^2
// This is the block-wise objective of BRECQ (Li et al., ICLR 2021) with unit weights, and the direct
// optimization of AdaQuant (Hubara et al., ICML 2021) through straight-through rounding, here with partial
// sums quantized as well.
#pragma once

#include "bitline/train/trainer.h"

namespace bitline::train {

// See Trainer::reconstruct.
quant::QuantizedModel reconstruct(const quant::QuantizedModel& start, const ir::Graph& reference,
                                  const ir::Tensor& images, const ReconstructOptions& options,
                                  const std::function<void(const SegmentReport&)>& observer,
                                  const Context& context);

}  // namespace bitline::train
