// What the AVX-512 loops share: what becomes of the sixteen sums of a vector. The operations, and their
// order, are those of quant::adc_accumulate and quant::adc_backward.
//
// A test can put its own definition of the instructions first (BITLINE_X86_EMULATED), so that the loops are
// checked on processors that do not have them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bitline/quant/adc.h"
#include "bitline/sim/impl/int8_block.h"
#include "bitline/sim/impl/int8_layer.h"

#if defined(BITLINE_X86_EMULATED)
#define BITLINE_AVX512 __attribute__((always_inline)) inline
#define BITLINE_AVX512_ENTRY
#else
#include <immintrin.h>
#define BITLINE_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"), always_inline)) inline
#define BITLINE_AVX512_ENTRY __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#endif

namespace bitline::sim::avx512 {

inline constexpr int kLanes = 16;

// sum += the four products of unsigned and signed bytes of each lane. In assembly, since g++ 12 copies its
// accumulators in every step of a loop over the intrinsic.
BITLINE_AVX512 void add_products(__m512i& sum, __m512i inputs, __m512i cells) {
#if defined(BITLINE_X86_EMULATED)
  sum = _mm512_dpbusd_epi32(sum, inputs, cells);
#else
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(inputs), "v"(cells));
#endif
}

struct Position {
  __m512 v;        // before clipping
  __m512 clipped;  // to 0 .. levels - 1
};

BITLINE_AVX512 Position position(const Int8Block& b, std::size_t vector, __m512i sum) {
  const __m512 top = _mm512_set1_ps(static_cast<float>(b.levels - 1));
  const __m512 v =
      _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(b.gain + vector * kLanes)),
                    _mm512_loadu_ps(b.offset + vector * kLanes));
  return {v, _mm512_min_ps(top, _mm512_max_ps(_mm512_setzero_ps(), v))};
}

BITLINE_AVX512 __m512 rounded(__m512 x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

BITLINE_AVX512 void add_to(float* p, __m512 x) {
  _mm512_storeu_ps(p, _mm512_add_ps(_mm512_loadu_ps(p), x));
}

// Each of the three takes (pixel, vector, first output of the vector, sums).
template <bool kIdeal>
struct Convert {
  Int8Block b;  // copies: what is written cannot change them
  Int8Outputs out;

  BITLINE_AVX512 void operator()(std::size_t pixel, std::size_t vector, std::size_t output,
                                 __m512i sum) const {
    __m512 value;
    if constexpr (kIdeal) {
      value = _mm512_cvtepi32_ps(sum);
    } else {
      value = rounded(position(b, vector, sum).clipped);
    }
    add_to(out.y + pixel * out.stride + output,
           _mm512_mul_ps(_mm512_loadu_ps(b.weight + vector * kLanes), value));
  }
};

struct Store {
  Int8Block b;
  std::int32_t* sums;

  BITLINE_AVX512 void operator()(std::size_t pixel, std::size_t vector, std::size_t, __m512i sum) const {
    _mm512_storeu_si512(sums + (pixel * static_cast<std::size_t>(b.vectors) + vector) * kLanes, sum);
  }
};

struct Gate {
  Int8Block b;
  Int8Gates gates;

  BITLINE_AVX512 void operator()(std::size_t pixel, std::size_t vector, std::size_t output,
                                 __m512i sum) const {
    const Position at = position(b, vector, sum);
    const __mmask16 in_range = _mm512_cmp_ps_mask(at.v, at.clipped, _CMP_EQ_OQ);
    const __m512 zero = _mm512_setzero_ps();
    const __m512 middle = _mm512_set1_ps(0.5f * static_cast<float>(b.levels - 1));
    const __m512 dy = _mm512_loadu_ps(gates.dy + pixel * gates.dy_stride + output);
    const __m512 all = _mm512_mul_ps(dy, _mm512_set1_ps(gates.share));
    add_to(gates.gated + pixel * gates.gated_stride + output,
           _mm512_mask_blend_ps(in_range, _mm512_mul_ps(all, _mm512_set1_ps(gates.clipped_slope())), all));
    const __m512 error = _mm512_sub_ps(rounded(at.clipped), _mm512_mask_blend_ps(in_range, middle, at.v));
    add_to(gates.step + vector * kLanes, _mm512_mul_ps(dy, error));
    add_to(gates.centre + vector * kLanes, _mm512_mask_blend_ps(in_range, dy, zero));
  }
};

// A column's sum from those of its planes, with the constant of its input slice.
template <int kPlanes>
BITLINE_AVX512 __m512i joined(const Int8Block& b, std::size_t vector, __m512i low, __m512i high) {
  const __m512i sum = _mm512_add_epi32(low, _mm512_loadu_si512(b.shift + vector * kLanes));
  if constexpr (kPlanes == 1) return sum;
  return _mm512_add_epi32(sum, _mm512_slli_epi32(high, kPlaneBits));
}

BITLINE_AVX512 std::size_t first_output(const Int8Block& b, std::size_t vector) {
  return vector / static_cast<std::size_t>(b.slices) * kLanes;
}

}  // namespace bitline::sim::avx512
