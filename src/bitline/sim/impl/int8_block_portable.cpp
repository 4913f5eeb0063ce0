// The inner loop in plain C++: the same arithmetic on any processor.
#include <algorithm>
#include <array>

#include "bitline/quant/adc.h"
#include "bitline/sim/impl/int8_block.h"
#include "bitline/sim/impl/int8_layer.h"

namespace bitline::sim {

namespace {

using Sums = std::array<std::int32_t, kLanes>;

Sums add_up(const Int8Block& b, const std::uint8_t* inputs, std::size_t v) {
  Sums sums;
  std::copy_n(b.shift + v * kLanes, kLanes, sums.begin());
  const std::int8_t* cells = b.cells + v * static_cast<std::size_t>(b.quads) * kLanes * kQuad;
  for (int q = 0; q < b.quads; ++q, inputs += kQuad) {
    for (std::size_t lane = 0; lane < kLanes; ++lane, cells += kQuad) {
      for (int r = 0; r < kQuad; ++r) sums[lane] += inputs[r] * cells[r];
    }
  }
  return sums;
}

}  // namespace

void int8_block_portable(const Int8Block& b) {
  const std::size_t stride = static_cast<std::size_t>(b.quads) * kQuad;
  for (std::size_t p = 0; p < static_cast<std::size_t>(b.pixels); ++p) {
    for (std::size_t v = 0; v < static_cast<std::size_t>(b.vectors); ++v) {
      const Sums sums = add_up(b, b.inputs + p * stride, v);
      if (b.sums != nullptr) {
        std::copy(sums.begin(), sums.end(), b.sums + (p * static_cast<std::size_t>(b.vectors) + v) * kLanes);
        continue;
      }
      const quant::AdcRow row{b.gain + v * kLanes, b.offset + v * kLanes, b.weight + v * kLanes, kLanes,
                              b.levels};
      std::array<float, kLanes> psum;
      std::copy(sums.begin(), sums.end(), psum.begin());
      quant::adc_accumulate(row, psum.data(), 1.0f,
                            b.y + p * b.y_stride + v / static_cast<std::size_t>(b.slices) * kLanes);
    }
  }
}

}  // namespace bitline::sim
