// Analog accumulation: fewer conversions than sums, their resolution, and the time they take.
#include "bitline/estimate/accumulation.h"

#include <algorithm>

#include "estimate/outline_case.h"
#include "hardware/small_chip.h"
#include "mapping/mapped_net.h"
#include <gtest/gtest.h>

#include "bitline/estimate/pipeline.h"
#include "bitline/estimate/technology.h"

namespace bitline::estimate {
namespace {

using hardware::changed;
using hardware::HardwareSpec;
using hardware::parse_small;

// The small chip, whose weights have 2 slices and inputs 4 cycles, with one conversion for all eight sums.
HardwareSpec accumulating(const std::string& conversions = "1") {
  return parse_small(
      changed("macro:\n  components:\n",
              "accumulation: {cycles: 4, columns: 2, conversions: " + conversions +
                  ", cite: e}\nmacro:\n  components:\n    amplifier: {kind: amplifier, energy: 3 fJ, "
                  "cite: e}\n    analog: {kind: analog-buffer, energy: 2 fJ, cite: e}\n"));
}

double part(const Estimate& e, const std::string& name) {
  const auto it = std::find(e.parts.begin(), e.parts.end(), name);
  return it == e.parts.end() ? -1.0 : e.part_energy[static_cast<std::size_t>(it - e.parts.begin())];
}

// One 1x1 convolution of 32 inputs and 20 outputs on 2x2 positions.
Estimate small_layer(const HardwareSpec& spec) {
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {ir::kBatch, 32, 2, 2});
  graph.set_output(
      graph.add_node("conv", ir::Conv{}, {x, graph.add_constant("w", ir::Tensor({20, 32, 1, 1}))}));
  return estimate(map_outline(graph, spec, false), spec, {}, {});
}

TEST(Accumulation, GroupsAreNeverShared) {
  const hardware::Accumulation& a = accumulating().accumulation;
  EXPECT_EQ(conversions_of({}, 8, 16), 128);
  EXPECT_EQ(conversions_of(a, 2, 4), 1);
  EXPECT_EQ(conversions_of(a, 1, 1), 1);
  EXPECT_EQ(conversions_of(a, 3, 9), 2 * 3);
}

TEST(Accumulation, ConvertsGroupsAndChargesSums) {
  const Estimate plain = small_layer(parse_small()), few = small_layer(accumulating());
  const double sums = 20 * 2 * 4 * 4;
  EXPECT_DOUBLE_EQ(plain.layers[0].conversions, sums);
  EXPECT_DOUBLE_EQ(few.layers[0].conversions, 20 * 4);
  EXPECT_NEAR(part(few, "adc"), part(plain, "adc") / 8, 1e-24);
  EXPECT_NEAR(part(few, "macro.amplifier"), sums * 3e-15, 1e-24);
  EXPECT_NEAR(part(few, "macro.analog"), sums * 2e-15, 1e-24);
  EXPECT_TRUE(few.complete());
}

TEST(Accumulation, TheCycleIsThatOfTheConversions) {
  // 32 groups in each of two arrays, 16 ADCs at 1 GS/s, over 4 cycles: 1 ns a conversion of each group
  EXPECT_DOUBLE_EQ(*conversion_cycle(accumulating()), 1e-9);
  EXPECT_DOUBLE_EQ(*roll_up(accumulating()).cycle, 10e-9);
  EXPECT_DOUBLE_EQ(*conversion_cycle(accumulating("8")), 8e-9);
  EXPECT_DOUBLE_EQ(*conversion_cycle(parse_small()), 8e-9);
}

// One 1x1 convolution of 32 inputs on 2x2 positions, in one array.
Estimate at_precision(const HardwareSpec& spec, int weight_bits, int input_bits, std::int64_t outputs) {
  quant::CimConfig config = mapping::config_for(mapping::chip_of(spec), weight_bits);
  config.activation_bits = input_bits;
  mapping::MappingOptions once;
  once.replicate = false;
  return estimate(
      mapping::map_network(mapping::chain({{32, outputs, 1}}, 2, config), mapping::chip_of(spec), once), spec,
      {}, {});
}

// An array has half of the 16 ADCs of its macro: 8 GS/s.
TEST(Accumulation, AStageTakesAsLongAsItsConversions) {
  const HardwareSpec spec = accumulating("8");
  const Estimate own = at_precision(spec, 4, 4, 32);
  EXPECT_DOUBLE_EQ(*own.layers[0].stage, 4 * 4 * 10e-9);
  // one slice a weight: twice the groups
  const Estimate narrow = at_precision(spec, 2, 4, 64);
  EXPECT_DOUBLE_EQ(narrow.layers[0].conversions, 4 * 64 * 8);
  EXPECT_DOUBLE_EQ(*narrow.layers[0].stage, 4 * 64e-9);
  EXPECT_DOUBLE_EQ(narrow.layers[0].conversions / *narrow.layers[0].stage, 8e9);
  EXPECT_DOUBLE_EQ(part(narrow, "macro.shift_add"), 1e-3 * *narrow.layers[0].stage);
  // two cycles: the same groups in half the time
  const Estimate few_cycles = at_precision(spec, 4, 2, 32);
  EXPECT_DOUBLE_EQ(*few_cycles.layers[0].stage, 4 * 32e-9);
  EXPECT_DOUBLE_EQ(*few_cycles.period, 4 * 32e-9);
}

TEST(Accumulation, APipelineWaitsForConversions) {
  const HardwareSpec spec = accumulating("8");
  const mapping::Chip chip = mapping::chip_of(spec);
  quant::CimConfig config = mapping::config_for(chip, 2);
  config.activation_bits = 4;
  mapping::MappingOptions once;
  once.replicate = false;
  const quant::QuantizedModel model = mapping::chain({{32, 64, 1}}, 2, config);
  const Pipeline p = simulate_pipeline(mapping::map_network(model, chip, once), model, spec, {}, {});
  EXPECT_NEAR(p.latency, 4 * 64e-9, 1e-18);
  EXPECT_NEAR(*p.period, 4 * 64e-9, 1e-18);
}

TEST(Accumulation, PowerCountsTheMacrosOfALevel) {
  const auto power = [](const HardwareSpec& spec, const std::string& name) {
    const RollUp r = roll_up(spec);
    const auto it = std::find_if(r.components.begin(), r.components.end(),
                                 [&](const ComponentTotal& c) { return c.name == name; });
    return it == r.components.end() ? 0.0 : it->power.value_or(0.0);
  };
  const std::string amplifier = "amplifier: {kind: amplifier, energy: 3 fJ, cite: e}\n";
  const double macro = 2 * 64 / 10e-9 * 3e-15;
  EXPECT_DOUBLE_EQ(power(parse_small(changed("    router: {kind", "    " + amplifier + "    router: {kind")),
                         "tile.amplifier"),
                   4 * macro);
  const HardwareSpec chip = parse_small(
      changed("chip: {tiles: 3, cite: d}", "chip:\n  tiles: 3\n  cite: d\n  components:\n    " + amplifier));
  EXPECT_DOUBLE_EQ(power(chip, "chip.amplifier"), 12 * macro);
}

TEST(Accumulation, PowerIsThatOfAllColumns) {
  const HardwareSpec spec = accumulating();
  const RollUp r = roll_up(spec);
  const auto it = std::find_if(r.components.begin(), r.components.end(),
                               [](const ComponentTotal& c) { return c.name == "macro.amplifier"; });
  ASSERT_NE(it, r.components.end());
  EXPECT_NEAR(*it->power, 2 * 64 / 10e-9 * 3e-15, 1e-18);
  EXPECT_EQ(it->power_formula, "3 fJ x 12.8 GS/s");
}

TEST(Accumulation, ResolutionsAreSpreadEvenly) {
  const auto energy = [](const char* bits) {
    return adc_factors(
               parse_small(changed("kind: sar, bits: 8", std::string("kind: sar, stated_bits: 8, ") + bits))
                   .adc)
        .energy;
  };
  EXPECT_DOUBLE_EQ(energy("bits: 8, low_bits: 8"), 1.0);
  EXPECT_DOUBLE_EQ(
      energy("bits: 10, low_bits: 6"),
      (energy("bits: 6") + energy("bits: 7") + 1.0 + energy("bits: 9") + energy("bits: 10")) / 5);
}

}  // namespace
}  // namespace bitline::estimate
