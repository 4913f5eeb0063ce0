#include "calibrators.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bitline::bench {

#if defined(__x86_64__)

namespace {

#define BITLINE_AMX __attribute__((target("amx-tile,amx-int8"), noinline))

constexpr double kProductMacs = 16.0 * 16.0 * 64.0;  // of two full tiles

// As the processor reads it: eight tiles of 16 rows of 64 bytes.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1, start_row = 0;
  std::array<std::uint8_t, 14> reserved{};
  std::array<std::uint16_t, 16> row_bytes{64, 64, 64, 64, 64, 64, 64, 64};
  std::array<std::uint8_t, 16> rows{16, 16, 16, 16, 16, 16, 16, 16};
};

// Four sums of two tiles of inputs by two of cells, as the kernel holds them. The values are zeros: tiles
// take as long for any.
BITLINE_AMX void byte_rounds() {
  const TileShapes shapes;
  asm volatile("" : : "r"(&shapes) : "memory");
  _tile_loadconfig(&shapes);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  for (int round = 0; round < kRounds; ++round) {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  _tile_release();
}

#undef BITLINE_AMX

}  // namespace

const Calibrators* amx_calibrators() {
  static const Calibrators calibrators = [] {
    Calibrators c = *vnni_calibrators();
    c.byte_rounds = byte_rounds;
    c.byte_macs = 4.0 * kProductMacs;
    return c;
  }();
  return &calibrators;
}

#else

const Calibrators* amx_calibrators() {
  return nullptr;
}

#endif

}  // namespace bitline::bench
