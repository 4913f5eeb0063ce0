// Random layers on random chips: what the mapper makes verifies, and what is then broken does not.
#include <algorithm>

#include "mapping/mapped_net.h"
#include "mapping/random_mappings.h"
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "bitline/mapping/verify_mapping.h"

namespace bitline::mapping {
namespace {

constexpr int kCases = 5000;
constexpr std::uint64_t kSeed = 20250610;

struct Case {
  quant::QuantizedModel model;
  Chip chip;
  MappingOptions options;
};

std::vector<NetLayer> draw_layers() {
  std::vector<NetLayer> layers(static_cast<std::size_t>(draw(1, 3)));
  std::int64_t channels = 0;
  for (NetLayer& l : layers) {
    l.groups = draw(1, 6);
    if (channels % l.groups != 0) l.groups = 1;
    l.in = channels > 0 ? channels : l.groups * draw(1, 12);
    l.out = l.groups * draw(1, 20);
    l.kernel = draw(1, 3);
    l.stride = draw(1, 2);
    channels = l.out;
  }
  return layers;
}

Case draw_case() {
  Case c;
  const int rows = draw(9, 80);
  c.chip = small_chip(rows, draw(1, 40), draw(1, 3), draw(0, 40));
  c.chip.active_rows = draw(9, rows);
  c.chip.arrays_per_macro = draw(1, 3);
  c.chip.macros_per_tile = draw(1, 2);
  const std::string encoding = draw(0, 1) == 0 ? "twos-complement" : "differential";
  c.model = chain(draw_layers(), draw(4, 9), config_for(c.chip, draw(2, 9), encoding));
  c.options.rows = static_cast<RowPolicy>(draw(0, 1));
  c.options.slices = draw(0, 1) == 0 ? Spread::kAuto : Spread::kSeparate;
  c.options.pairs = draw(0, 1) == 0 ? Spread::kAuto : Spread::kSeparate;
  c.options.packing = static_cast<Packing>(draw(0, 2));
  c.options.replicate = draw(0, 1) == 1;
  return c;
}

std::string show(const Mapping& mapping, const std::vector<Violation>& found) {
  std::string out = to_text(mapping);
  for (const Violation& v : found) out += v.name + ": " + v.text + "\n";
  return out;
}

TEST(MappingProperty, WhatTheMapperMakesVerifies) {
  Variety variety;
  EXPECT_TRUE(holds("mappings verify", kCases, kSeed, [&variety] {
    const Case c = draw_case();
    const Mapping mapping = map_network(c.model, c.chip, c.options);
    variety.add(mapping);
    const std::vector<Violation> found = verify_mapping(mapping, c.model);
    RC_LOG() << show(mapping, found);
    RC_ASSERT(found.empty());
    if (c.chip.capacity() > 0 && mapping.rounds == 1) RC_ASSERT(mapping.arrays <= c.chip.capacity());
  }));
  EXPECT_GT(variety.least(), kCases / 50);
}

Block& draw_block(Mapping& mapping) {
  return mapping.blocks[*rc::gen::inRange<std::size_t>(0, mapping.blocks.size())];
}

void drop(Mapping& mapping) {
  const Block& block = draw_block(mapping);
  mapping.blocks.erase(mapping.blocks.begin() + (&block - mapping.blocks.data()));
}

// A second copy, in an array that nobody uses.
void duplicate(Mapping& mapping) {
  Block copy = draw_block(mapping);
  mapping.chip.tiles = 0;
  copy.array = 1 << 20;
  mapping.blocks.push_back(copy);
  ++mapping.arrays;
}

// Onto another block, or out of the array when there is no other.
void move_cells(Mapping& mapping) {
  Block& block = draw_block(mapping);
  const Block& other = draw_block(mapping);
  if (&other == &block) {
    block.row = mapping.chip.rows - block.rows + 1;
    return;
  }
  block.round = other.round;
  block.array = other.array;
  block.row = other.row;
  block.column = other.column;
}

// To weights that are another block's, or no one's.
void move_weights(Mapping& mapping) {
  Block& block = draw_block(mapping);
  switch (draw(0, 3)) {
    case 0:
      block.first_row += block.rows;
      break;
    case 1:
      block.first_output += block.outputs;
      break;
    case 2:
      ++block.replica;
      break;
    default:
      ++block.group;
  }
}

void grow(Mapping& mapping) {
  Block& block = draw_block(mapping);
  switch (draw(0, 3)) {
    case 0:
      ++block.rows;
      break;
    case 1:
      ++block.outputs;
      break;
    case 2:
      ++block.slices;
      break;
    default:
      ++block.parts;
  }
}

void shrink(Mapping& mapping) {
  Block& block = draw_block(mapping);
  draw(0, 1) == 0 ? --block.rows : --block.outputs;
}

TEST(MappingProperty, BrokenMappingsAreCaught) {
  struct Mutation {
    const char* name;
    void (*apply)(Mapping&);
  };
  static constexpr Mutation kMutations[] = {
      {"drop", drop}, {"duplicate", duplicate}, {"move cells", move_cells}, {"move weights", move_weights},
      {"grow", grow}, {"shrink", shrink}};
  EXPECT_TRUE(holds("broken mappings are caught", kCases, kSeed, [] {
    const Case c = draw_case();
    Mapping mapping = map_network(c.model, c.chip, c.options);
    const Mutation& mutation = kMutations[draw(0, 5)];
    const Mapping before = mapping;
    mutation.apply(mapping);
    RC_PRE(!(mapping == before));
    RC_LOG() << mutation.name << "\n" << show(before, {});
    const std::vector<Violation> found = verify_mapping(mapping, c.model);
    RC_ASSERT(!found.empty());
    const std::vector<std::string> names = violation_names();
    for (const Violation& v : found) RC_ASSERT(std::count(names.begin(), names.end(), v.name) == 1);
  }));
}

}  // namespace
}  // namespace bitline::mapping
