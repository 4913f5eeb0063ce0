#include "bitline/train/slice_gains.h"

#include <algorithm>

#include "bitline/quant/encoding.h"
#include "bitline/quant/lsq.h"

namespace bitline::train {

namespace {

// Cycles of an input share a step, and outputs weigh the last of them with 2^shift, too. Rates were chosen
// with the four cycles of 4-bit inputs, bit by bit.
constexpr int kTunedInputShift = 3;

int shift_of_inputs(const quant::CimConfig& config) {
  const int top = (quant::input_cycles(config) - 1) * config.dac_bits;
  return std::max(0, top - kTunedInputShift);
}

}  // namespace

std::vector<float> slice_gains(const mapping::LayerTiling& tiling, const quant::CimConfig& config) {
  const quant::GroupMap groups = mapping::psum_groups(tiling, config);
  const auto slices = quant::weight_encoding(config.encoding).slices(config.weight_bits, config.cell_bits);
  const int inputs = shift_of_inputs(config), top = slices.back().shift + inputs;
  std::vector<float> out(static_cast<std::size_t>(groups.count()), 1.0f);
  for (int tile = 0; tile < tiling.grid.tiles; ++tile) {
    for (int slice = 0; slice < tiling.grid.slices; ++slice) {
      for (int output = 0; output < tiling.grid.outputs; ++output)
        out[static_cast<std::size_t>(groups.group(tile, slice, output))] =
            quant::slice_gain(slices[static_cast<std::size_t>(slice)].shift + inputs, top);
    }
  }
  return out;
}

}  // namespace bitline::train
