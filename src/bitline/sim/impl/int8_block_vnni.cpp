// The inner loop on AVX-512 VNNI: eight pixels by two vectors in registers, four byte products added to a
// 32-bit sum by one instruction.
#include "bitline/sim/impl/int8_block.h"

#if defined(__x86_64__)
#include <cstring>

#include "bitline/sim/impl/avx512.h"

namespace bitline::sim {

namespace {

using avx512::kLanes;

// The sums of a tile of pixels and vectors, each handed to `finish`.
template <int kPixels, int kVectors, int kPlanes, class Finish>
BITLINE_AVX512 void run_tile(const Int8Block& b, std::size_t pixel, std::size_t vector,
                             const Finish& finish) {
  constexpr int kStrips = kVectors * kPlanes;
  const std::size_t strip_bytes = static_cast<std::size_t>(b.quads) * kLanes * kQuad;
  const std::uint8_t* inputs = b.inputs + pixel * b.stride;
  const std::int8_t* cells = b.cells + vector * kPlanes * strip_bytes;
  __m512i sums[kPixels][kStrips];
#pragma GCC unroll 16
  for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 2
    for (int s = 0; s < kStrips; ++s) sums[p][s] = _mm512_setzero_si512();
  }
  for (int q = 0; q < b.quads; ++q, inputs += kQuad, cells += kLanes * kQuad) {
    __m512i column[kStrips];
#pragma GCC unroll 2
    for (int s = 0; s < kStrips; ++s)
      column[s] = _mm512_loadu_si512(cells + static_cast<std::size_t>(s) * strip_bytes);
#pragma GCC unroll 16
    for (int p = 0; p < kPixels; ++p) {
      std::int32_t four;
      std::memcpy(&four, inputs + static_cast<std::size_t>(p) * b.stride, sizeof four);
      const __m512i input = _mm512_set1_epi32(four);
#pragma GCC unroll 2
      for (int s = 0; s < kStrips; ++s) avx512::add_products(sums[p][s], input, column[s]);
    }
  }
#pragma GCC unroll 2
  for (std::size_t v = 0; v < kVectors; ++v) {
    const std::size_t output = avx512::first_output(b, vector + v);
#pragma GCC unroll 16
    for (std::size_t p = 0; p < kPixels; ++p) {
      const __m512i* of_pixel = sums[p] + v * kPlanes;
      finish(pixel + p, vector + v, output,
             avx512::joined<kPlanes>(b, vector + v, of_pixel[0], of_pixel[kPlanes - 1]));
    }
  }
}

template <int kVectors, int kPlanes, class Finish>
BITLINE_AVX512 void run_vectors(const Int8Block& b, std::size_t vector, const Finish& finish) {
  constexpr std::size_t kPixels = 8;
  const auto pixels = static_cast<std::size_t>(b.pixels);
  std::size_t p = 0;
  for (; p + kPixels <= pixels; p += kPixels) run_tile<kPixels, kVectors, kPlanes>(b, p, vector, finish);
  for (; p < pixels; ++p) run_tile<1, kVectors, kPlanes>(b, p, vector, finish);
}

template <class Finish>
BITLINE_AVX512 void run_block(const Int8Block& b, const Finish& finish) {
  const auto vectors = static_cast<std::size_t>(b.vectors);
  std::size_t v = 0;
  if (b.planes == 2) {
    for (; v < vectors; ++v) run_vectors<1, 2>(b, v, finish);
  }
  for (; v + 2 <= vectors; v += 2) run_vectors<2, 1>(b, v, finish);
  for (; v < vectors; ++v) run_vectors<1, 1>(b, v, finish);
}

BITLINE_AVX512_ENTRY void convert(const Int8Block& block, const Int8Outputs& out) {
  const Int8Block b = block;
  if (b.levels == quant::kIdealAdc) {
    run_block(b, avx512::Convert<true>{b, out});
  } else {
    run_block(b, avx512::Convert<false>{b, out});
  }
}

BITLINE_AVX512_ENTRY void add_up(const Int8Block& block, std::int32_t* sums) {
  const Int8Block b = block;
  run_block(b, avx512::Store{b, sums});
}

BITLINE_AVX512_ENTRY void gate(const Int8Block& block, const Int8Gates& gates) {
  const Int8Block b = block;
  run_block(b, avx512::Gate{b, gates});
}

}  // namespace

const Int8Functions& int8_vnni() {
  static const Int8Functions functions{kLanes, kQuad, 32, convert, add_up, gate};
  return functions;
}

}  // namespace bitline::sim

#else

namespace bitline::sim {
const Int8Functions& int8_vnni() {
  return int8_portable();
}
}  // namespace bitline::sim

#endif
