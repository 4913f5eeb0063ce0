// The place of every weight bit of a network on a chip, as a plain value.
//
// A layer is, for each convolution group, a matrix of rows = Cin/groups * kh * kw (row = channel * kh * kw +
// ky * kw + kx) and outputs = Cout/groups; every weight has slices (digits of a few bits, one a cell) and
// parts (1, or the positive and the negative cell of a differential pair). A Block puts a box of these on a
// rectangle of one array:
//   cell row    = row    + (matrix row - first_row)
//   cell column = column + ((output - first_output) * slices + (slice - first_slice)) * parts
//                        + (part - first_part)
// Rows of an array are activated in reads: blocks of one array with the same read number work at once, each
// on its own columns; other reads of the array come one after the other. A replica is a full copy of a layer
// that works on other output positions at the same time. When a network has more arrays than the chip, it
// runs in rounds: the arrays are written again before each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bitline/mapping/chip.h"

namespace bitline::mapping {

enum class RowPolicy {
  kWindows,  // a row tile holds whole kernel windows, as tiling.h has it
  kPacked    // consecutive rows fill the array, windows or not
};
enum class Spread {
  kAuto,      // adjacent unless an array-wise scale or a narrow array forbids it
  kAdjacent,  // in neighbouring columns of one array
  kSeparate   // each in arrays of its own
};
enum class Packing {
  kNone,      // a block has its array for itself; row tiles of the same columns may follow each other
  kDiagonal,  // small blocks of a layer share an array and a read: own rows, own columns
  kStacked    // and further reads below those
};

// The value of "windows", "adjacent", "diagonal", ...; Error{kBadInput} with a suggestion.
RowPolicy parse_row_policy(std::string_view text);
Spread parse_spread(std::string_view text);
Packing parse_packing(std::string_view text);
std::vector<std::string> row_policy_names();
std::vector<std::string> spread_names();
std::vector<std::string> packing_names();
std::string name_of(RowPolicy policy);
std::string name_of(Spread spread);
std::string name_of(Packing packing);

struct WeightSlice {
  int shift = 0;
  int bits = 1;
  bool operator==(const WeightSlice&) const = default;
};

struct MappedLayer {
  std::string node;
  int weight_bits = 1;
  int input_cycles = 1;  // reads for the bits of an input
  int parts = 1;         // 2: a differential pair holds the magnitude
  std::vector<WeightSlice> slices;
  std::int64_t groups = 1;
  std::int64_t rows = 1;     // of a group's matrix
  std::int64_t outputs = 1;  // of a group
  std::int64_t positions = 1;
  std::int64_t replicas = 1;

  std::int64_t weights() const { return groups * rows * outputs; }
  std::int64_t cells() const { return weights() * static_cast<std::int64_t>(slices.size()) * parts; }
  std::int64_t positions_of_replica() const { return (positions + replicas - 1) / replicas; }  // the most
  bool operator==(const MappedLayer&) const = default;
};

struct Block {
  std::int64_t layer = 0;
  std::int64_t replica = 0;
  std::int64_t group = 0;
  std::int64_t first_row = 0, rows = 0;  // of the group's matrix
  std::int64_t first_output = 0, outputs = 0;
  std::int64_t first_slice = 0, slices = 0;
  std::int64_t first_part = 0, parts = 0;
  std::int64_t round = 0;
  std::int64_t array = 0;  // on the chip
  std::int64_t read = 0;   // within the array
  std::int64_t row = 0, column = 0;

  std::int64_t width() const { return outputs * slices * parts; }
  bool operator==(const Block&) const = default;
};

struct Mapping {
  Chip chip;
  RowPolicy rows = RowPolicy::kWindows;
  std::int64_t arrays = 0;  // filled, over all rounds
  std::int64_t rounds = 1;
  std::vector<MappedLayer> layers;   // in graph order
  std::vector<std::string> digital;  // layers in logic beside the arrays, not placed
  std::vector<Block> blocks;

  std::int64_t macro_of(std::int64_t array) const { return array / chip.arrays_per_macro; }
  std::int64_t tile_of(std::int64_t array) const { return macro_of(array) / chip.macros_per_tile; }
  bool operator==(const Mapping&) const = default;
};

// For logs and tests: the layers, a line each.
std::string to_text(const Mapping& mapping);

}  // namespace bitline::mapping
