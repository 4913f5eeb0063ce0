#include "bitline/sim/impl/int8_layer.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace bitline::sim {

namespace {

int largest_input(const LayerProgram& program) {
  int largest = 1;
  for (const quant::BitSlice& s : program.input_slices) largest = std::max(largest, s.high() - s.low());
  return largest;
}

int largest_cell(const LayerProgram& program) {
  int largest = 1;
  for (const std::int32_t c : program.cells) largest = std::max(largest, std::abs(c));
  return largest;
}

// Whether cells fit a byte and pairs of products a sum.
bool fits(int input, int cell, int sum_bits) {
  return cell <= std::numeric_limits<std::int8_t>::max() &&
         (sum_bits == 32 || 2 * input * cell <= std::numeric_limits<std::int16_t>::max());
}

// The largest byte of either plane, for cells up to `cell`.
int largest_plane(int cell) {
  return std::max((1 << kPlaneBits) - 1, (cell >> kPlaneBits) + 1);
}

// Where one packed column comes from.
struct Column {
  std::size_t tile;
  int slice;
  int output;
};

class TilePacker {
 public:
  TilePacker(const LayerProgram& program, const Int8Layer& layer, int row_multiple, std::size_t t,
             std::int64_t group)
      : program_(program),
        lanes_(static_cast<std::size_t>(layer.lanes)),
        planes_(static_cast<std::size_t>(layer.planes)),
        t_(t),
        group_(static_cast<int>(group)) {
    const auto rows = static_cast<int>(program.tiling.rows(t));
    const std::size_t lanes = static_cast<std::size_t>(layer.vectors) * lanes_;
    const std::size_t inputs = program.input_slices.size();
    tile_.quads = (rows + row_multiple - 1) / row_multiple * (row_multiple / kQuad);
    tile_.cells.assign(lanes * static_cast<std::size_t>(layer.planes * tile_.quads * kQuad), 0);
    tile_.gain.assign(lanes, 0.0f);
    tile_.offset.assign(lanes, 0.0f);
    tile_.weight.assign(inputs * lanes, 0.0f);
    tile_.shift.assign(inputs * lanes, 0);
  }

  // Lanes beyond the outputs of the group keep zero cells and zero weights.
  Int8Tile pack() {
    const auto slices = program_.tiling.grid.slices;
    const auto outputs = static_cast<int>(program_.tiling.shape.group_outputs());
    for (int o = 0; o < outputs; ++o) {
      for (int j = 0; j < slices; ++j) {
        const auto lane = static_cast<std::size_t>(o);
        pack_column({t_, j, group_ * outputs + o},
                    lane / lanes_ * static_cast<std::size_t>(slices) + static_cast<std::size_t>(j),
                    lane % lanes_);
      }
    }
    return std::move(tile_);
  }

 private:
  void pack_column(const Column& column, std::size_t vector, std::size_t lane) {
    const std::int64_t sum = pack_cells(column, vector, lane);
    const auto source = static_cast<std::size_t>(
        program_.tiling.grid.column(static_cast<int>(column.tile), column.slice, column.output));
    const std::size_t at = vector * lanes_ + lane;
    const std::size_t lanes = tile_.gain.size();
    const bool ideal = program_.config.adc_levels == quant::kIdealAdc;
    const float unit = std::ldexp(1.0f, -program_.fraction_bits);
    tile_.gain[at] = program_.gain[source] * unit;
    tile_.offset[at] = program_.offset[source];
    for (std::size_t i = 0; i < program_.input_slices.size(); ++i) {
      const quant::BitSlice& cycle = program_.input_slices[i];
      const float weight = program_.weight[source] * std::ldexp(1.0f, cycle.shift);
      tile_.weight[i * lanes + at] = ideal ? weight * unit : weight;
      tile_.shift[i * lanes + at] = static_cast<std::int32_t>(sum * cycle.low());
    }
  }

  // Returns the sum of the column's cells.
  std::int64_t pack_cells(const Column& column, std::size_t vector, std::size_t lane) {
    const std::int64_t window = program_.tiling.shape.window_size();
    const std::int64_t channels = program_.tiling.tiles[t_].channels;
    const auto quads = static_cast<std::size_t>(tile_.quads);
    std::int64_t sum = 0;
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t tap = 0; tap < window; ++tap) {
        const auto row = static_cast<std::size_t>(tap * channels + c);
        const std::int32_t cell =
            program_.cells[program_.cell_index(t_, c * window + tap, column.slice, column.output)];
        const std::size_t plane = quads * lanes_ * kQuad;
        const std::size_t at = vector * planes_ * plane + (row / kQuad * lanes_ + lane) * kQuad + row % kQuad;
        tile_.cells[at] = static_cast<std::int8_t>(planes_ == 1 ? cell : cell & ((1 << kPlaneBits) - 1));
        if (planes_ == 2) tile_.cells[at + plane] = static_cast<std::int8_t>(cell >> kPlaneBits);
        sum += cell;
      }
    }
    return sum;
  }

  const LayerProgram& program_;
  std::size_t lanes_, planes_;
  std::size_t t_;
  int group_;
  Int8Tile tile_;
};

}  // namespace

int largest_plane_cell(int input) {
  const int largest = std::min<int>(std::numeric_limits<std::int8_t>::max(),
                                    std::numeric_limits<std::int16_t>::max() / (2 * input));
  return (largest - 1) << kPlaneBits;
}

std::string int8_obstacle(const LayerProgram& program, int sum_bits) {
  if (std::string uneven = uneven_converters(program); !uneven.empty()) return uneven;
  const int input = largest_input(program), cell = largest_cell(program);
  if (!fits(input, cell, sum_bits) && !fits(input, largest_plane(cell), sum_bits)) {
    return "inputs up to " + std::to_string(input) + " times cells up to " + std::to_string(cell) +
           " overflow the " + std::to_string(sum_bits) + "-bit sum of a pair, even in two planes of bytes";
  }
  if (largest_psum(program) > std::numeric_limits<std::int32_t>::max() / 2) return "sums overflow 32 bits";
  return {};
}

Int8Layer::Int8Layer(const LayerProgram& program, const Int8Functions& functions) : lanes(functions.lanes) {
  const mapping::LayerShape& shape = program.tiling.shape;
  const int input = largest_input(program), cell = largest_cell(program);
  planes = fits(input, cell, functions.sum_bits) ? 1 : 2;
  blocks = static_cast<int>((shape.group_outputs() + lanes - 1) / lanes);
  vectors = blocks * program.tiling.grid.slices;
  quads_per_chunk =
      std::numeric_limits<std::int16_t>::max() / (2 * input * (planes == 1 ? cell : largest_plane(cell)));
  for (std::size_t t = 0; t < program.tiling.tiles.size(); ++t) {
    for (std::int64_t g = 0; g < shape.groups; ++g)
      tiles.push_back(TilePacker(program, *this, functions.row_multiple, t, g).pack());
  }
}

}  // namespace bitline::sim
