#include "bitline/sim/read_noise.h"

#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "bitline/base/philox.h"

namespace bitline::sim {

namespace {

constexpr std::size_t kLevels = 4096;
constexpr unsigned kLevelShift = 4;          // the upper 12 of 16 random bits choose a level
constexpr std::uint64_t kDrawsPerBlock = 8;  // of 16 bits

using Levels = std::array<float, kLevels>;

// x with P(N(0,1) < x) = p, for p below one half.
double lower_quantile(double p) {
  double low = -10.0, high = 0.0;
  while (high - low > 1e-13) {
    const double middle = 0.5 * (low + high);
    (0.5 * std::erfc(-middle / std::numbers::sqrt2) < p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

Levels make_levels() {
  std::array<double, kLevels / 2> lower{};
  double squares = 0.0;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    lower[i] = lower_quantile((static_cast<double>(i) + 0.5) / kLevels);
    squares += 2.0 * lower[i] * lower[i];
  }
  const double scale = 1.0 / std::sqrt(squares / kLevels);
  Levels levels{};
  for (std::size_t i = 0; i < lower.size(); ++i) {
    levels[i] = static_cast<float>(scale * lower[i]);
    levels[kLevels - 1 - i] = -levels[i];
  }
  return levels;
}

const Levels& levels() {
  static const Levels table = make_levels();
  return table;
}

}  // namespace

void add_read_noise(const ReadNoise& noise, float deviation, const Conversions& at, std::span<float> sums) {
  const Levels& table = levels();
  const std::uint64_t blocks_per_row = (at.outputs + kDrawsPerBlock - 1) / kDrawsPerBlock;
  const std::uint64_t first = at.first_output / kDrawsPerBlock;
  const std::uint64_t skipped = at.first_output % kDrawsPerBlock;
  const std::uint64_t blocks = (skipped + sums.size() + kDrawsPerBlock - 1) / kDrawsPerBlock;
  thread_local std::vector<std::uint32_t> words;
  words.resize(blocks * 4);
  Philox(noise.seed, noise.stream)
      .blocks((at.pixel * at.ordinals + at.ordinal) * blocks_per_row + first, blocks, words.data());
  for (std::size_t k = 0; k < sums.size(); ++k) {
    const std::size_t draw = skipped + k;
    const std::uint32_t bits = words[draw / 2] >> (draw % 2 * 16) & 0xffffU;
    sums[k] += deviation * table[bits >> kLevelShift];
  }
}

}  // namespace bitline::sim
