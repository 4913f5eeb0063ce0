// How fast the steps and centres of converters learn, beside LSQ's own gradient scale.
#pragma once

#include <vector>

#include "bitline/mapping/tiling.h"
#include "bitline/quant/config.h"

namespace bitline::train {

// quant::slice_gain for each group of partial sums of a layer; a group is of one slice of the weights, and of
// all cycles of the inputs.
std::vector<float> slice_gains(const mapping::LayerTiling& tiling, const quant::CimConfig& config);

}  // namespace bitline::train
