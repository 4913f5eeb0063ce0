#include "calibrators.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bitline::bench {

#if defined(__x86_64__)

namespace {

constexpr int kByteChains = 8, kFloatChains = 12;  // independent sums, enough to hide the latencies

__attribute__((target("avx2"), noinline)) void byte_rounds() {
  __m256i sums[kByteChains] = {};
  __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(1);
  for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 8
    for (__m256i& sum : sums) {
      asm volatile("" : "+x"(a), "+x"(b));  // otherwise one product would do for all sums
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(a, b));
    }
    asm volatile(""
                 : "+x"(sums[0]), "+x"(sums[1]), "+x"(sums[2]), "+x"(sums[3]), "+x"(sums[4]), "+x"(sums[5]),
                   "+x"(sums[6]), "+x"(sums[7]));
  }
}

__attribute__((target("avx2,fma"), noinline)) void float_rounds() {
  __m256 sums[kFloatChains] = {};
  __m256 a = _mm256_set1_ps(0.5f);
  for (int round = 0; round < kRounds; ++round) {
    asm volatile("" : "+x"(a));
#pragma GCC unroll 12
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(a, a, sum);
    asm volatile(""
                 : "+x"(sums[0]), "+x"(sums[1]), "+x"(sums[2]), "+x"(sums[3]), "+x"(sums[4]), "+x"(sums[5]));
    asm volatile(""
                 : "+x"(sums[6]), "+x"(sums[7]), "+x"(sums[8]), "+x"(sums[9]), "+x"(sums[10]),
                   "+x"(sums[11]));
  }
}

__attribute__((target("avx2"), always_inline)) inline void add_weighted(float* y, const float* weight,
                                                                        __m256 code) {
  _mm256_store_ps(y, _mm256_add_ps(_mm256_load_ps(y), _mm256_mul_ps(_mm256_load_ps(weight), code)));
}

__attribute__((target("avx2"), noinline)) void float_row(Columns& c) {
  const __m256 top = _mm256_set1_ps(15.0f);
  for (std::size_t i = 0; i < kColumns; i += 8) {
    const __m256i sum = _mm256_load_si256(reinterpret_cast<const __m256i*>(c.sums.data() + i));
    __m256 v = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_load_ps(c.gain.data() + i)),
                             _mm256_load_ps(c.offset.data() + i));
    v = _mm256_min_ps(top, _mm256_max_ps(_mm256_setzero_ps(), v));
    add_weighted(c.y.data() + i, c.weight.data() + i,
                 _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
}

__attribute__((target("avx2"), always_inline)) inline __m256i load(
    const std::array<std::int16_t, kColumns>& a, std::size_t i) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(a.data() + i));
}

__attribute__((target("avx2"), noinline)) void fixed_row(Columns& c) {
  const __m256i top = _mm256_set1_epi16(15);
  for (std::size_t i = 0; i < kColumns; i += 16) {
    __m256i v = _mm256_mulhrs_epi16(_mm256_add_epi16(load(c.short_sums, i), load(c.centre, i)),
                                    load(c.multiplier, i));
    v = _mm256_min_epi16(top, _mm256_max_epi16(_mm256_setzero_si256(), v));
    const __m256i low = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(v));
    const __m256i high = _mm256_cvtepi16_epi32(_mm256_extracti128_si256(v, 1));
    add_weighted(c.y.data() + i, c.weight.data() + i, _mm256_cvtepi32_ps(low));
    add_weighted(c.y.data() + i + 8, c.weight.data() + i + 8, _mm256_cvtepi32_ps(high));
  }
}

constexpr Calibrators kCalibrators = {byte_rounds,        kByteChains * 32.0, float_rounds,
                                      kFloatChains * 8.0, float_row,          fixed_row};

}  // namespace

const Calibrators* avx2_calibrators() {
  return &kCalibrators;
}

#else

const Calibrators* avx2_calibrators() {
  return nullptr;
}

#endif

}  // namespace bitline::bench
