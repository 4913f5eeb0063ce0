// The inner loop of the integer kernels: a block of pixels through one tile of cells, from bytes to converted
// sums that are added to the outputs. One function for each instruction set; all give the same bits, because
// sums are exact and the converter's fp32 operations are the same, in the same order.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitline::sim {

inline constexpr int kPixelTile = 4;  // pixels come in multiples of this

struct Int8Block {
  const std::uint8_t* inputs = nullptr;  // [pixels][quads * 4]
  int pixels = 0;
  int quads = 0;
  int quads_per_chunk = 0;
  const std::int8_t* cells = nullptr;  // [vector][quad][lane][4]
  int vectors = 0;
  int slices = 0;                       // vector v belongs to output block v / slices
  const std::int32_t* shift = nullptr;  // [vector][lane]
  const float* gain = nullptr;          // [vector][lane]
  const float* offset = nullptr;        // [vector][lane]
  const float* weight = nullptr;        // [vector][lane]
  int levels = 0;                       // of the converter; kIdealAdc passes sums on
  float* y = nullptr;                   // [pixels][y_stride], output block b at b * kLanes
  std::size_t y_stride = 0;
  std::int32_t* sums = nullptr;  // when set, [pixels][vector][lane] is written and y left alone
};

using Int8BlockFunction = void (*)(const Int8Block&);

void int8_block_portable(const Int8Block& block);
void int8_block_avx2(const Int8Block& block);

}  // namespace bitline::sim
