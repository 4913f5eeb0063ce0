// Every code of every width comes back from its digits.
#include "bitline/quant/slicing.h"

#include <cstdlib>

#include "base/error_of.h"
#include <gtest/gtest.h>

#include "bitline/quant/encoding.h"

namespace bitline::quant {
namespace {

int digit_sum(const WeightEncoding& encoding, const std::vector<BitSlice>& slices, int code) {
  int sum = 0;
  for (const BitSlice& slice : slices) sum += (1 << slice.shift) * encoding.digit(code, slice);
  return sum;
}

TEST(Encoding, EveryCodeIsTheSumOfItsDigits) {
  for (const WeightEncoding& encoding : weight_encodings()) {
    for (int bits = encoding.min_bits; bits <= 8; ++bits) {
      for (int cell = 1; cell <= 8; ++cell) {
        const std::vector<BitSlice> slices = encoding.slices(bits, cell);
        const CodeRange range = encoding.range(bits);
        for (int code = range.low; code <= range.high; ++code) {
          ASSERT_EQ(digit_sum(encoding, slices, code), code) << encoding.name << " " << bits << "/" << cell;
        }
      }
    }
  }
}

TEST(Encoding, TwosComplementDigitsStayInTheirSlice) {
  const WeightEncoding& encoding = weight_encoding("twos-complement");
  for (int bits = 1; bits <= 8; ++bits) {
    for (int cell = 1; cell <= 8; ++cell) {
      for (const BitSlice& slice : encoding.slices(bits, cell)) {
        EXPECT_LE(slice.bits, cell);
        EXPECT_EQ(slice.is_signed, slice.shift + slice.bits == bits);
        for (int code = -(1 << (bits - 1)); code < 1 << (bits - 1); ++code) {
          EXPECT_GE(encoding.digit(code, slice), slice.low());
          EXPECT_LE(encoding.digit(code, slice), slice.high());
        }
      }
    }
  }
}

TEST(Encoding, DifferentialDigitsShareTheSignOfTheCode) {
  const WeightEncoding& encoding = weight_encoding("differential");
  EXPECT_EQ(encoding.cells_per_digit, 2);
  for (int bits = 2; bits <= 8; ++bits) {
    for (int cell = 1; cell <= 8; ++cell) {
      for (const BitSlice& slice : encoding.slices(bits, cell)) {
        for (int code = encoding.range(bits).low; code <= encoding.range(bits).high; ++code) {
          const int digit = encoding.digit(code, slice);
          EXPECT_LE(std::abs(digit), slice.high());
          EXPECT_GE(digit * code, 0);
          EXPECT_EQ(encoding.digit(-code, slice), -digit);
        }
      }
    }
  }
}

TEST(Encoding, AnUnknownNameSuggestsTheNearest) {
  EXPECT_EQ(error_of([] { weight_encoding("diferential"); }),
            "unknown weight encoding 'diferential' (did you mean 'differential'?)");
}

TEST(Slicing, UnsignedCodesComeBackFromTheirDigits) {
  for (int bits = 1; bits <= 8; ++bits) {
    for (int per_slice = 1; per_slice <= 8; ++per_slice) {
      const std::vector<BitSlice> slices = slice_unsigned(bits, per_slice);
      ASSERT_EQ(static_cast<int>(slices.size()), (bits + per_slice - 1) / per_slice);
      for (int code = 0; code < 1 << bits; ++code) {
        int sum = 0;
        for (const BitSlice& slice : slices) {
          const int digit = slice_digit(code, slice);
          EXPECT_TRUE(digit >= slice.low() && digit <= slice.high());
          sum += digit << slice.shift;
        }
        ASSERT_EQ(sum, code) << bits << "/" << per_slice;
      }
    }
  }
}

TEST(Slicing, SlicesCoverEveryBitOnceFromTheLeastSignificant) {
  for (int bits = 1; bits <= 8; ++bits) {
    for (int per_slice = 1; per_slice <= 8; ++per_slice) {
      int next = 0;
      for (const BitSlice& slice : slice_signed(bits, per_slice)) {
        EXPECT_EQ(slice.shift, next);
        next += slice.bits;
      }
      EXPECT_EQ(next, bits);
    }
  }
}

TEST(Slicing, DigitSlopesSumToOne) {
  for (const WeightEncoding& encoding : weight_encodings()) {
    for (int bits = encoding.min_bits; bits <= 8; ++bits) {
      for (int cell = 1; cell <= 8; ++cell) {
        const std::vector<BitSlice> slices = encoding.slices(bits, cell);
        double sum = 0.0;
        for (const BitSlice& slice : slices) {
          const double slope = static_cast<double>(digit_slope(slice, static_cast<int>(slices.size())));
          EXPECT_GT(slope, 0.0);
          sum += (1 << slice.shift) * slope;
        }
        EXPECT_NEAR(sum, 1.0, 1e-6) << encoding.name << " " << bits << "/" << cell;
      }
    }
  }
}

TEST(Slicing, TheNarrowSliceIsTheTopOne) {
  const std::vector<BitSlice> slices = slice_signed(5, 2);
  ASSERT_EQ(slices.size(), 3U);
  EXPECT_EQ(slices[2].bits, 1);
  EXPECT_EQ(slices[2].low(), -1);
  EXPECT_EQ(slices[2].high(), 0);
  EXPECT_EQ(slice_digit(-3, slices[0]), 1);  // 11101
  EXPECT_EQ(slice_digit(-3, slices[1]), 3);
  EXPECT_EQ(slice_digit(-3, slices[2]), -1);
}

}  // namespace
}  // namespace bitline::quant
