// The inner loop for one-bit inputs: the inputs of four rows are an index into a table of sixteen sums, and
// one instruction looks up 32 pixels. Where cells have one bit, too, this is a population count; four bits at
// a time are what AVX2 counts fastest.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitline::sim {

inline constexpr std::size_t kLookupPixels = 64;
inline constexpr std::size_t kLookupEntries = 16;

// 64 pixels through the columns of one tile in one cycle. Columns are ordered [output][slice].
struct LookupBlock {
  const std::uint8_t* indices = nullptr;  // [quad][64]
  std::size_t quads = 0;
  std::size_t quads_per_chunk = 0;       // how many entries fit an 8-bit sum
  const std::uint8_t* tables = nullptr;  // [column][quad][16]
  std::size_t columns = 0;
  std::size_t slices = 1;
  const std::int32_t* shift = nullptr;  // [column]
  const float* gain = nullptr;          // [column]
  const float* offset = nullptr;        // [column]
  const float* weight = nullptr;        // [column]
  int levels = 0;                       // of the converter; kIdealAdc passes sums on
};

// y[output * stride + pixel] += weight * code.
void lookup_convert(const LookupBlock& block, float* y, std::size_t stride);
// sums[column][64]
void lookup_sums(const LookupBlock& block, std::int32_t* sums);

}  // namespace bitline::sim
