// Flows of graphs and uses of buffers, registers, buses and routers, against counts by hand.
#include "bitline/estimate/traffic.h"

#include <algorithm>

#include "base/error_of.h"
#include "hardware/small_chip.h"
#include "mapping/mapped_net.h"
#include <gtest/gtest.h>

#include "bitline/estimate/estimate.h"
#include "bitline/mapping/map_network.h"

namespace bitline::estimate {
namespace {

using hardware::parse_small;
using mapping::NetLayer;

// The small chip with further components of a level, on one line.
hardware::HardwareSpec chip_with(const std::string& level, const std::string& component) {
  const std::string after = level == "macro"
                                ? "shift_add: {kind: shift-add, power: 1 mW, area: 10 um2, cite: d}\n"
                            : level == "tile" ? "power: 10 mW, area: 0.02 mm2, cite: d}\n"
                                              : "";
  if (level == "chip")
    return parse_small(hardware::changed("chip: {tiles: 3, cite: d}",
                                         "chip:\n  tiles: 3\n  cite: d\n  components:\n    " + component));
  return parse_small(hardware::changed(after, after + "    " + component + "\n"));
}

quant::QuantizedModel model_of(const std::vector<NetLayer>& layers) {
  return mapping::chain(layers, 2, mapping::config_for(mapping::chip_of(parse_small()), 4));
}

// Energy of the component, whose uses cost 1 pJ, in pJ: its uses.
double uses(const std::string& level, const std::string& component, const std::vector<NetLayer>& layers) {
  const hardware::HardwareSpec spec = chip_with(level, component);
  const quant::QuantizedModel model = model_of(layers);
  mapping::MappingOptions once;
  once.replicate = false;
  const mapping::Mapping mapping = mapping::map_network(model, mapping::chip_of(spec), once);
  EstimateOptions options;
  options.flow = dataflow_of(model, mapping);
  const Estimate e = estimate(mapping, spec, {}, options);
  const auto it = std::find(e.parts.begin(), e.parts.end(), level + ".mine");
  EXPECT_NE(it, e.parts.end());
  EXPECT_TRUE(e.complete()) << (e.absent.empty() ? "" : e.absent.front());
  return e.part_energy[static_cast<std::size_t>(it - e.parts.begin())] * 1e12;
}

// Two arrays of one macro: outputs 0..31 and 32..39, both row tiles of 32 rows in each; 4 positions.
const std::vector<NetLayer> kOne = {{64, 40, 1}};
// Six row tiles: arrays 0 to 2 hold outputs 0..31, 3 to 5 the others; macros of two arrays, all in one tile.
const std::vector<NetLayer> kTall = {{192, 40, 1}};

TEST(Traffic, BuffersReadRowTilesAndWriteOutputs) {
  // row tiles of 32 x 4 bits are read once for both arrays, outputs are 32 x 4 and 8 x 4 bits
  EXPECT_NEAR(uses("tile", "mine: {kind: buffer, width: 256, energy: 1 pJ, cite: e}", kOne), 4 * (2 + 2),
              1e-9);
  EXPECT_NEAR(uses("tile", "mine: {kind: buffer, width: 32, energy: 1 pJ, cite: e}", kOne),
              4 * (2 * 4 + 4 + 1), 1e-9);
  EXPECT_NEAR(uses("tile", "mine: {kind: buffer, holds: inputs, width: 32, energy: 1 pJ, cite: e}", kOne),
              4 * 2 * 4, 1e-9);
  EXPECT_NEAR(uses("tile", "mine: {kind: buffer, holds: outputs, width: 32, energy: 1 pJ, cite: e}", kOne),
              4 * (4 + 1), 1e-9);
}

TEST(Traffic, RegistersAreWrittenAndRead) {
  // sums have 4 + 4 + 6 bits
  EXPECT_NEAR(uses("macro", "mine: {kind: register, holds: inputs, width: 64, energy: 1 pJ, cite: e}", kOne),
              2 * 4 * 2 * 2, 1e-9);
  EXPECT_NEAR(uses("macro", "mine: {kind: register, holds: outputs, width: 64, energy: 1 pJ, cite: e}", kOne),
              2 * 4 * (7 + 2), 1e-9);
  EXPECT_NEAR(uses("macro", "mine: {kind: register, width: 64, energy: 1 pJ, cite: e}", kOne),
              2 * 4 * (4 + 9), 1e-9);
}

TEST(Traffic, BusesCarryPartialSums) {
  const std::string bus = "mine: {kind: bus, width: 16, energy: 1 pJ, cite: e}";
  EXPECT_NEAR(uses("tile", bus, kOne), 4 * (2 * 8 + 8 + 2), 1e-9);
  // sums of 16 bits: array 2 sends 32 to macro 0, arrays 4 and 5 send 8 to macro 1
  EXPECT_NEAR(uses("tile", bus, kTall), 4 * (6 * 8 + 8 + 2 + 32 + 2 * 8), 1e-9);
  // of the macros' own buses array 1 uses one, the others two; each macro takes four row tiles
  EXPECT_NEAR(uses("macro", bus, kTall), 4 * (3 * 4 * 8 + 8 + 2 + 32 + 2 * 32 + 2 * 8 + 2 * 8), 1e-9);
}

TEST(Traffic, RoutersCountHopsBetweenLayers) {
  // conv0 fills tile 0 at (0, 0), conv1 is in tile 1 at (1, 0): 256 x 4 values there, 8 x 4 back
  EXPECT_NEAR(
      uses("tile", "mine: {kind: router, width: 32, energy: 1 pJ, cite: e}", {{64, 256, 1}, {256, 8, 1}}),
      128 + 4, 1e-9);
}

TEST(Traffic, RoutersCarryPartialSumsBetweenTiles) {
  // 18 row tiles in arrays 0 to 8, the last in tile 1: sums of 4 + 4 + 10 bits make one hop; picture and
  // result are a ninth of a hop from the first tile
  EXPECT_NEAR(uses("tile", "mine: {kind: router, width: 18, energy: 1 pJ, cite: e}", {{576, 32, 1}}),
              4 * 32 + (576 * 16 / 18 + 29) / 9.0, 1e-9);
}

TEST(Traffic, LinksCarryPictureAndResult) {
  EXPECT_NEAR(uses("chip", "mine: {kind: link, energy: 1 pJ, cite: e}", kOne), (64 * 4 + 40 * 4) * 0.5, 1e-9);
}

TEST(Traffic, TilesLieOnANearSquareGrid) {
  EXPECT_EQ(place_of_tile(0, 168).x, 0.0);
  EXPECT_EQ(place_of_tile(12, 168).x, 12.0);
  EXPECT_EQ(place_of_tile(13, 168).y, 1.0);
  EXPECT_EQ(hops(place_of_tile(5, 9), place_of_tile(6, 9)), 3.0);
}

// conv0 - relu - conv1 - add (with relu) - pool - conv2 - concat (with pool) - result
quant::QuantizedModel branches() {
  quant::QuantizedModel model;
  ir::Graph& g = model.graph;
  const auto conv = [&](const std::string& name, ir::ValueId x, std::int64_t in, std::int64_t out, int bits) {
    model.layers[name].config = mapping::config_for(mapping::chip_of(parse_small()), 4);
    model.layers[name].config.activation_bits = bits;
    return g.add_node(name, ir::Conv{}, {x, g.add_constant(name + ".w", ir::Tensor({out, in, 1, 1}))});
  };
  const ir::ValueId x = g.add_input("x", {ir::kBatch, 3, 4, 4});
  const ir::ValueId relu = g.add_node("relu", ir::Relu{}, {conv("conv0", x, 3, 8, 6)});
  const ir::ValueId sum = g.add_node("add", ir::Add{}, {relu, conv("conv1", relu, 8, 8, 5)});
  ir::MaxPool pool;
  pool.window.kernel = pool.window.stride = {2, 2};
  const ir::ValueId small = g.add_node("pool", pool, {sum});
  const ir::ValueId last = conv("conv2", small, 8, 2, 3);
  g.set_output(g.add_node("concat", ir::Concat{1}, {last, small}));
  return model;
}

TEST(Dataflow, FollowsBranches) {
  const quant::QuantizedModel model = branches();
  const Dataflow flow = dataflow_of(model, mapping::map_network(model, mapping::chip_of(parse_small()), {}));
  const std::vector<Transfer> expected = {{-1, 0, 48, 6}, {0, 1, 128, 5}, {0, 2, 32, 3}, {1, 2, 32, 3},
                                          {0, -1, 32, 6}, {1, -1, 32, 5}, {2, -1, 8, 3}};
  EXPECT_EQ(flow.flows, expected);
  const std::vector<LayerData> layers = {
      {6, 16, 6, 128, 0, 0, 0}, {5, 16, 5, 0, 128, 128, 0}, {3, 16, 3, 0, 0, 0, 0}};
  EXPECT_EQ(flow.layers, layers);
}

// A gate has a value a channel, which the product spreads over the picture.
TEST(Dataflow, AGateMovesItsOwnValues) {
  quant::QuantizedModel model;
  ir::Graph& g = model.graph;
  const auto conv = [&](const std::string& name, ir::ValueId x, std::int64_t in, std::int64_t out) {
    model.layers[name].config = mapping::config_for(mapping::chip_of(parse_small()), 4);
    model.layers[name].config.activation_bits = 4;
    return g.add_node(name, ir::Conv{}, {x, g.add_constant(name + ".w", ir::Tensor({out, in, 1, 1}))});
  };
  const ir::ValueId first = conv("conv0", g.add_input("x", {ir::kBatch, 3, 4, 4}), 3, 8);
  const ir::ValueId gate = conv("conv1", g.add_node("squeeze", ir::GlobalAveragePool{}, {first}), 8, 8);
  g.set_output(conv("conv2", g.add_node("mul", ir::Mul{}, {first, gate}), 8, 2));
  const Dataflow flow = dataflow_of(model, mapping::map_network(model, mapping::chip_of(parse_small()), {}));
  const std::vector<Transfer> expected = {
      {-1, 0, 48, 4}, {0, 1, 8, 4}, {0, 2, 128, 4}, {1, 2, 8, 4}, {2, -1, 32, 4}};
  EXPECT_EQ(flow.flows, expected);
  EXPECT_EQ(flow.layers[1].operations, 128.0);
}

// conv0 on arrays and conv1, 40 x 8 weights on 4 positions, in logic.
struct InLogic {
  quant::QuantizedModel model = model_of({{64, 40, 1}, {40, 8, 1}});
  hardware::HardwareSpec spec;
  Estimate e;

