// One layer as the chip runs it: integers in the cells, one multiplier and one reference a column.
//
//   for row tile t, input slice i, weight slice j, output o (in this order, fp32):
//     p = sum_rows  digit_i(activation code) * cell[t][row][j][o]            exact integer
//     y[o] += weight[t,j,o] * 2^shift_i * ADC(p; gain[t,j,o], offset[t,j,o])
//   y starts at base[o] (the layer's bias and the constants of the ADC windows).
//
// With an activation offset (LSQ+), x = scale * code + offset and sum x * w = scale * sum code * w + offset *
// sum w: the last term is a constant of the output and lies in base. Padding is a zero input that is
// quantized like any other, so every window is whole: its wordlines carry pad_code, the code of zero.
//
// With cell variation a cell holds a multiple of 2^-fraction_bits, so sums stay exact and every kernel,
// thread count and order of addition gives the same bits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bitline/mapping/tiling.h"
#include "bitline/quant/adc.h"
#include "bitline/quant/config.h"
#include "bitline/quant/slicing.h"
#include "bitline/sim/read_noise.h"

namespace bitline::sim {

struct LayerProgram {
  std::string name;
  mapping::LayerTiling tiling;
  quant::CimConfig config;
  float activation_scale = 1.0f;
  float activation_offset = 0.0f;
  quant::CodeRange activation_range;
  int pad_code = 0;
  std::vector<quant::BitSlice> input_slices;
  std::vector<quant::BitSlice> weight_slices;
  int fraction_bits = 0;
  std::vector<std::int32_t> cells;       // [tile][row][slice][output], in units of 2^-fraction_bits
  std::vector<std::size_t> tile_offset;  // of each tile in `cells`
  // [tile][slice][output], or [cycle][tile][slice][output] with ranges for each cycle; gain is per unit of an
  // ideal digit.
  std::vector<float> gain, offset, weight;
  std::vector<float> thresholds, values;  // the same and [level]: free levels; see quant::AdcRow
  std::vector<float> base;                // [output]
  ReadNoise read_noise;

  // The converters of `count` columns from `column` (of tiling.grid) on, in one cycle.
  quant::AdcRow converters(std::size_t cycle, int column, std::size_t count) const;

  std::size_t cell_index(std::size_t tile, std::int64_t row, int slice, std::int64_t output) const {
    const auto& grid = tiling.grid;
    return tile_offset[tile] + static_cast<std::size_t>((row * grid.slices + slice) * grid.outputs + output);
  }
};

// Why kernels with one gain and offset a column cannot run the layer; empty when they can.
std::string uneven_converters(const LayerProgram& program);

// A bound on the magnitude of any partial sum of this layer: the column of largest magnitudes under the
// largest input, in units of 2^-fraction_bits.
std::int64_t largest_psum(const LayerProgram& program);

// Standard deviation of the read noise on the sums of a row tile, in ideal digits.
float read_deviation(const LayerProgram& program, std::size_t tile);

// Integer weight codes as stored for one slice: code of weight[o][channel][ky][kx] under the scale of
// (tile, slice, o). `weight` has the layer's ONNX layout [O, C/groups, kh, kw]; `visit(tile, row, slice,
// output, weight_index, scale)` is called for every cell in storage order.
template <class Visit>
void for_each_cell(const mapping::LayerTiling& tiling, const quant::GroupMap& groups, Visit&& visit) {
  const std::int64_t window = tiling.shape.window_size();
  const std::int64_t row_stride = tiling.shape.group_inputs() * window;
  for (std::size_t t = 0; t < tiling.tiles.size(); ++t) {
    const std::int64_t first = tiling.tiles[t].first_channel * window;
    for (std::int64_t row = 0; row < tiling.rows(t); ++row) {
      for (int j = 0; j < tiling.grid.slices; ++j) {
        for (int o = 0; o < tiling.grid.outputs; ++o) {
          visit(t, row, j, o, static_cast<std::size_t>(o * row_stride + first + row),
                static_cast<std::size_t>(groups.group(static_cast<int>(t), j, o)));
        }
      }
    }
  }
}

// Compiles a layer. `weight` is [O, C/groups, kh, kw], `bias` is empty or [O]. Sizes of the scale vectors are
// checked (Error{kBadInput} naming the layer); scales must be positive and finite, weights finite.
LayerProgram compile_layer(const std::string& name, const mapping::LayerShape& shape,
                           std::span<const float> weight, std::span<const float> bias,
                           const quant::CimLayer& layer);

}  // namespace bitline::sim
