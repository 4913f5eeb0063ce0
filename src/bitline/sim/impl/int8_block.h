// The inner loop of the integer kernels: a block of pixels through one tile of cells, from bytes to sums that
// are converted in registers. One set of functions for each instruction set; all give the same bits, because
// sums are exact and the converter's fp32 operations are the same, in the same order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bitline/quant/adc.h"

namespace bitline::sim {

struct Int8Block {
  const std::uint8_t* inputs = nullptr;  // [pixels][stride], whole quads of rows
  std::size_t stride = 0;
  int pixels = 0;
  int quads = 0;
  int quads_per_chunk = 0;
  const std::int8_t* cells = nullptr;  // [vector][plane][quad][lane][4]
  int planes = 1;
  int vectors = 0;
  int slices = 0;                       // vector v belongs to output block v / slices
  const std::int32_t* shift = nullptr;  // [vector][lane]
  const float* gain = nullptr;          // [vector][lane]
  const float* offset = nullptr;        // [vector][lane]
  const float* weight = nullptr;        // [vector][lane]
  int levels = 0;                       // of the converter; kIdealAdc passes sums on
};

// y[pixel * stride + block * lanes + lane] += weight * code.
struct Int8Outputs {
  float* y = nullptr;
  std::size_t stride = 0;
};

// quant::adc_backward without the factor of a slice: step and centre are [vector][lane].
struct Int8Gates {
  const float* dy = nullptr;
  std::size_t dy_stride = 0;
  float share = 0.0f;
  float* gated = nullptr;
  std::size_t gated_stride = 0;
  float* step = nullptr;
  float* centre = nullptr;
  const quant::AdcSlopes* slopes = nullptr;  // of straight-through rounding

  float clipped_slope() const { return quant::clipped_slope(slopes); }
};

struct Int8Functions {
  int lanes;         // columns of a vector
  int row_multiple;  // a pixel's bytes come in multiples of this; a tile's cells, too
  int sum_bits;      // what products are first added in: 16 or 32
  void (*convert)(const Int8Block&, const Int8Outputs&);
  void (*add_up)(const Int8Block&, std::int32_t* sums);  // [pixel][vector][lane]
  void (*gate)(const Int8Block&, const Int8Gates&);
};

const Int8Functions& int8_portable();
const Int8Functions& int8_avx2();  // these three only where the processor has them
const Int8Functions& int8_vnni();
const Int8Functions& int8_amx();

}  // namespace bitline::sim
