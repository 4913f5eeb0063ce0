#include "calibrators.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bitline::bench {

#if defined(__x86_64__)

namespace {

#define BITLINE_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"), noinline))

constexpr int kChains = 12;  // independent sums, enough to hide the latencies

// In assembly, since g++ 12 copies its accumulators in every step of a loop over the intrinsic.
BITLINE_AVX512 void byte_rounds() {
  __m512i sums[kChains] = {};
  __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(1);
  for (int round = 0; round < kRounds; ++round) {
    asm volatile("" : "+v"(a), "+v"(b));
#pragma GCC unroll 12
    for (__m512i& sum : sums) asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    asm volatile(""
                 : "+v"(sums[0]), "+v"(sums[1]), "+v"(sums[2]), "+v"(sums[3]), "+v"(sums[4]), "+v"(sums[5]));
    asm volatile(""
                 : "+v"(sums[6]), "+v"(sums[7]), "+v"(sums[8]), "+v"(sums[9]), "+v"(sums[10]),
                   "+v"(sums[11]));
  }
}

BITLINE_AVX512 void float_rounds() {
  __m512 sums[kChains] = {};
  __m512 a = _mm512_set1_ps(0.5f);
  for (int round = 0; round < kRounds; ++round) {
    asm volatile("" : "+v"(a));
#pragma GCC unroll 12
    for (__m512& sum : sums) sum = _mm512_fmadd_ps(a, a, sum);
    asm volatile(""
                 : "+v"(sums[0]), "+v"(sums[1]), "+v"(sums[2]), "+v"(sums[3]), "+v"(sums[4]), "+v"(sums[5]));
    asm volatile(""
                 : "+v"(sums[6]), "+v"(sums[7]), "+v"(sums[8]), "+v"(sums[9]), "+v"(sums[10]),
                   "+v"(sums[11]));
  }
}

BITLINE_AVX512 void float_row(Columns& c) {
  const __m512 top = _mm512_set1_ps(15.0f);
  for (std::size_t i = 0; i < kColumns; i += 16) {
    const __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(c.sums.data() + i));
    __m512 v = _mm512_add_ps(_mm512_mul_ps(sum, _mm512_load_ps(c.gain.data() + i)),
                             _mm512_load_ps(c.offset.data() + i));
    v = _mm512_min_ps(top, _mm512_max_ps(_mm512_setzero_ps(), v));
    const __m512 code = _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 part = _mm512_mul_ps(_mm512_load_ps(c.weight.data() + i), code);
    _mm512_store_ps(c.y.data() + i, _mm512_add_ps(_mm512_load_ps(c.y.data() + i), part));
  }
}

BITLINE_AVX512 void fixed_row(Columns& c) {
  const __m512i top = _mm512_set1_epi16(15);
  for (std::size_t i = 0; i < kColumns; i += 32) {
    const __m512i sum =
        _mm512_add_epi16(_mm512_load_si512(c.short_sums.data() + i), _mm512_load_si512(c.centre.data() + i));
    __m512i v = _mm512_mulhrs_epi16(sum, _mm512_load_si512(c.multiplier.data() + i));
    v = _mm512_min_epi16(top, _mm512_max_epi16(_mm512_setzero_si512(), v));
    const __m256i halves[] = {_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1)};
    for (std::size_t h = 0; h < 2; ++h) {
      const std::size_t at = i + 16 * h;
      const __m512 code = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(halves[h]));
      const __m512 part = _mm512_mul_ps(_mm512_load_ps(c.weight.data() + at), code);
      _mm512_store_ps(c.y.data() + at, _mm512_add_ps(_mm512_load_ps(c.y.data() + at), part));
    }
  }
}

#undef BITLINE_AVX512

constexpr Calibrators kCalibrators = {byte_rounds,    kChains * 64.0, float_rounds,
                                      kChains * 16.0, float_row,      fixed_row};

}  // namespace

const Calibrators* vnni_calibrators() {
  return &kCalibrators;
}

#else

const Calibrators* vnni_calibrators() {
  return nullptr;
}

#endif

}  // namespace bitline::bench
