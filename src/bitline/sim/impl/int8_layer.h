// A layer packed for the integer kernels: cells as bytes, several columns side by side, four rows at a time.
//
// The columns of a (row tile, convolution group) are cut into vectors of `lanes` outputs of one weight slice,
// ordered [output block][slice], so that the sums of one output are converted in the order of the slices. A
// vector stores its cells as [quad of rows][lane][4 rows]: one load meets four input bytes that are broadcast
// to all lanes. Rows are ordered (ky, kx, channel), as the bytes of an NHWC image lie.
//
// Cells that are too wide for 16-bit sums (8-bit cells, cells with variation) are stored as two planes of
// bytes, cell = low + 2^kPlaneBits * high with 0 <= low < 2^kPlaneBits, whose sums are joined before the
// converter.
//
// Inputs are unsigned bytes. A signed input slice is stored as digit - low, and the constant low * sum(cells)
// of each column is added to its sums.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bitline/sim/impl/int8_block.h"
#include "bitline/sim/impl/row_layer.h"

namespace bitline::sim {

inline constexpr int kPlaneBits = 6;

struct Int8Tile {
  int quads = 0;                    // rows / 4, rounded up to the loop's multiple
  std::vector<std::int8_t> cells;   // [vector][plane][quad][lane][4]
  std::vector<float> gain, offset;  // [vector][lane]; per unit of the stored integers
  std::vector<float> weight;        // [input slice][vector][lane], 2^shift of the slice included
  std::vector<std::int32_t> shift;  // [input slice][vector][lane], what a signed slice adds to a sum
};

struct Int8Layer {
  Int8Layer(const LayerProgram& program, const Int8Functions& functions);

  int lanes = 0;
  int blocks = 0;   // of `lanes` outputs in one group
  int vectors = 0;  // of one tile and group: blocks * slices
  int planes = 1;
  int quads_per_chunk = 0;      // how many fit a 16-bit sum
  std::vector<Int8Tile> tiles;  // [tile][group]

  const Int8Tile& tile(std::size_t t, std::int64_t group, std::int64_t groups) const {
    return tiles[t * static_cast<std::size_t>(groups) + static_cast<std::size_t>(group)];
  }
};

// The largest magnitude of a cell that two planes hold under inputs up to `input`.
int largest_plane_cell(int input);

// Why a layer does not fit bytes and sums of that many bits; empty when it does.
std::string int8_obstacle(const LayerProgram& program, int sum_bits);

}  // namespace bitline::sim
