// Which physical columns share one scale.
//
// A layer occupies columns (tile, slice, output): row tile t of the output's group, bit slice j, output
// channel o. An array holds the columns of one row tile and one slice of `array_columns` neighbouring
// outputs (its column tile). A granularity partitions the columns into groups:
//   layer    one group a slice
//   channel  one group a (slice, output), over all its tiles
//   array    one group a (tile, slice, column tile)
//   column   one group a (tile, slice, output)
// With `slices_shared`, slices of one weight never part: the slice index is dropped. Converters always tell
// slices apart, as the modules of ColumnQuant's code do: the signed slice has sums of another sign and range.
#pragma once

#include <string>
#include <string_view>

namespace bitline::quant {

enum class Granularity { kLayer, kChannel, kArray, kColumn };

struct Partition {  // which coordinates of a column tell groups apart
  const char* name;
  bool by_tile;
  bool by_output;
  bool by_column_tile;
};
const Partition& partition(Granularity granularity);

Granularity parse_granularity(std::string_view text);  // Error{kBadInput} with a suggestion
std::string granularity_name(Granularity granularity);

struct ColumnGrid {
  int tiles = 1;
  int slices = 1;
  int outputs = 1;
  int array_columns = 128;

  int columns() const { return tiles * slices * outputs; }
  int column(int tile, int slice, int output) const { return (tile * slices + slice) * outputs + output; }
  int column_tiles() const { return (outputs + array_columns - 1) / array_columns; }
  bool operator==(const ColumnGrid&) const = default;
};

class GroupMap {
 public:
  GroupMap(Granularity granularity, const ColumnGrid& grid, bool slices_shared);

  int count() const { return count_; }
  int group(int tile, int slice, int output) const {
    return tile * tile_stride_ + slice * slice_stride_ + output / output_divisor_ * output_stride_;
  }

 private:
  int tile_stride_ = 0;
  int slice_stride_ = 0;
  int output_stride_ = 0;
  int output_divisor_ = 1;
  int count_ = 1;
};

}  // namespace bitline::quant
