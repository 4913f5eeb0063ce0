// The weights of a layer as integer codes, and which scale each of them has.
//
// A weight matrix [O, C/groups, kh, kw] (a linear layer: [O, K]) is cut to row tiles of whole kernel windows:
// a tile holds n = min(C/groups, floor(R / (kh*kw))) input channels. With one scale for all slices of a
// weight, the scales of any granularity are a table over blocks of channels and outputs:
//   scale of w[o, c, ...] = table[c / block.channels][o / block.outputs]
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bitline/ir/tensor.h"
#include "bitline/quant/config.h"

namespace bitline::quant {

// Input channels of a row tile; 0 when one window has more rows than the array.
std::int64_t tile_channels(std::int64_t group_inputs, std::int64_t window, int array_rows);

// The columns of a layer with weights of this shape. Error{kBadInput} when a window does not fit the array.
ColumnGrid column_grid(const ir::Shape& weight, const CimConfig& config);

struct ScaleBlock {
  std::int64_t channels = 1;
  std::int64_t outputs = 1;
};
// Error{kBadInput} when a window does not fit the array or slices have scales of their own (slice_scales).
ScaleBlock scale_block(const ir::Shape& weight, const CimConfig& config);
// The entry of the table for each weight, in the weights' order.
std::vector<std::size_t> scale_entries(const ir::Shape& weight, const ScaleBlock& block);
std::size_t table_size(const ir::Shape& weight, const ScaleBlock& block);

// The scale of each weight. Errors as above, and when the layer has another number of scales.
std::vector<float> weight_scales(const ir::Shape& weight, const CimLayer& layer);
// The code of each weight under its scale.
std::vector<int> weight_codes(const ir::Tensor& weight, const CimLayer& layer);

// What the codes stand for: code * scale. It has the same codes again under the same scales, exactly:
// |code| <= 2^15, so two roundings cannot move code * s / s by half a step.
ir::Tensor on_grid(const ir::Tensor& weight, const CimLayer& layer);

}  // namespace bitline::quant
