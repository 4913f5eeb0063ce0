#include "bitline/quant/granularity.h"

#include <array>
#include <string>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"

namespace bitline::quant {

namespace {

constexpr std::array<Partition, 4> kPartitions = {{
    {"layer", false, false, false},
    {"channel", false, true, false},
    {"array", true, false, true},
    {"column", true, true, false},
}};

}  // namespace

const Partition& partition(Granularity granularity) {
  return kPartitions[static_cast<std::size_t>(granularity)];
}

Granularity parse_granularity(std::string_view text) {
  std::array<std::string, kPartitions.size()> names;
  for (std::size_t i = 0; i < kPartitions.size(); ++i) {
    if (text == kPartitions[i].name) return static_cast<Granularity>(i);
    names[i] = kPartitions[i].name;
  }
  bad_input("unknown granularity '" + std::string(text) + "'", {}, suggestion(text, names));
}

std::string granularity_name(Granularity granularity) {
  return partition(granularity).name;
}

GroupMap::GroupMap(Granularity granularity, const ColumnGrid& grid, bool slices_shared) {
  const Partition& p = partition(granularity);
  int stride = 1;
  if (p.by_output || p.by_column_tile) {
    output_divisor_ = p.by_output ? 1 : grid.array_columns;
    output_stride_ = stride;
    stride *= p.by_output ? grid.outputs : grid.column_tiles();
  }
  if (!slices_shared) {
    slice_stride_ = stride;
    stride *= grid.slices;
  }
  if (p.by_tile) {
    tile_stride_ = stride;
    stride *= grid.tiles;
  }
  count_ = stride;
}

}  // namespace bitline::quant
