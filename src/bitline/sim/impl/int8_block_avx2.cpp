// The inner loop on AVX2: kPixelTile pixels by two vectors in registers, 16-bit sums of byte products.
#include "bitline/sim/impl/int8_block.h"

#if defined(__x86_64__)
#include <cstring>

#include <immintrin.h>

#include "bitline/quant/adc.h"
#include "bitline/sim/impl/int8_layer.h"

#define BITLINE_AVX2 __attribute__((target("avx2"), always_inline)) inline

namespace bitline::sim {

namespace {

template <int kVectors>
struct Accumulators {
  __m256i at[kPixelTile][kVectors];
};

template <int kVectors>
BITLINE_AVX2 void clear(Accumulators<kVectors>& a) {
#pragma GCC unroll 8
  for (int p = 0; p < kPixelTile; ++p) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) a.at[p][v] = _mm256_setzero_si256();
  }
}

// 16-bit sums over `quads` quads of rows.
template <int kVectors>
BITLINE_AVX2 Accumulators<kVectors> multiply(const std::uint8_t* inputs, std::size_t input_stride,
                                             const std::int8_t* cells, std::size_t vector_stride, int quads) {
  Accumulators<kVectors> sums;
  clear(sums);
  for (int q = 0; q < quads; ++q, inputs += kQuad, cells += kLanes * kQuad) {
    __m256i column[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      column[v] = _mm256_loadu_si256(
          reinterpret_cast<const __m256i*>(cells + static_cast<std::size_t>(v) * vector_stride));
    }
#pragma GCC unroll 8
    for (int p = 0; p < kPixelTile; ++p) {
      std::int32_t four;
      std::memcpy(&four, inputs + static_cast<std::size_t>(p) * input_stride, sizeof four);
      const __m256i input = _mm256_set1_epi32(four);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        sums.at[p][v] = _mm256_add_epi16(sums.at[p][v], _mm256_maddubs_epi16(input, column[v]));
      }
    }
  }
  return sums;
}

template <int kVectors>
BITLINE_AVX2 void widen(const Accumulators<kVectors>& narrow, Accumulators<kVectors>& wide) {
  const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 8
  for (int p = 0; p < kPixelTile; ++p) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      wide.at[p][v] = _mm256_add_epi32(wide.at[p][v], _mm256_madd_epi16(narrow.at[p][v], ones));
    }
  }
}

// y += weight * code(sum), or weight * sum behind an ideal converter; the operations of
// quant::adc_accumulate.
BITLINE_AVX2 void convert(const Int8Block& b, std::size_t v, __m256i sum, float* y) {
  __m256 value = _mm256_cvtepi32_ps(sum);
  if (b.levels != quant::kIdealAdc) {
    const __m256 top = _mm256_set1_ps(static_cast<float>(b.levels - 1));
    value = _mm256_add_ps(_mm256_mul_ps(value, _mm256_loadu_ps(b.gain + v * kLanes)),
                          _mm256_loadu_ps(b.offset + v * kLanes));
    value = _mm256_min_ps(top, _mm256_max_ps(_mm256_setzero_ps(), value));
    value = _mm256_round_ps(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  const __m256 step = _mm256_mul_ps(_mm256_loadu_ps(b.weight + v * kLanes), value);
  _mm256_storeu_ps(y, _mm256_add_ps(_mm256_loadu_ps(y), step));
}

template <int kVectors>
BITLINE_AVX2 void tile(const Int8Block& b, std::size_t first_pixel, std::size_t first_vector) {
  const std::size_t stride = static_cast<std::size_t>(b.quads) * kQuad;
  const std::size_t vector_stride = static_cast<std::size_t>(b.quads) * kLanes * kQuad;
  const std::uint8_t* inputs = b.inputs + first_pixel * stride;
  const std::int8_t* cells = b.cells + first_vector * vector_stride;
  Accumulators<kVectors> sums;
  clear(sums);
  for (int q = 0; q < b.quads; q += b.quads_per_chunk) {
    const int count = b.quads - q < b.quads_per_chunk ? b.quads - q : b.quads_per_chunk;
    widen(multiply<kVectors>(inputs + q * kQuad, stride, cells + q * kLanes * kQuad, vector_stride, count),
          sums);
  }
#pragma GCC unroll 8
  for (std::size_t p = 0; p < kPixelTile; ++p) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kVectors; ++i) {
      const std::size_t v = first_vector + i, pixel = first_pixel + p;
      const __m256i sum = _mm256_add_epi32(
          sums.at[p][i], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b.shift + v * kLanes)));
      if (b.sums != nullptr) {
        std::int32_t* out = b.sums + (pixel * static_cast<std::size_t>(b.vectors) + v) * kLanes;
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), sum);
      } else {
        convert(b, v, sum, b.y + pixel * b.y_stride + v / static_cast<std::size_t>(b.slices) * kLanes);
      }
    }
  }
}

}  // namespace

__attribute__((target("avx2"))) void int8_block_avx2(const Int8Block& b) {
  const auto vectors = static_cast<std::size_t>(b.vectors);
  for (std::size_t v = 0; v + 1 < vectors; v += 2) {
    for (std::size_t p = 0; p < static_cast<std::size_t>(b.pixels); p += kPixelTile) tile<2>(b, p, v);
  }
  if (vectors % 2 == 0) return;
  for (std::size_t p = 0; p < static_cast<std::size_t>(b.pixels); p += kPixelTile) tile<1>(b, p, vectors - 1);
}

}  // namespace bitline::sim

#else

namespace bitline::sim {
void int8_block_avx2(const Int8Block& block) {
  int8_block_portable(block);
}
}  // namespace bitline::sim

#endif
