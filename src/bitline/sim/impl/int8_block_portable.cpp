// The inner loop in plain C++: the same arithmetic on any processor.
#include <algorithm>
#include <array>

#include "bitline/quant/adc.h"
#include "bitline/sim/impl/int8_block.h"
#include "bitline/sim/impl/int8_layer.h"

namespace bitline::sim {

namespace {

constexpr int kLanes = 8;

using Sums = std::array<std::int32_t, kLanes>;

Sums add_up_vector(const Int8Block& b, std::size_t pixel, std::size_t v) {
  Sums sums;
  std::copy_n(b.shift + v * kLanes, kLanes, sums.begin());
  const auto planes = static_cast<std::size_t>(b.planes), quads = static_cast<std::size_t>(b.quads);
  const std::int8_t* cells = b.cells + v * planes * quads * kLanes * kQuad;
  for (std::size_t plane = 0; plane < planes; ++plane) {
    const std::uint8_t* inputs = b.inputs + pixel * b.stride;
    const std::int32_t weight = 1 << (plane * kPlaneBits);
    for (std::size_t q = 0; q < quads; ++q, inputs += kQuad) {
      for (std::size_t lane = 0; lane < kLanes; ++lane, cells += kQuad) {
        for (int r = 0; r < kQuad; ++r) sums[lane] += weight * inputs[r] * cells[r];
      }
    }
  }
  return sums;
}

// visit(pixel, vector, first output of the vector, sums)
template <class Visit>
void for_each_vector(const Int8Block& b, Visit&& visit) {
  for (std::size_t p = 0; p < static_cast<std::size_t>(b.pixels); ++p) {
    for (std::size_t v = 0; v < static_cast<std::size_t>(b.vectors); ++v)
      visit(p, v, v / static_cast<std::size_t>(b.slices) * kLanes, add_up_vector(b, p, v));
  }
}

quant::AdcRow converters(const Int8Block& b, std::size_t v) {
  return {b.gain + v * kLanes, b.offset + v * kLanes, b.weight + v * kLanes, kLanes, b.levels};
}

std::array<float, kLanes> as_floats(const Sums& sums) {
  std::array<float, kLanes> out;
  std::copy(sums.begin(), sums.end(), out.begin());
  return out;
}

void convert(const Int8Block& b, const Int8Outputs& out) {
  for_each_vector(b, [&](std::size_t p, std::size_t v, std::size_t output, const Sums& sums) {
    quant::adc_accumulate(converters(b, v), as_floats(sums).data(), 1.0f, out.y + p * out.stride + output);
  });
}

void add_up(const Int8Block& b, std::int32_t* sums) {
  for_each_vector(b, [&](std::size_t, std::size_t, std::size_t, const Sums& vector) {
    sums = std::copy(vector.begin(), vector.end(), sums);
  });
}

void gate(const Int8Block& b, const Int8Gates& gates) {
  for_each_vector(b, [&](std::size_t p, std::size_t v, std::size_t output, const Sums& sums) {
    const quant::AdcUpstream upstream{gates.dy + p * gates.dy_stride + output, 1.0f, gates.share};
    quant::adc_backward(converters(b, v), as_floats(sums).data(), upstream,
                        gates.gated + p * gates.gated_stride + output, gates.step + v * kLanes,
                        gates.centre + v * kLanes, gates.slopes);
  });
}

}  // namespace

const Int8Functions& int8_portable() {
  static const Int8Functions functions{kLanes, kQuad, 16, convert, add_up, gate};
  return functions;
}

}  // namespace bitline::sim
