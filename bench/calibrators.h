// Loops that do nothing but what a machine limit counts, for each instruction set.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace bitline::bench {

inline constexpr int kRounds = 20000;
inline constexpr std::size_t kColumns = 64;

// Column constants and sums of one row of columns.
struct Columns {
  alignas(64) std::array<float, kColumns> gain, offset, weight, y{};
  alignas(64) std::array<std::int32_t, kColumns> sums;
  alignas(64) std::array<std::int16_t, kColumns> short_sums, multiplier, centre;

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

struct Calibrators {
  void (*byte_rounds)();  // kRounds rounds
  double byte_macs;       // of a round
  void (*float_rounds)();
  double float_macs;
  void (*float_row)(Columns&);
  void (*fixed_row)(Columns&);
};

// Null where this build has none. Not to be run on a processor without the instructions.
const Calibrators* avx2_calibrators();
const Calibrators* vnni_calibrators();
const Calibrators* amx_calibrators();  // floats and converters as with VNNI

}  // namespace bitline::bench
