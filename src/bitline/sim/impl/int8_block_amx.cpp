// The inner loop on AMX: 32 pixels by two strips of 16 columns in the tiles, 64 rows of the array at a time;
// sums leave the tiles for a buffer in the first cache and are converted there.
//
// A strip is one plane of one vector: the cells of 16 columns, as a tile takes them ([quad][lane][4]).
#include "bitline/sim/impl/int8_block.h"

#if defined(__x86_64__)
#include <algorithm>
#include <array>

#include "bitline/sim/impl/avx512.h"

#if defined(BITLINE_X86_EMULATED)
#define BITLINE_AMX __attribute__((always_inline)) inline
#define BITLINE_AMX_ENTRY
#else
#define BITLINE_AMX                                                                         \
  __attribute__((target("amx-tile,amx-int8,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"), \
                 always_inline)) inline
#define BITLINE_AMX_ENTRY \
  __attribute__((target("amx-tile,amx-int8,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#endif

namespace bitline::sim {

namespace {

using avx512::kLanes;

constexpr std::size_t kTilePixels = 16;
constexpr std::size_t kTileBytes = 64;  // of a row: rows of the array, or 16 sums
constexpr int kTileQuads = 16;

// Tiles: 0 to 3 hold sums [16 pixels + 16 pixels][2 strips], 4 and 5 inputs, 6 and 7 cells.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::array<std::uint8_t, 14> reserved{};
  std::array<std::uint16_t, 16> row_bytes{};
  std::array<std::uint8_t, 16> rows{};

  TileShapes(std::size_t upper, std::size_t lower) {
    for (std::size_t t = 0; t < 8; ++t) row_bytes[t] = kTileBytes;
    for (const std::size_t t : {0U, 1U, 4U}) rows[t] = static_cast<std::uint8_t>(upper);
    for (const std::size_t t : {2U, 3U, 5U})
      rows[t] = static_cast<std::uint8_t>(std::max<std::size_t>(lower, 1));
    for (const std::size_t t : {6U, 7U}) rows[t] = kTileQuads;
  }
};

using Sums = std::array<std::int32_t, 2 * kTilePixels * kLanes>;  // [pixel][lane] of one strip

// Up to 32 pixels through the array.
struct Pixels {
  std::size_t first;
  std::size_t upper;  // 1 to 16
  std::size_t lower;  // 0 to 16
};

template <bool kLower, bool kPair>
BITLINE_AMX void multiply(const Int8Block& b, const Pixels& pixels, std::size_t strip, Sums* sums) {
  const std::size_t strip_bytes = static_cast<std::size_t>(b.quads) * kLanes * kQuad;
  const std::uint8_t* inputs = b.inputs + pixels.first * b.stride;
  const std::int8_t* cells = b.cells + strip * strip_bytes;
  _tile_zero(0);
  if constexpr (kPair) _tile_zero(1);
  if constexpr (kLower) _tile_zero(2);
  if constexpr (kLower && kPair) _tile_zero(3);
  for (int q = 0; q < b.quads; q += kTileQuads, inputs += kTileBytes, cells += kTileQuads * kTileBytes) {
    _tile_loadd(4, inputs, b.stride);
    _tile_loadd(6, cells, kTileBytes);
    if constexpr (kPair) _tile_loadd(7, cells + strip_bytes, kTileBytes);
    _tile_dpbusd(0, 4, 6);
    if constexpr (kPair) _tile_dpbusd(1, 4, 7);
    if constexpr (kLower) {
      _tile_loadd(5, inputs + kTilePixels * b.stride, b.stride);
      _tile_dpbusd(2, 5, 6);
      if constexpr (kPair) _tile_dpbusd(3, 5, 7);
    }
  }
  constexpr std::size_t kHalf = kTilePixels * kLanes;
  _tile_stored(0, sums[0].data(), kTileBytes);
  if constexpr (kPair) _tile_stored(1, sums[1].data(), kTileBytes);
  if constexpr (kLower) _tile_stored(2, sums[0].data() + kHalf, kTileBytes);
  if constexpr (kLower && kPair) _tile_stored(3, sums[1].data() + kHalf, kTileBytes);
}

template <int kPlanes, class Finish>
BITLINE_AMX void hand_over(const Int8Block& b, const Pixels& pixels, std::size_t vector, const Sums& low,
                           const Sums& high, const Finish& finish) {
  const std::size_t output = avx512::first_output(b, vector);
  for (std::size_t p = 0; p < pixels.upper + pixels.lower; ++p) {
    const __m512i sum = _mm512_loadu_si512(low.data() + p * kLanes);
    const __m512i upper = kPlanes == 1 ? sum : _mm512_loadu_si512(high.data() + p * kLanes);
    finish(pixels.first + p, vector, output, avx512::joined<kPlanes>(b, vector, sum, upper));
  }
}

template <bool kLower, class Finish>
BITLINE_AMX void run_pixels(const Int8Block& b, const Pixels& pixels, const Finish& finish) {
  alignas(64) Sums sums[2];
  const auto vectors = static_cast<std::size_t>(b.vectors);
  if (b.planes == 2) {
    for (std::size_t v = 0; v < vectors; ++v) {
      multiply<kLower, true>(b, pixels, 2 * v, sums);
      hand_over<2>(b, pixels, v, sums[0], sums[1], finish);
    }
    return;
  }
  std::size_t v = 0;
  for (; v + 2 <= vectors; v += 2) {
    multiply<kLower, true>(b, pixels, v, sums);
    hand_over<1>(b, pixels, v, sums[0], sums[0], finish);
    hand_over<1>(b, pixels, v + 1, sums[1], sums[1], finish);
  }
  if (v < vectors) {
    multiply<kLower, false>(b, pixels, v, sums);
    hand_over<1>(b, pixels, v, sums[0], sums[0], finish);
  }
}

BITLINE_AMX void configure(const TileShapes& shapes) {
  asm volatile("" : : "r"(&shapes) : "memory");  // the compiler takes the instruction to read 8 bytes
  _tile_loadconfig(&shapes);
}

template <class Finish>
BITLINE_AMX void run_block(const Int8Block& b, const Finish& finish) {
  const auto count = static_cast<std::size_t>(b.pixels);
  std::size_t p = 0;
  if (count >= 2 * kTilePixels) {
    configure({kTilePixels, kTilePixels});
    for (; p + 2 * kTilePixels <= count; p += 2 * kTilePixels)
      run_pixels<true>(b, {p, kTilePixels, kTilePixels}, finish);
  }
  if (p < count) {
    const std::size_t upper = std::min(count - p, kTilePixels), lower = count - p - upper;
    configure({upper, lower});
    if (lower > 0) {
      run_pixels<true>(b, {p, upper, lower}, finish);
    } else {
      run_pixels<false>(b, {p, upper, 0}, finish);
    }
  }
  _tile_release();
}

BITLINE_AMX_ENTRY void convert(const Int8Block& block, const Int8Outputs& out) {
  const Int8Block b = block;
  if (b.levels == quant::kIdealAdc) {
    run_block(b, avx512::Convert<true>{b, out});
  } else {
    run_block(b, avx512::Convert<false>{b, out});
  }
}

BITLINE_AMX_ENTRY void add_up(const Int8Block& block, std::int32_t* sums) {
  const Int8Block b = block;
  run_block(b, avx512::Store{b, sums});
}

BITLINE_AMX_ENTRY void gate(const Int8Block& block, const Int8Gates& gates) {
  const Int8Block b = block;
  run_block(b, avx512::Gate{b, gates});
}

}  // namespace

const Int8Functions& int8_amx() {
  static const Int8Functions functions{kLanes, static_cast<int>(kTileBytes), 32, convert, add_up, gate};
  return functions;
}

}  // namespace bitline::sim

#else

namespace bitline::sim {
const Int8Functions& int8_amx() {
  return int8_portable();
}
}  // namespace bitline::sim

#endif
