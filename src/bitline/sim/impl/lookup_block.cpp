#include "bitline/sim/impl/lookup_block.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "bitline/quant/adc.h"

#define BITLINE_AVX2 __attribute__((target("avx2"), always_inline)) inline

namespace bitline::sim {

namespace {

constexpr std::size_t kHalves = 2;  // 32 pixels each
constexpr std::size_t kHalf = kLookupPixels / kHalves;
constexpr std::size_t kLanes = 8;

BITLINE_AVX2 __m256i load(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

// 16-bit sums of the even and of the odd pixels of each half.
template <std::size_t kColumns>
struct PairSums {
  __m256i even[kColumns][kHalves], odd[kColumns][kHalves];
};

template <std::size_t kColumns>
BITLINE_AVX2 void add_chunk(const LookupBlock& b, std::size_t column, std::size_t first, std::size_t count,
                            PairSums<kColumns>& sums) {
  __m256i bytes[kColumns][kHalves];
#pragma GCC unroll 2
  for (std::size_t c = 0; c < kColumns; ++c) {
#pragma GCC unroll 2
    for (std::size_t h = 0; h < kHalves; ++h) bytes[c][h] = _mm256_setzero_si256();
  }
  for (std::size_t q = first; q < first + count; ++q) {
#pragma GCC unroll 2
    for (std::size_t c = 0; c < kColumns; ++c) {
      const std::uint8_t* entries = b.tables + ((column + c) * b.quads + q) * kLookupEntries;
      const __m256i table =
          _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(entries)));
#pragma GCC unroll 2
      for (std::size_t h = 0; h < kHalves; ++h) {
        const __m256i index = load(b.indices + q * kLookupPixels + h * kHalf);
        bytes[c][h] = _mm256_add_epi8(bytes[c][h], _mm256_shuffle_epi8(table, index));
      }
    }
  }
  const __m256i low = _mm256_set1_epi16(0xff);
#pragma GCC unroll 2
  for (std::size_t c = 0; c < kColumns; ++c) {
#pragma GCC unroll 2
    for (std::size_t h = 0; h < kHalves; ++h) {
      sums.even[c][h] = _mm256_add_epi16(sums.even[c][h], _mm256_and_si256(bytes[c][h], low));
      sums.odd[c][h] = _mm256_add_epi16(sums.odd[c][h], _mm256_srli_epi16(bytes[c][h], 8));
    }
  }
}

// finish(column, first pixel, sums of 8 pixels)
template <std::size_t kColumns, class Finish>
BITLINE_AVX2 void run_columns(const LookupBlock& b, std::size_t column, const Finish& finish) {
  PairSums<kColumns> sums;
#pragma GCC unroll 2
  for (std::size_t c = 0; c < kColumns; ++c) {
#pragma GCC unroll 2
    for (std::size_t h = 0; h < kHalves; ++h) sums.even[c][h] = sums.odd[c][h] = _mm256_setzero_si256();
  }
  for (std::size_t q = 0; q < b.quads; q += b.quads_per_chunk)
    add_chunk(b, column, q, b.quads - q < b.quads_per_chunk ? b.quads - q : b.quads_per_chunk, sums);
#pragma GCC unroll 2
  for (std::size_t c = 0; c < kColumns; ++c) {
    const __m256i shift = _mm256_set1_epi32(b.shift[column + c]);
#pragma GCC unroll 2
    for (std::size_t h = 0; h < kHalves; ++h) {
      const __m256i outer = _mm256_unpacklo_epi16(sums.even[c][h], sums.odd[c][h]);  // pixels 0-7, 16-23
      const __m256i inner = _mm256_unpackhi_epi16(sums.even[c][h], sums.odd[c][h]);  // pixels 8-15, 24-31
      const __m128i eights[] = {_mm256_castsi256_si128(outer), _mm256_castsi256_si128(inner),
                                _mm256_extracti128_si256(outer, 1), _mm256_extracti128_si256(inner, 1)};
#pragma GCC unroll 4
      for (std::size_t e = 0; e < 4; ++e)
        finish(column + c, h * kHalf + e * kLanes, _mm256_add_epi32(_mm256_cvtepu16_epi32(eights[e]), shift));
    }
  }
}

template <class Finish>
BITLINE_AVX2 void run_block(const LookupBlock& b, const Finish& finish) {
  std::size_t c = 0;
  for (; c + 2 <= b.columns; c += 2) run_columns<2>(b, c, finish);
  for (; c < b.columns; ++c) run_columns<1>(b, c, finish);
}

// The operations of quant::adc_accumulate.
template <bool kIdeal>
struct Convert {
  LookupBlock b;  // a copy: what is written cannot change it
  float* y;
  std::size_t stride;

  BITLINE_AVX2 void operator()(std::size_t column, std::size_t pixel, __m256i sum) const {
    __m256 value = _mm256_cvtepi32_ps(sum);
    if constexpr (!kIdeal) {
      value = _mm256_add_ps(_mm256_mul_ps(value, _mm256_set1_ps(b.gain[column])),
                            _mm256_set1_ps(b.offset[column]));
      value = _mm256_min_ps(_mm256_set1_ps(static_cast<float>(b.levels - 1)),
                            _mm256_max_ps(_mm256_setzero_ps(), value));
      value = _mm256_round_ps(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    }
    float* to = y + column / b.slices * stride + pixel;
    _mm256_storeu_ps(
        to, _mm256_add_ps(_mm256_loadu_ps(to), _mm256_mul_ps(_mm256_set1_ps(b.weight[column]), value)));
  }
};

struct Store {
  std::int32_t* sums;

  BITLINE_AVX2 void operator()(std::size_t column, std::size_t pixel, __m256i sum) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + column * kLookupPixels + pixel), sum);
  }
};

}  // namespace

__attribute__((target("avx2"))) void lookup_convert(const LookupBlock& block, float* y, std::size_t stride) {
  const LookupBlock b = block;
  if (b.levels == quant::kIdealAdc) {
    run_block(b, Convert<true>{b, y, stride});
  } else {
    run_block(b, Convert<false>{b, y, stride});
  }
}

__attribute__((target("avx2"))) void lookup_sums(const LookupBlock& block, std::int32_t* sums) {
  const LookupBlock b = block;
  run_block(b, Store{sums});
}

}  // namespace bitline::sim

#else

namespace bitline::sim {
// The kernel declines where there is no AVX2.
void lookup_convert(const LookupBlock&, float*, std::size_t) {}
void lookup_sums(const LookupBlock&, std::int32_t*) {}
}  // namespace bitline::sim

#endif
