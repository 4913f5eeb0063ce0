// The inner loop on AVX2: four pixels by two vectors in registers, 16-bit sums of byte products, widened to
// 32 bits before they can overflow.
#include "bitline/sim/impl/int8_block.h"

#if defined(__x86_64__)
#include <cstring>

#include <immintrin.h>

#include "bitline/quant/adc.h"
#include "bitline/sim/impl/int8_layer.h"

#define BITLINE_AVX2 __attribute__((target("avx2"), always_inline)) inline

namespace bitline::sim {

namespace {

constexpr int kLanes = 8;

template <int kPixels, int kVectors>
struct Sums {
  __m256i at[kPixels][kVectors];
};

__attribute__((target("avx2"), always_inline)) inline __m256i load(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

// Adds the 16-bit sums over `quads` quads of rows to the 32-bit ones.
template <int kPixels, int kVectors>
BITLINE_AVX2 void add_chunk(const Int8Block& b, const std::uint8_t* inputs, const std::int8_t* cells,
                            int quads, Sums<kPixels, kVectors>& wide) {
  const std::size_t vector_stride = static_cast<std::size_t>(b.quads) * kLanes * kQuad;
  Sums<kPixels, kVectors> sums;
#pragma GCC unroll 8
  for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums.at[p][v] = _mm256_setzero_si256();
  }
  for (int q = 0; q < quads; ++q, inputs += kQuad, cells += kLanes * kQuad) {
    __m256i column[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) column[v] = load(cells + static_cast<std::size_t>(v) * vector_stride);
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) {
      std::int32_t four;
      std::memcpy(&four, inputs + static_cast<std::size_t>(p) * b.stride, sizeof four);
      const __m256i input = _mm256_set1_epi32(four);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v)
        sums.at[p][v] = _mm256_add_epi16(sums.at[p][v], _mm256_maddubs_epi16(input, column[v]));
    }
  }
  const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 8
  for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      wide.at[p][v] = _mm256_add_epi32(wide.at[p][v], _mm256_madd_epi16(sums.at[p][v], ones));
  }
}

// Which columns a tile works on.
template <int kVectors>
struct Columns {
  std::size_t vector;            // the first
  std::size_t output[kVectors];  // the first output of each vector

  BITLINE_AVX2 Columns(const Int8Block& b, std::size_t first) : vector(first) {
    for (std::size_t v = 0; v < kVectors; ++v)
      output[v] = (first + v) / static_cast<std::size_t>(b.slices) * kLanes;
  }
};

// The sums of a tile of pixels and vectors, each handed to finish(pixel, vector, first output, sums of 8
// columns).
template <int kPixels, int kVectors, int kPlanes, class Finish>
BITLINE_AVX2 void run_tile(const Int8Block& b, std::size_t pixel, const Columns<kVectors>& columns,
                           const Finish& finish) {
  const std::uint8_t* inputs = b.inputs + pixel * b.stride;
  const std::int8_t* cells =
      b.cells + columns.vector * kPlanes * static_cast<std::size_t>(b.quads) * kLanes * kQuad;
  Sums<kPixels, kVectors * kPlanes> sums;
#pragma GCC unroll 8
  for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors * kPlanes; ++v) sums.at[p][v] = _mm256_setzero_si256();
  }
  for (int q = 0; q < b.quads; q += b.quads_per_chunk) {
    const int count = b.quads - q < b.quads_per_chunk ? b.quads - q : b.quads_per_chunk;
    add_chunk(b, inputs + q * kQuad, cells + q * kLanes * kQuad, count, sums);
  }
#pragma GCC unroll 8
  for (std::size_t v = 0; v < kVectors; ++v) {
    const __m256i shift = load(b.shift + (columns.vector + v) * kLanes);
#pragma GCC unroll 8
    for (std::size_t p = 0; p < kPixels; ++p) {
      __m256i sum = _mm256_add_epi32(sums.at[p][v * kPlanes], shift);
      if constexpr (kPlanes == 2)
        sum = _mm256_add_epi32(sum, _mm256_slli_epi32(sums.at[p][v * kPlanes + 1], kPlaneBits));
      finish(pixel + p, columns.vector + v, columns.output[v], sum);
    }
  }
}

template <int kVectors, int kPlanes, class Finish>
BITLINE_AVX2 void run_vectors(const Int8Block& b, std::size_t vector, const Finish& finish) {
  constexpr std::size_t kPixels = 4;
  const Columns<kVectors> columns(b, vector);
  const auto pixels = static_cast<std::size_t>(b.pixels);
  std::size_t p = 0;
  for (; p + kPixels <= pixels; p += kPixels) run_tile<kPixels, kVectors, kPlanes>(b, p, columns, finish);
  for (; p < pixels; ++p) run_tile<1, kVectors, kPlanes>(b, p, columns, finish);
}

