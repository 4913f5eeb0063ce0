#include "bitline/sim/packed_cells.h"

#include <algorithm>
#include <cmath>

namespace bitline::sim {

PackedCells::PackedCells(const LayerProgram& program)
    : groups_(static_cast<std::size_t>(program.tiling.shape.groups)) {
  const std::int64_t outputs = program.tiling.shape.group_outputs();
  values_.reserve(program.cells.size());
  for (std::size_t t = 0; t < program.tiling.tiles.size(); ++t) {
    for (std::int64_t g = 0; g < program.tiling.shape.groups; ++g) {
      offsets_.push_back(values_.size());
      for (std::int64_t row = 0; row < program.tiling.rows(t); ++row) {
        for (int j = 0; j < program.tiling.grid.slices; ++j) {
          for (std::int64_t o = g * outputs; o < (g + 1) * outputs; ++o) {
            const auto cell = static_cast<float>(program.cells[program.cell_index(t, row, j, o)]);
            values_.push_back(std::ldexp(cell, -program.fraction_bits));
          }
        }
      }
    }
  }
}

void slice_inputs(std::span<const float> codes, const quant::BitSlice& slice, std::vector<float>& digits) {
  digits.resize(codes.size());
  std::transform(codes.begin(), codes.end(), digits.begin(), [&slice](float code) {
    return static_cast<float>(quant::slice_digit(static_cast<int>(code), slice));
  });
}

}  // namespace bitline::sim
