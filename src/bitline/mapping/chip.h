// What placement needs of a chip: the arrays, how many there are, and where they stand.
#pragma once

#include <cstdint>
#include <string>

#include "bitline/hardware/hardware_spec.h"

namespace bitline::mapping {

struct Chip {
  std::string name;
  std::int64_t rows = 128;
  std::int64_t columns = 128;
  std::int64_t active_rows = 128;  // at once
  int cell_bits = 2;
  std::int64_t arrays_per_macro = 1;
  std::int64_t macros_per_tile = 1;
  std::int64_t tiles = 0;  // 0: as many as a network needs
  bool resident = false;   // weights stay in the arrays: no reload rounds

  std::int64_t capacity() const { return tiles * macros_per_tile * arrays_per_macro; }  // arrays; 0: no limit
  bool operator==(const Chip&) const = default;
};

// Throws Error{kUnsupported} for a digital comparator, which has no array, and Error{kBadInput} for more than
// 2^30 arrays.
Chip chip_of(const hardware::HardwareSpec& spec);

// As many arrays of this kind as a network needs.
Chip chip_of(const hardware::ArraySpec& array);

}  // namespace bitline::mapping
