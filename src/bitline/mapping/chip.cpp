#include "bitline/mapping/chip.h"

#include <string>

#include "bitline/base/error.h"

namespace bitline::mapping {

namespace {

constexpr double kMostArrays = 1 << 30;

std::int64_t whole(const hardware::OptionalConstant& constant, std::int64_t fallback) {
  return constant ? static_cast<std::int64_t>(constant->value) : fallback;
}

}  // namespace

Chip chip_of(const hardware::HardwareSpec& spec) {
  const hardware::ArraySpec array = hardware::array_of(spec);
  Chip chip = chip_of(array);
  chip.rows = whole(spec.array.rows, chip.rows);
  chip.arrays_per_macro = whole(spec.array.count, 1);
  chip.macros_per_tile = whole(spec.tile.members, 1);
  chip.tiles = whole(spec.chip.members, 1);
  const double arrays =
      value_or(spec.array.count, 1.0) * value_or(spec.tile.members, 1.0) * value_or(spec.chip.members, 1.0);
  if (arrays > kMostArrays)
    bad_input("array.count x tile.macros x chip.tiles is more than " + std::to_string(1 << 30) + " arrays",
              spec.array.where);
  chip.resident = spec.weights.loading == "resident";
  return chip;
}

Chip chip_of(const hardware::ArraySpec& array) {
  Chip chip;
  chip.name = array.name;
  chip.rows = chip.active_rows = array.rows;
  chip.columns = array.columns;
  chip.cell_bits = array.cell_bits;
  return chip;
}

}  // namespace bitline::mapping
