#include "machine_limits.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "measurement.h"
#include <benchmark/benchmark.h>

#include "bitline/base/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bitline::bench {

namespace {

constexpr int kRepeats = 20;
constexpr int kRounds = 20000;
constexpr int kByteChains = 8, kFloatChains = 12;  // independent sums, enough to hide the latencies

#if defined(__x86_64__)

__attribute__((target("avx2"), noinline)) void byte_rounds() {
  __m256i sums[kByteChains] = {};
  __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(1);
  for (int round = 0; round < kRounds; ++round) {
    asm volatile("" : "+x"(a), "+x"(b));  // keeps the products in the loop
#pragma GCC unroll 8
    for (__m256i& sum : sums) sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(a, b));
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

constexpr std::size_t kColumns = 64, kRows = 1000;

// Column constants and sums of one row of columns.
struct Columns {
  alignas(32) std::array<float, kColumns> gain, offset, weight, y{};
  alignas(32) std::array<std::int32_t, kColumns> sums;
  alignas(32) std::array<std::int16_t, kColumns> short_sums, multiplier, centre;

  Columns() {
    gain.fill(0.01f);
    offset.fill(7.5f);
    weight.fill(0.5f);
    multiplier.fill(1638);
    centre.fill(150);
    for (std::size_t i = 0; i < kColumns; ++i) {
      sums[i] = static_cast<std::int32_t>(i * 37 % 1000);
      short_sums[i] = static_cast<std::int16_t>(sums[i]);
    }
  }
};

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

__attribute__((target("avx2"), noinline)) void fixed_row(Columns& c) {
  const __m256i top = _mm256_set1_epi16(15);
  for (std::size_t i = 0; i < kColumns; i += 16) {
    const auto load = [i](const std::array<std::int16_t, kColumns>& a) __attribute__((target("avx2"))) {
      return _mm256_load_si256(reinterpret_cast<const __m256i*>(a.data() + i));
    };
    __m256i v = _mm256_mulhrs_epi16(_mm256_add_epi16(load(c.short_sums), load(c.centre)), load(c.multiplier));
    v = _mm256_min_epi16(top, _mm256_max_epi16(_mm256_setzero_si256(), v));
    const __m256i low = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(v));
    const __m256i high = _mm256_cvtepi16_epi32(_mm256_extracti128_si256(v, 1));
    add_weighted(c.y.data() + i, c.weight.data() + i, _mm256_cvtepi32_ps(low));
    add_weighted(c.y.data() + i + 8, c.weight.data() + i + 8, _mm256_cvtepi32_ps(high));
  }
}

double conversions_per_second(void (*convert_row)(Columns&)) {
  Columns columns;
  const double seconds = best_seconds(
      [&] {
        for (std::size_t r = 0; r < kRows; ++r) {
          convert_row(columns);
          benchmark::DoNotOptimize(columns.y);
        }
      },
      kRepeats);
  return static_cast<double>(kColumns * kRows) / seconds;
}

#endif

}  // namespace

MachineLimits measure_limits() {
#if defined(__x86_64__)
  if (!cpu_features().avx2 || !cpu_features().fma) return {};
  constexpr double kByteMacs = kByteChains * 32.0, kFloatMacs = kFloatChains * 8.0;  // a round
  return {kByteMacs * kRounds / best_seconds(byte_rounds, kRepeats),
          kFloatMacs * kRounds / best_seconds(float_rounds, kRepeats), conversions_per_second(float_row),
          conversions_per_second(fixed_row)};
#else
  return {};
#endif
}

}  // namespace bitline::bench
