// Batch-norm folded into the scales of a quantized model, so that no multiplier is left behind an array but
// the one of each column.
//
//   y = f * (sum over columns + b - mean) + beta   with f = gamma / sqrt(var + eps) of the output's channel
//
// The factor |f| goes into the channel's weight scales, ADC steps and ADC centres, which leaves every weight
// code, sum and ADC code as it was but for the rounding of the scales themselves; the rest goes into the
// bias. A negative f leaves a change of sign, a product with -1 for the channel, where f = 0 a constant.
// Scales that several channels share part: granularity layer becomes channel, array becomes column.
#pragma once

#include "bitline/quant/config.h"

namespace bitline::quant {

// Folds every batch-norm that ir::foldable_norms names, behind layers in float, too. Others stay. Errors are
// those of scale_outputs.
QuantizedModel fold_batch_norm(const QuantizedModel& model);

// The granularity with scales for every output: layer -> channel, array -> column.
Granularity by_output(Granularity granularity);

// One layer whose output channels are multiplied by `factor` (positive) through its scales. `weight` becomes
// the values on the new grid. Error{kBadInput} when the layer's scales do not fit its shape.
void scale_outputs(CimLayer& layer, ir::Tensor& weight, const std::vector<float>& factor);

}  // namespace bitline::quant
