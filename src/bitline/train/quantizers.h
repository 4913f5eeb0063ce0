// How the tensors of a layer are quantized in training, and at what moment of it.
#pragma once

#include "bitline/quant/adc.h"
#include "bitline/quant/quantizer.h"

namespace bitline::train {

struct Quantizers {
  quant::QuantizerSpec weights, activations, psums;
  bool operator==(const Quantizers&) const = default;
};

// All at one moment.
struct Roundings {
  quant::Rounding weights{}, activations{};
  quant::AdcSlopes psums{};
  bool pass_weights = false, pass_activations = false;
  bool learns_offset = false;  // of activations
};

inline Roundings roundings_at(const Quantizers& quantizers, double progress) {
  return {quantizers.weights.rounding(progress),
          quantizers.activations.rounding(progress),
          {quantizers.psums.rounding(progress), quantizers.psums.pass_clipped},
          quantizers.weights.pass_clipped,
          quantizers.activations.pass_clipped,
          quantizers.activations.policy->has_offset};
}

}  // namespace bitline::train
