// How a signed weight is stored in cells that only hold conductances.
//
// twos-complement  digits of the two's complement code; the top digit is signed, so its column needs a
//                  reference (offset) column in hardware.
// differential     |code| on the positive or the negative column of a pair whose currents subtract before the
//                  ADC: digits are sign(code) * digits(|code|); the range is strictly symmetric.
//
// To add an encoding: one entry in the table of encoding.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bitline/quant/lsq.h"
#include "bitline/quant/slicing.h"

namespace bitline::quant {

struct WeightEncoding {
  std::string name;
  int min_bits;
  int cells_per_digit;  // physical columns that hold one digit
  CodeRange (*range)(int bits);
  std::vector<BitSlice> (*slices)(int bits, int cell_bits);
  int (*digit)(int code, const BitSlice& slice);
};

std::span<const WeightEncoding> weight_encodings();
const WeightEncoding& weight_encoding(std::string_view name);  // Error{kBadInput} with a suggestion

}  // namespace bitline::quant
