// Digits in cells and back: every digit of every width, encoding and cell.
#include "bitline/quant/stored_levels.h"

#include <gtest/gtest.h>

#include "bitline/quant/encoding.h"

namespace bitline::quant {
namespace {

template <class Check>
void for_each_slice(Check&& check) {
  for (const WeightEncoding& encoding : weight_encodings()) {
    for (int bits = encoding.min_bits; bits <= 16; ++bits) {
      for (int cell_bits = 1; cell_bits <= 8; ++cell_bits) {
        CimConfig config;
        config.weight_bits = bits;
        config.cell_bits = cell_bits;
        config.encoding = encoding.name;
        for (const BitSlice& slice : encoding.slices(bits, cell_bits)) {
          SCOPED_TRACE(encoding.name + " " + std::to_string(bits) + " bits in cells of " +
                       std::to_string(cell_bits));
          check(config, slice, encoding.cells_per_digit == 2 ? -slice.high() : slice.low());
        }
      }
    }
  }
}

TEST(StoredLevels, DigitsComeBackFromTheirLevels) {
  for_each_slice([](const CimConfig& config, const BitSlice& slice, int low) {
    const StoredLevels levels(config, slice);
    for (int digit = low; digit <= slice.high(); ++digit) {
      int sum = -levels.sign(0) * levels.reference();
      for (int cell = 0; cell < levels.cells(); ++cell) {
        ASSERT_GE(levels.level(digit, cell), 0);
        ASSERT_LE(levels.level(digit, cell), levels.highest());
        sum += levels.sign(cell) * levels.level(digit, cell);
      }
      ASSERT_EQ(sum, digit);
    }
    ASSERT_LE(levels.highest(), levels.cell_highest());
  });
}

TEST(StoredLevels, OnlyASignBesideOtherBitsLiesAtHalfRange) {
  for_each_slice([](const CimConfig& config, const BitSlice& slice, int) {
    const StoredLevels levels(config, slice);
    const bool half = slice.is_signed && slice.bits > 1;
    ASSERT_EQ(levels.level(0, 0), half ? 1 << (slice.bits - 1) : 0);
    ASSERT_EQ(levels.reference(), levels.level(0, 0));
  });
}

TEST(StoredLevels, TheLowestConductanceIsThatOfTheOnOffRatio) {
  CimConfig config;
  config.cell_bits = 2;
  const StoredLevels levels(config, {0, 1, false});  // a narrow slice in the same cell
  EXPECT_EQ(levels.lowest_conductance(0.0), 0.0);
  for (const double ratio : {1.5, 10.0, 1e6}) {
    const double low = levels.lowest_conductance(ratio);
    EXPECT_NEAR((low + 3.0) / low, ratio, 1e-9 * ratio);
  }
}

}  // namespace
}  // namespace bitline::quant
