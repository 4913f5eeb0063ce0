// Boards: everything times the number of chips.
#include "bitline/hardware/board.h"

#include "base/error_of.h"
#include "hardware/small_chip.h"
#include <gtest/gtest.h>

namespace bitline::hardware {
namespace {

TEST(Board, OneChipIsTheChip) {
  const HardwareSpec one = board_of(parse_small(), 1);
  EXPECT_EQ(one.name, "small");
  EXPECT_EQ(one.chip.members->value, 3.0);
}

TEST(Board, TilesAndChipComponentsMultiply) {
  const HardwareSpec isaac = open_hardware(io::posix(), "isaac"), four = board_of(isaac, 4);
  EXPECT_EQ(four.name, "ISAAC-CE x 4");
  EXPECT_EQ(four.chips, 4);
  EXPECT_DOUBLE_EQ(four.chip.members->value, 4 * 168.0);
  EXPECT_DOUBLE_EQ(four.chip.components[0].power->value, 4 * 10.4) << "of a group";
  EXPECT_DOUBLE_EQ(four.chip.components[0].count->value, 16.0);
  EXPECT_DOUBLE_EQ(four.tile.components[0].power->value, isaac.tile.components[0].power->value);
  const HardwareSpec cascade = board_of(open_hardware(io::posix(), "cascade"), 2);
  EXPECT_DOUBLE_EQ(cascade.weights.bandwidth->value, 2 * 25.6e9);
  EXPECT_FALSE(four.published.chip_power) << "published totals are of one chip";
}

TEST(Board, DigitalComparatorsMultiply) {
  const HardwareSpec node = open_hardware(io::posix(), "dadiannao"), nodes = board_of(node, 16);
  EXPECT_DOUBLE_EQ(nodes.accelerator.units->value, 256.0);
  EXPECT_DOUBLE_EQ(nodes.accelerator.memory->value, 16.0 * 36 * 1024 * 1024);
  EXPECT_DOUBLE_EQ(nodes.accelerator.inputs->value, 16.0);
  EXPECT_EQ(nodes.chip.components[0].count->value, 16.0);
  EXPECT_DOUBLE_EQ(nodes.chip.components[0].power->value, 4.8) << "of one of 16 instances";
  const HardwareSpec boards = board_of(open_hardware(io::posix(), "rtx2080"), 2);
  EXPECT_DOUBLE_EQ(boards.roofline.peak->value, 2 * 161e12);
  EXPECT_DOUBLE_EQ(boards.roofline.power->value, 430.0);
}

TEST(Board, HasAtLeastOneChip) {
  EXPECT_EQ(error_of([] { board_of(parse_small(), 0); }), "a board has at least one chip");
}

}  // namespace
}  // namespace bitline::hardware