  explicit InLogic(const std::string& component) : spec(chip_with("tile", component)) {
    model.layers["conv1"].config = quant::digital_config();
    const mapping::Mapping mapping = mapping::map_network(model, mapping::chip_of(spec), {});
    EstimateOptions options;
    options.flow = dataflow_of(model, mapping);
    e = estimate(mapping, spec, {"conv1"}, options);
  }
};

TEST(DigitalUnit, PaysForLayersInLogic) {
  const InLogic by_energy("mine: {kind: digital, energy: 1 pJ, cite: e}");
  EXPECT_NEAR(by_energy.e.part_energy.back(), 40 * 8 * 4 * 1e-12, 1e-24);
  EXPECT_EQ(by_energy.e.absent, std::vector<std::string>{"conv1: in logic, no peak: takes no time"});
  EXPECT_DOUBLE_EQ(*by_energy.e.latency, *by_energy.e.layers[0].stage);
  EXPECT_FALSE(by_energy.e.frames().has_value());
  EXPECT_FALSE(by_energy.e.energy_delay().has_value());
  // 2 GOPS at 1 mW: 1 pJ a MAC; three tiles have 6 GOPS
  const InLogic by_power("mine: {kind: digital, power: 1 mW, peak: 2 GOPS, cite: e}");
  EXPECT_NEAR(by_power.e.part_energy.back(), 40 * 8 * 4 * 1e-12, 1e-24);
  EXPECT_DOUBLE_EQ(*by_power.e.latency, *by_power.e.layers[0].stage + 2 * 1280 / 6e9);
  EXPECT_DOUBLE_EQ(*by_power.e.period, std::max(*by_power.e.layers[0].stage, 2 * 1280 / 6e9));
}

TEST(DigitalUnit, SeveralShareTheWork) {
  const auto energies = [](const std::string& mine, const std::string& other) {
    const InLogic both("mine: {kind: digital, energy: 1 pJ, " + mine +
                       "cite: e}\n    other: {kind: digital, energy: 3 pJ, " + other + "cite: e}");
    std::vector<double> out(both.e.part_energy.end() - 2, both.e.part_energy.end());
    for (double& energy : out) energy /= 40 * 8 * 4 * 1e-12;
    out.push_back(*both.e.latency - *both.e.layers[0].stage);
    return out;
  };
  const auto expect = [](const std::vector<double>& found, double mine, double other, double time) {
    EXPECT_NEAR(found[0], mine, 1e-12);
    EXPECT_NEAR(found[1], other, 1e-12);
    EXPECT_NEAR(found[2], time, 1e-15);
  };
  expect(energies("peak: 2 GOPS, ", "peak: 6 GOPS, "), 0.25, 0.75 * 3, 2 * 1280 / 24e9);
  expect(energies("peak: 2 GOPS, ", "peak: 2 GOPS, count: 3, per: instance, "), 0.25, 0.75 * 3,
         2 * 1280 / 24e9);
  expect(energies("", ""), 0.5, 0.5 * 3, 0.0);
  expect(energies("", "peak: 6 GOPS, "), 0.0, 3, 2 * 1280 / 18e9);
}

TEST(DigitalUnit, WithoutOneLayersAreNamed) {
  const Estimate none = InLogic("mine: {kind: alu, power: 1 mW, cite: e}").e;
  EXPECT_EQ(none.elsewhere, std::vector<std::string>{"conv1"});
  EXPECT_TRUE(none.complete() && none.frames()) << "of the layers that the chip runs";
  const Estimate costless = InLogic("mine: {kind: digital, area: 1 mm2, cite: e}").e;
  EXPECT_EQ(costless.absent, std::vector<std::string>{"tile.mine: no power, no energy"});
  EXPECT_EQ(costless.elsewhere, std::vector<std::string>{"conv1"});
}

TEST(DigitalUnit, ContradictionsAreRefused) {
  const auto error = error_of(
      [] { chip_with("tile", "mine: {kind: digital, energy: 3 pJ, power: 1 mW, peak: 2 GOPS, cite: e}"); });
  EXPECT_NE(error.find("the power of 'mine' is 1 mW, but the energy of its MACs at its peak is 3 mW"),
            std::string::npos)
      << error;
}

TEST(Traffic, WhatCannotBeCountedIsNamed) {
  const auto absent = [](const hardware::HardwareSpec& spec, bool with_flow) {
    const quant::QuantizedModel model = model_of(kOne);
    const mapping::Mapping mapping = mapping::map_network(model, mapping::chip_of(spec), {});
    EstimateOptions options;
    if (with_flow) options.flow = dataflow_of(model, mapping);
    return estimate(mapping, spec, {}, options).absent;
  };
  using Names = std::vector<std::string>;
  const hardware::HardwareSpec narrow = chip_with("tile", "mine: {kind: buffer, energy: 1 pJ, cite: e}");
  EXPECT_EQ(absent(narrow, true), Names{"tile.mine: no width"});
  EXPECT_EQ(absent(narrow, false), Names{"tile.mine: no count of its uses"});
  const hardware::HardwareSpec control = chip_with("tile", "mine: {kind: controller, energy: 1 pJ, cite: e}");
  EXPECT_EQ(absent(control, true), Names{"tile.mine: no count of its uses"});
}

// Four times the positions are four times the uses of every part by every layer; arrays of conv1 lie in three
// tiles.
TEST(Traffic, UsesGrowWithThePositions) {
  const hardware::HardwareSpec spec =
      chip_with("tile", "mine: {kind: router, width: 8, energy: 1 pJ, cite: e}");
  const auto run = [&spec](std::int64_t size) {
    const quant::QuantizedModel model =
        mapping::chain({{64, 200, 1}, {200, 70, 1}, {70, 8, 1}}, size,
                       mapping::config_for(mapping::chip_of(parse_small()), 4));
    mapping::MappingOptions once;
    once.replicate = false;
    once.reload = true;
    const mapping::Mapping mapping = mapping::map_network(model, mapping::chip_of(spec), once);
    EXPECT_EQ(mapping.rounds, 1);
    EstimateOptions options;
    options.flow = dataflow_of(model, mapping);
    return estimate(mapping, spec, {}, options);
  };
  const Estimate small = run(2), large = run(4);
  ASSERT_EQ(small.parts, large.parts);
  EXPECT_GT(small.part_energy.back(), 0.0);
  for (std::size_t p = 0; p < small.parts.size(); ++p)
    EXPECT_NEAR(large.part_energy[p] / small.part_energy[p], 4.0, 1e-12) << small.parts[p];
  for (std::size_t l = 0; l < small.layers.size(); ++l)
    EXPECT_NEAR(large.layers[l].total / small.layers[l].total, 4.0, 1e-12) << small.layers[l].node;
  EXPECT_NEAR(large.energy / small.energy, 4.0, 1e-12);
}

}  // namespace
}  // namespace bitline::estimate
