// Weights of a layer rounded for the inputs it gets (quant/compensated_rounding.h).
#pragma once

#include <cstdint>
#include <vector>

#include "bitline/ir/tensor.h"
#include "bitline/mapping/tiling.h"
#include "bitline/quant/config.h"

namespace bitline::sim {

// Replaces `weight` ([O, C/groups, kh, kw]) by values on the grid of the layer's weight scales, for least
// squared error of the outputs on the images x ([N, C, H, W] or [N, C]), quantized with the layer's
// activation scale. Returns how many outputs stay rounded to nearest because compensation makes them worse.
std::int64_t compensate_weights(const mapping::LayerShape& shape, const ir::Tensor& x,
                                const quant::CimLayer& layer, std::vector<float>& weight);

}  // namespace bitline::sim
