#include "bitline/quant/encoding.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"

namespace bitline::quant {

namespace {

std::vector<BitSlice> magnitude_slices(int bits, int cell_bits) {
  return slice_unsigned(bits - 1, cell_bits);
}

int magnitude_digit(int code, const BitSlice& slice) {
  const int digit = slice_digit(std::abs(code), slice);
  return code < 0 ? -digit : digit;
}

}  // namespace

std::span<const WeightEncoding> weight_encodings() {
  static const std::array<WeightEncoding, 2> table = {{
      {"twos-complement", 1, 1, signed_range, slice_signed, slice_digit},
      {"differential", 2, 2, strict_range, magnitude_slices, magnitude_digit},
  }};
  return table;
}

const WeightEncoding& weight_encoding(std::string_view name) {
  std::vector<std::string> names;
  for (const WeightEncoding& encoding : weight_encodings()) {
    if (encoding.name == name) return encoding;
    names.push_back(encoding.name);
  }
  bad_input("unknown weight encoding '" + std::string(name) + "'", {}, suggestion(name, names));
}

}  // namespace bitline::quant
