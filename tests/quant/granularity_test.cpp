// Groups of columns against the definition: two columns share a group when the coordinates that matter agree.
#include "bitline/quant/granularity.h"

#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "base/error_of.h"
#include <gtest/gtest.h>

namespace bitline::quant {
namespace {

using Key = std::tuple<int, int, int, int>;  // tile, slice, output, column tile; -1 = does not matter

Key key_of(Granularity granularity, const ColumnGrid& grid, bool slices_shared, int t, int j, int o) {
  const int slice = slices_shared ? -1 : j;
  switch (granularity) {
    case Granularity::kLayer:
      return {-1, slice, -1, -1};
    case Granularity::kChannel:
      return {-1, slice, o, -1};
    case Granularity::kArray:
      return {t, slice, -1, o / grid.array_columns};
    case Granularity::kColumn:
      break;
  }
  return {t, slice, o, -1};
}

void expect_partition(Granularity granularity, const ColumnGrid& grid, bool slices_shared) {
  const GroupMap map(granularity, grid, slices_shared);
  std::map<Key, int> group_of_key;
  std::map<int, Key> key_of_group;
  for (int t = 0; t < grid.tiles; ++t) {
    for (int j = 0; j < grid.slices; ++j) {
      for (int o = 0; o < grid.outputs; ++o) {
        const int group = map.group(t, j, o);
        ASSERT_GE(group, 0);
        ASSERT_LT(group, map.count());
        const Key key = key_of(granularity, grid, slices_shared, t, j, o);
        ASSERT_EQ(group_of_key.emplace(key, group).first->second, group);
        ASSERT_EQ(key_of_group.emplace(group, key).first->second, key);
      }
    }
  }
  EXPECT_EQ(static_cast<int>(key_of_group.size()), map.count()) << "a group without columns";
}

TEST(Granularity, GroupsAreThePartitionOfTheDefinition) {
  for (const int tiles : {1, 2, 5}) {
    for (const int slices : {1, 2, 3}) {
      for (const int outputs : {1, 3, 8, 17}) {
        for (const int array_columns : {1, 3, 8, 128}) {
          const ColumnGrid grid{tiles, slices, outputs, array_columns};
          for (int g = 0; g < 4; ++g) {
            expect_partition(static_cast<Granularity>(g), grid, false);
            expect_partition(static_cast<Granularity>(g), grid, true);
          }
        }
      }
    }
  }
}

TEST(Granularity, Counts) {
  const ColumnGrid grid{3, 2, 20, 8};  // three column tiles
  EXPECT_EQ(GroupMap(Granularity::kLayer, grid, false).count(), 2);
  EXPECT_EQ(GroupMap(Granularity::kChannel, grid, false).count(), 2 * 20);
  EXPECT_EQ(GroupMap(Granularity::kArray, grid, false).count(), 3 * 2 * 3);
  EXPECT_EQ(GroupMap(Granularity::kColumn, grid, false).count(), 3 * 2 * 20);
  EXPECT_EQ(GroupMap(Granularity::kLayer, grid, true).count(), 1);
  EXPECT_EQ(GroupMap(Granularity::kChannel, grid, true).count(), 20);
  EXPECT_EQ(GroupMap(Granularity::kArray, grid, true).count(), 3 * 3);
  EXPECT_EQ(GroupMap(Granularity::kColumn, grid, true).count(), 3 * 20);
}

TEST(Granularity, TheGridNumbersEveryColumnOnce) {
  const ColumnGrid grid{3, 2, 5, 4};
  std::set<int> seen;
  for (int t = 0; t < grid.tiles; ++t) {
    for (int j = 0; j < grid.slices; ++j) {
      for (int o = 0; o < grid.outputs; ++o) seen.insert(grid.column(t, j, o));
    }
  }
  EXPECT_EQ(static_cast<int>(seen.size()), grid.columns());
  EXPECT_EQ(*seen.rbegin(), grid.columns() - 1);
  EXPECT_EQ(grid.column_tiles(), 2);
}

TEST(Granularity, NamesRoundTrip) {
  for (int g = 0; g < 4; ++g) {
    const auto granularity = static_cast<Granularity>(g);
    EXPECT_EQ(parse_granularity(granularity_name(granularity)), granularity);
  }
  EXPECT_EQ(granularity_name(Granularity::kChannel), "channel");
  EXPECT_EQ(error_of([] { parse_granularity("colum"); }),
            "unknown granularity 'colum' (did you mean 'column'?)");
  EXPECT_EQ(error_of([] { parse_granularity(""); }),
            "unknown granularity '' (known: layer, channel, array, column)");
}

}  // namespace
}  // namespace bitline::quant
