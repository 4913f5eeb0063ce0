// Each violation by its name, and changes that are none.
#include "bitline/mapping/verify_mapping.h"

#include <algorithm>
#include <set>

#include "mapping/mapped_net.h"
#include <gtest/gtest.h>

namespace bitline::mapping {
namespace {

class VerifyMapping : public ::testing::Test {
 protected:
  VerifyMapping() {
    chip_.active_rows = 27;
    model_ = chain({{16, 16, 3}, {16, 16, 3, 16}}, 8, config_for(chip_, 4));
    options_.packing = Packing::kStacked;
    mapping_ = map_network(model_, chip_, options_);
  }

  std::set<std::string> names() const {
    std::set<std::string> out;
    for (const Violation& v : verify_mapping(mapping_, model_)) out.insert(v.name);
    return out;
  }

  void expect(const char* name) const { EXPECT_EQ(names().count(name), 1u) << name; }

  Chip chip_ = small_chip(64, 32, 2, 40);
  quant::QuantizedModel model_;
  MappingOptions options_;
  Mapping mapping_;
};

TEST_F(VerifyMapping, AGoodMappingHasNone) {
  EXPECT_TRUE(names().empty());
  EXPECT_GT(mapping_.layers[0].replicas, 1);
}

TEST_F(VerifyMapping, ABlockMayMoveToFreeCells) {
  options_.replicate = false;
  mapping_ = map_network(model_, chip_, options_);
  Block& last = mapping_.blocks.back();
  const bool alone = std::count_if(mapping_.blocks.begin(), mapping_.blocks.end(),
                                   [&](const Block& b) { return b.array == last.array; }) == 1;
  last.array = chip_.capacity() - 1;
  if (!alone) ++mapping_.arrays;
  EXPECT_TRUE(names().empty());
}

TEST_F(VerifyMapping, Layers) {
  mapping_.layers[0].node = "conv7";
  expect("layer-unknown");
  expect("layer-missing");
  mapping_.layers[0].node = "conv1";
  expect("layer-unknown");
}

TEST_F(VerifyMapping, ShapeAndSlices) {
  ++mapping_.layers[0].positions;
  EXPECT_EQ(names(), std::set<std::string>{"layer-shape"});
  --mapping_.layers[0].positions;
  mapping_.layers[0].slices[1].shift = 1;
  EXPECT_EQ(names(), std::set<std::string>{"slices"});
}

TEST_F(VerifyMapping, SlicesMustFitTheirCells) {
  mapping_.chip.cell_bits = 1;
  expect("slices");
}

TEST_F(VerifyMapping, WeightsMissingAndTwice) {
  mapping_.blocks.push_back(mapping_.blocks[0]);
  expect("weight-twice");
  expect("cell-overlap");
  mapping_.blocks.erase(mapping_.blocks.begin());
  EXPECT_TRUE(names().empty());
  mapping_.blocks.pop_back();
  expect("weight-missing");
}

TEST_F(VerifyMapping, AMissingReplica) {
  ++mapping_.layers[0].replicas;
  expect("weight-missing");
}

TEST_F(VerifyMapping, Ranges) {
  mapping_.blocks[0].group = 1;
  expect("block-range");
  mapping_.blocks[0].group = 0;
  mapping_.blocks[0].array = chip_.capacity();
  expect("array-range");
  mapping_.blocks[0].array = 0;
  mapping_.blocks[0].round = 1;
  expect("array-range");
  mapping_.blocks[0].round = 0;
  mapping_.blocks[0].column = 1;
  expect("cell-range");
}

TEST_F(VerifyMapping, WindowsStayWhole) {
  mapping_.blocks[0].rows -= 1;
  expect("window-split");
}

TEST_F(VerifyMapping, ActiveRowsAndReads) {
  Block& second = mapping_.blocks[1];
  ASSERT_EQ(second.array, 0);
  ASSERT_EQ(second.read, 1);
  second.read = 0;  // the columns of both add up, and too many rows work
  expect("active-rows");
  expect("read-conflict");
}

TEST_F(VerifyMapping, RowsOfAReadHaveOneInput) {
  const auto grouped = std::find_if(mapping_.blocks.begin(), mapping_.blocks.end(),
                                    [](const Block& b) { return b.layer == 1; });
  Block& next = *(grouped + 1);
  ASSERT_EQ(next.array, grouped->array);
  next.row = grouped->row;
  expect("read-conflict");
}

// Three 9x2 blocks in a corner of an array: group 0 on the left, group 1 to the right and below it, group 2
// below group 0. When 0 and 1 are read at once, group 1's inputs also drive the cells of group 2.
TEST_F(VerifyMapping, CellsWhereAnotherReadCrosses) {
  options_.replicate = false;
  mapping_ = map_network(model_, chip_, options_);
  std::vector<Block*> grouped;
  for (Block& b : mapping_.blocks)
    if (b.layer == 1) grouped.push_back(&b);
  ASSERT_EQ(grouped[0]->width(), 2);
  for (std::size_t i = 0; i < 3; ++i) {
    grouped[i]->array = chip_.capacity() - 1;
    grouped[i]->read = i == 2 ? 1 : 0;
    grouped[i]->row = i == 0 ? 0 : 9;
    grouped[i]->column = i == 1 ? 2 : 0;
  }
  ++mapping_.arrays;
  EXPECT_EQ(names(), std::set<std::string>{"read-conflict"});
  grouped[1]->read = 2;  // alone
  EXPECT_TRUE(names().empty());
}

TEST_F(VerifyMapping, ArrayCount) {
  ++mapping_.arrays;
  EXPECT_EQ(names(), std::set<std::string>{"array-count"});
}

TEST_F(VerifyMapping, EveryRoundIsUsed) {
  ++mapping_.rounds;
  EXPECT_EQ(names(), std::set<std::string>{"round-count"});
}

TEST_F(VerifyMapping, StopsCounting) {
  for (Block& block : mapping_.blocks) block.group = 99;
  for (int i = 0; i < 8; ++i) mapping_.blocks.insert(mapping_.blocks.end(), 20, mapping_.blocks[0]);
  EXPECT_LE(verify_mapping(mapping_, model_).size(), kMostViolations);
}

}  // namespace
}  // namespace bitline::mapping
