// AVX-512 VNNI and AMX in portable C++, for processors without them: SIMDe's vectors, and the tiles as the
// instruction set's manual describes them.
#pragma once

#pragma GCC system_header
#define BITLINE_X86_EMULATED
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <simde/x86/avx512.h>

// What SIMDe 0.7 leaves out.
using __mmask16 = simde__mmask16;
#undef _MM_FROUND_TO_NEAREST_INT
#undef _MM_FROUND_NO_EXC
#define _MM_FROUND_TO_NEAREST_INT SIMDE_MM_FROUND_TO_NEAREST_INT
#define _MM_FROUND_NO_EXC SIMDE_MM_FROUND_NO_EXC

namespace bitline::emulated {

inline simde__m512 convert(simde__m512i x) {
  std::array<std::int32_t, 16> in{};
  std::array<float, 16> out{};
  simde_mm512_storeu_si512(in.data(), x);
  for (std::size_t i = 0; i < in.size(); ++i) out[i] = static_cast<float>(in[i]);
  return simde_mm512_loadu_ps(out.data());
}

struct Tile {
  std::array<std::array<std::uint8_t, 64>, 16> bytes{};
  std::size_t rows = 0, row_bytes = 0;
};

inline thread_local std::array<Tile, 8> tiles;

inline void load_config(const void* config) {
  const auto* bytes = static_cast<const std::uint8_t*>(config);
  for (std::size_t t = 0; t < tiles.size(); ++t) {
    std::uint16_t row_bytes = 0;
    std::memcpy(&row_bytes, bytes + 16 + 2 * t, sizeof row_bytes);
    tiles[t] = {};
    tiles[t].rows = bytes[48 + t];
    tiles[t].row_bytes = row_bytes;
  }
}

inline void release() {
  tiles = {};
}

inline void zero(std::size_t t) {
  tiles[t].bytes = {};
}

inline void load(std::size_t t, const void* from, std::size_t stride) {
  zero(t);
  for (std::size_t row = 0; row < tiles[t].rows; ++row)
    std::memcpy(tiles[t].bytes[row].data(), static_cast<const std::uint8_t*>(from) + row * stride,
                tiles[t].row_bytes);
}

inline void store(std::size_t t, void* to, std::size_t stride) {
  for (std::size_t row = 0; row < tiles[t].rows; ++row)
    std::memcpy(static_cast<std::uint8_t*>(to) + row * stride, tiles[t].bytes[row].data(),
                tiles[t].row_bytes);
}

// sums[m][n] += sum over k and i of a[m][4 k + i] * b[k][4 n + i], a unsigned, b signed.
inline void multiply(std::size_t sums, std::size_t a, std::size_t b) {
  for (std::size_t m = 0; m < tiles[sums].rows; ++m) {
    for (std::size_t n = 0; n < tiles[sums].row_bytes / 4; ++n) {
      std::int32_t sum = 0;
      std::memcpy(&sum, tiles[sums].bytes[m].data() + 4 * n, sizeof sum);
      for (std::size_t k = 0; k < tiles[a].row_bytes / 4 && k < tiles[b].rows; ++k) {
        for (std::size_t i = 0; i < 4; ++i)
          sum += tiles[a].bytes[m][4 * k + i] * static_cast<std::int8_t>(tiles[b].bytes[k][4 * n + i]);
      }
      std::memcpy(tiles[sums].bytes[m].data() + 4 * n, &sum, sizeof sum);
    }
  }
}

}  // namespace bitline::emulated

#undef _mm512_cvtepi32_ps
#define _mm512_cvtepi32_ps ::bitline::emulated::convert
#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbusd
#define _tile_loadconfig ::bitline::emulated::load_config
#define _tile_release ::bitline::emulated::release
#define _tile_zero ::bitline::emulated::zero
#define _tile_loadd ::bitline::emulated::load
#define _tile_stored ::bitline::emulated::store
#define _tile_dpbusd ::bitline::emulated::multiply
