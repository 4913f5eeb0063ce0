// ResNet-20 and a MobileNetV2, calibrated and mapped: the arrays give the codes of the integer program.
#include <algorithm>
#include <string>

#include "sim/mapped_case.h"
#include <gtest/gtest.h>

#include "bitline/frontend/zoo.h"
#include "bitline/ir/fold.h"

namespace bitline::sim {
namespace {

constexpr const char* kResNet = "resnet20";
constexpr const char* kMobileNet = "mobilenet_v2_x0_25_cifar";

struct Case {
  const char* network = kResNet;
  const char* encoding = "differential";
  int dac_bits = 0;
  mapping::Spread slices = mapping::Spread::kAuto;
  mapping::Spread pairs = mapping::Spread::kAuto;
  mapping::Packing packing = mapping::Packing::kNone;
  std::int64_t active_rows = 128;
  std::int64_t arrays = 0;
};

struct Mapped {
  quant::QuantizedModel model;
  mapping::Mapping mapping;
};

Mapped mapped(const Case& c) {
  mapping::Chip chip = mapping::small_chip(128, 128, 2, c.arrays);
  chip.active_rows = c.active_rows;
  CalibrateOptions options;
  options.config = mapping::config_for(chip, 4, c.encoding);
  options.config.dac_bits = c.dac_bits;
  options.policy.shortcut = options.policy.last = mapping::Placement::kArray;
  const ir::Graph graph = ir::fold_batch_norm(frontend::zoo(c.network, 10, 4));
  Mapped out;
  out.model = calibrate(graph, random_inputs(graph, 2, 1), options, {});
  mapping::MappingOptions mapping_options;
  mapping_options.slices = c.slices;
  mapping_options.pairs = c.pairs;
  mapping_options.packing = c.packing;
  out.mapping = map_network(out.model, chip, mapping_options);
  return out;
}

void expect_equal(const Mapped& m) {
  const ir::Tensor images = random_inputs(m.model.graph, 1, 2);
  const Execution expected = run(Network(m.model), images);
  EXPECT_EQ(expected.trace.size(), m.mapping.layers.size());
  EXPECT_EQ(difference(expected, run(MappedNetwork(m.model, m.mapping), images, 2)), "");
}

TEST(MappedNetworks, ResNet20) {
  expect_equal(mapped({}));
  expect_equal(mapped({.encoding = "twos-complement"}));
}

TEST(MappedNetworks, ResNet20BitSerialOnApartSlicesAndPairs) {
  expect_equal(
      mapped({.dac_bits = 1, .slices = mapping::Spread::kSeparate, .pairs = mapping::Spread::kSeparate}));
}

TEST(MappedNetworks, ResNet20InReadsOfFewRows) {
  const Mapped m = mapped({.packing = mapping::Packing::kStacked, .active_rows = 36});
  EXPECT_TRUE(std::any_of(m.mapping.blocks.begin(), m.mapping.blocks.end(),
                          [](const mapping::Block& b) { return b.read > 0; }));
  expect_equal(m);
}

TEST(MappedNetworks, ResNet20WithReplicasAndInRounds) {
  const Mapped replicas = mapped({.arrays = 300});
  EXPECT_GT(replicas.mapping.layers[0].replicas, 4);
  expect_equal(replicas);
  const Mapped rounds = mapped({.arrays = 16});
  EXPECT_GT(rounds.mapping.rounds, 3);
  expect_equal(rounds);
}

TEST(MappedNetworks, MobileNetInEveryPacking) {
  std::int64_t arrays = 1 << 20;
  for (const auto packing :
       {mapping::Packing::kNone, mapping::Packing::kDiagonal, mapping::Packing::kStacked}) {
    const Mapped m = mapped({.network = kMobileNet, .packing = packing});
    EXPECT_LE(m.mapping.arrays, arrays);
    arrays = m.mapping.arrays;
    expect_equal(m);
  }
}

TEST(MappedNetworks, MobileNetBitSerialInRounds) {
  const Mapped m = mapped({.network = kMobileNet,
                           .encoding = "twos-complement",
                           .dac_bits = 1,
                           .packing = mapping::Packing::kDiagonal,
                           .arrays = 24});
  EXPECT_GT(m.mapping.rounds, 2);
  expect_equal(m);
}

}  // namespace
}  // namespace bitline::sim
