// Post-training calibration: scales and ADC ranges from a few hundred images, without labels or training.
//
// One pass through the network. At each layer that goes to an array, with all layers before it already
// quantized: kind and scale of the codes of the layer's inputs (activation_codes.h); the weight scale of
// every group on its weights, then, where asked, weights rounded so that the layer's outputs change least;
// the ADC step and centre of every group on the histogram of its partial sums (each sum weighted by the
// square of its slice's significance); last, the layer's bias, where it has one, takes away the mean error of
// every output channel (bias_correction.h). Each range by a method of quant/range.h, usually least squared
// error.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "bitline/base/context.h"
#include "bitline/ir/graph.h"
#include "bitline/mapping/layer_policy.h"
#include "bitline/mapping/tiling.h"
#include "bitline/quant/config.h"
#include "bitline/quant/range.h"
#include "bitline/sim/activation_codes.h"

namespace bitline::sim {

struct CalibrateOptions {
  quant::CimConfig config;
  mapping::LayerPolicy policy;
  // Rounds weights for least error of the outputs (quant/compensated_rounding.h), and corrects biases towards
  // the float network's outputs instead of those of a float layer after quantized ones.
  // A layer whose outputs are nearer to the float layer's with weights rounded to nearest keeps these.
  bool compensate = false;
  quant::RangeSpec weight_range, activation_range, adc_range;
  ActivationKinds activations;  // that a layer's inputs may take
  // Gives batch-norms that follow a layer on arrays the statistics of its quantized outputs.
  bool re_estimate_batch_norm = false;
  // Keeps the activation and weight scales of these layers and fits only the converters (second training
  // stage).
  const std::map<std::string, quant::CimLayer>* keep = nullptr;
  // Partial sums kept for the histograms of a layer: of all images, else of some, spread over all.
  std::size_t most_psums = 100'000'000;
};

// `images`: normalized calibration images [N, C, H, W]. Batch-norm is best folded before (ir/fold.h) unless
// the model will be trained. Throws Error{kBadInput} naming the node for NaN activations or impossible
// geometry.
quant::QuantizedModel calibrate(const ir::Graph& graph, const ir::Tensor& images,
                                const CalibrateOptions& options, const Context& context);

// The weight scales of a layer, one for each group.
std::vector<float> calibrate_weights(const mapping::LayerTiling& tiling, const quant::CimConfig& config,
                                     const quant::RangeSpec& range, std::span<const float> weight);

}  // namespace bitline::sim
