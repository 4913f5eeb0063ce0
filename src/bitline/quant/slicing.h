// Bit slices: an integer code as a sum of digits that cells (or input cycles) can hold.
//
//   code = sum_j 2^shift_j * digit_j
//
// Two's complement: all digits are unsigned but the top one, which carries the sign. When the bits do not
// divide, the top slice is the narrower one. Slices are listed from the least significant up.
#pragma once

#include <vector>

namespace bitline::quant {

struct BitSlice {
  int shift = 0;
  int bits = 1;
  bool is_signed = false;

  int low() const { return is_signed ? -(1 << (bits - 1)) : 0; }
  int high() const { return is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1; }
};

// The digit of a code in two's complement; for an unsigned code all slices are unsigned.
inline int slice_digit(int code, const BitSlice& slice) {
  const int raw = (code >> slice.shift) & ((1 << slice.bits) - 1);
  return slice.is_signed && raw >= (1 << (slice.bits - 1)) ? raw - (1 << slice.bits) : raw;
}

std::vector<BitSlice> slice_signed(int bits, int bits_per_slice);
std::vector<BitSlice> slice_unsigned(int bits, int bits_per_slice);

// The straight-through slope of a digit with respect to the code: an equal share for every slice,
//   d digit_j / d code = 1 / (S * 2^shift_j),   so that sum_j 2^shift_j * slope_j = 1.
float digit_slope(const BitSlice& slice, int slice_count);

}  // namespace bitline::quant