template <class Finish>
BITLINE_AVX2 void run_block(const Int8Block& b, const Finish& finish) {
  const auto vectors = static_cast<std::size_t>(b.vectors);
  std::size_t v = 0;
  if (b.planes == 2) {
    for (; v < vectors; ++v) run_vectors<1, 2>(b, v, finish);
  }
  for (; v + 2 <= vectors; v += 2) run_vectors<2, 1>(b, v, finish);
  for (; v < vectors; ++v) run_vectors<1, 1>(b, v, finish);
}

struct Position {
  __m256 v;        // before clipping
  __m256 clipped;  // to 0 .. levels - 1
};

BITLINE_AVX2 Position position(const Int8Block& b, std::size_t vector, __m256i sum) {
  const __m256 top = _mm256_set1_ps(static_cast<float>(b.levels - 1));
  const __m256 v =
      _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(b.gain + vector * kLanes)),
                    _mm256_loadu_ps(b.offset + vector * kLanes));
  return {v, _mm256_min_ps(top, _mm256_max_ps(_mm256_setzero_ps(), v))};
}

BITLINE_AVX2 __m256 rounded(__m256 x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

BITLINE_AVX2 void add_to(float* p, __m256 x) {
  _mm256_storeu_ps(p, _mm256_add_ps(_mm256_loadu_ps(p), x));
}

// The operations of quant::adc_accumulate.
template <bool kIdeal>
struct Convert {
  Int8Block b;  // copies: what is written cannot change them
  Int8Outputs out;

  BITLINE_AVX2 void operator()(std::size_t pixel, std::size_t vector, std::size_t output, __m256i sum) const {
    __m256 value;
    if constexpr (kIdeal) {
      value = _mm256_cvtepi32_ps(sum);
    } else {
      value = rounded(position(b, vector, sum).clipped);
    }
    add_to(out.y + pixel * out.stride + output,
           _mm256_mul_ps(_mm256_loadu_ps(b.weight + vector * kLanes), value));
  }
};

struct Store {
  Int8Block b;
  std::int32_t* sums;

  BITLINE_AVX2 void operator()(std::size_t pixel, std::size_t vector, std::size_t, __m256i sum) const {
    std::int32_t* to = sums + (pixel * static_cast<std::size_t>(b.vectors) + vector) * kLanes;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), sum);
  }
};

// The operations of quant::adc_backward.
struct Gate {
  Int8Block b;
  Int8Gates gates;

  BITLINE_AVX2 void operator()(std::size_t pixel, std::size_t vector, std::size_t output, __m256i sum) const {
    const Position at = position(b, vector, sum);
    const __m256 in_range = _mm256_cmp_ps(at.v, at.clipped, _CMP_EQ_OQ);
    const __m256 middle = _mm256_set1_ps(0.5f * static_cast<float>(b.levels - 1));
    const __m256 dy = _mm256_loadu_ps(gates.dy + pixel * gates.dy_stride + output);
    const __m256 all = _mm256_mul_ps(dy, _mm256_set1_ps(gates.share));
    add_to(gates.gated + pixel * gates.gated_stride + output,
           _mm256_blendv_ps(_mm256_mul_ps(all, _mm256_set1_ps(gates.clipped_slope())), all, in_range));
    const __m256 error = _mm256_sub_ps(rounded(at.clipped), _mm256_blendv_ps(middle, at.v, in_range));
    add_to(gates.step + vector * kLanes, _mm256_mul_ps(dy, error));
    add_to(gates.centre + vector * kLanes, _mm256_andnot_ps(in_range, dy));
  }
};

__attribute__((target("avx2"))) void convert(const Int8Block& block, const Int8Outputs& out) {
  const Int8Block b = block;
  if (b.levels == quant::kIdealAdc) {
    run_block(b, Convert<true>{b, out});
  } else {
    run_block(b, Convert<false>{b, out});
  }
}

__attribute__((target("avx2"))) void add_up(const Int8Block& block, std::int32_t* sums) {
  const Int8Block b = block;
  run_block(b, Store{b, sums});
}

__attribute__((target("avx2"))) void gate(const Int8Block& block, const Int8Gates& gates) {
  const Int8Block b = block;
  run_block(b, Gate{b, gates});
}

}  // namespace

const Int8Functions& int8_avx2() {
  static const Int8Functions functions{kLanes, kQuad, 16, convert, add_up, gate};
  return functions;
}

}  // namespace bitline::sim

#else

namespace bitline::sim {
const Int8Functions& int8_avx2() {
  return int8_portable();
}
}  // namespace bitline::sim

#endif
