#include "bitline/quant/slicing.h"

#include <algorithm>
#include <cmath>

#include "bitline/base/error.h"

namespace bitline::quant {

std::vector<BitSlice> slice_unsigned(int bits, int bits_per_slice) {
  BITLINE_CHECK(bits >= 1 && bits_per_slice >= 1);
  std::vector<BitSlice> slices;
  for (int shift = 0; shift < bits; shift += bits_per_slice) {
    slices.push_back({shift, std::min(bits_per_slice, bits - shift), false});
  }
  return slices;
}

std::vector<BitSlice> slice_signed(int bits, int bits_per_slice) {
  std::vector<BitSlice> slices = slice_unsigned(bits, bits_per_slice);
  slices.back().is_signed = true;
  return slices;
}

float digit_slope(const BitSlice& slice, int slice_count) {
  return 1.0f / std::ldexp(static_cast<float>(slice_count), slice.shift);
}

}  // namespace bitline::quant
