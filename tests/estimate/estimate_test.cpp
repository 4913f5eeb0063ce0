// Costs of mapped networks against sums by hand and against the static roll-up.
#include "bitline/estimate/estimate.h"

#include <algorithm>
#include <cmath>

#include "base/error_of.h"
#include "hardware/small_chip.h"
#include "mapping/mapped_net.h"
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "bitline/mapping/map_network.h"

namespace bitline::estimate {
namespace {

using hardware::changed;
using hardware::HardwareSpec;
using hardware::parse_small;
using mapping::NetLayer;

// 1x1 convolutions with the chip's own operands.
quant::QuantizedModel network(const HardwareSpec& spec, const std::vector<NetLayer>& layers,
                              std::int64_t size) {
  quant::CimConfig config = mapping::config_for(mapping::chip_of(spec), 4);
  config.weight_bits = static_cast<int>(spec.operands.weight_bits->value);
  config.activation_bits = static_cast<int>(spec.operands.input_bits->value);
  return mapping::chain(layers, size, config);
}

struct Case {
  HardwareSpec spec;
  quant::QuantizedModel model;
  mapping::Mapping mapping;

  Case(HardwareSpec s, const std::vector<NetLayer>& layers, std::int64_t size,
       const mapping::MappingOptions& options = {})
      : spec(std::move(s)),
        model(network(spec, layers, size)),
        mapping(mapping::map_network(model, mapping::chip_of(spec), options)) {}

  Estimate run(const EstimateOptions& options = {}) const { return estimate(mapping, spec, {}, options); }
};

double part(const Estimate& e, const std::string& name) {
  const auto it = std::find(e.parts.begin(), e.parts.end(), name);
  EXPECT_NE(it, e.parts.end()) << name;
  return it == e.parts.end() ? -1.0 : e.part_energy[static_cast<std::size_t>(it - e.parts.begin())];
}

mapping::MappingOptions once() {
  mapping::MappingOptions options;
  options.replicate = false;
  return options;
}

// 64 inputs, 40 outputs of two slices: row tiles of 32, one array of 32 outputs and one of 8, on 4 positions
// of 4 input bits. Both row tiles of an output are in one array, read one after the other.
TEST(Estimate, ASmallLayerByHand) {
  const Case c(parse_small(), {{64, 40, 1}}, 2, once());
  ASSERT_EQ(c.mapping.arrays, 2);
  const Estimate e = c.run();
  EXPECT_EQ(e.macs, 64 * 40 * 4);
  EXPECT_DOUBLE_EQ(e.layers[0].array_reads, 2 * 2 * 16);
  EXPECT_DOUBLE_EQ(e.layers[0].row_uses, 2 * 64 * 16);
  EXPECT_DOUBLE_EQ(e.layers[0].conversions, 2 * 40 * 2 * 16);
  EXPECT_DOUBLE_EQ(*e.period, 2 * 16 * 10e-9);
  EXPECT_DOUBLE_EQ(*e.latency, *e.period);
  EXPECT_DOUBLE_EQ(part(e, "array"), 64 * 1e-3 * 10e-9);
  EXPECT_DOUBLE_EQ(part(e, "dac"), 2048 * 2e-3 / 128 * 10e-9);
  EXPECT_DOUBLE_EQ(part(e, "adc"), 2560 * 2e-3 * 1e-9);
  EXPECT_DOUBLE_EQ(part(e, "macro.shift_add"), 1e-3 * *e.period);  // both arrays are in one macro
  EXPECT_DOUBLE_EQ(part(e, "tile.router"), 5e-3 * *e.period);
  EXPECT_TRUE(e.complete());
  EXPECT_DOUBLE_EQ(*e.frames(), 1.0 / 320e-9);
  EXPECT_DOUBLE_EQ(*e.operations_rate(), 2 * 10240 / 320e-9);
  EXPECT_DOUBLE_EQ(*e.operations_per_joule(), 2 * 10240 / e.energy);
  EXPECT_DOUBLE_EQ(*e.energy_delay(), e.energy * 320e-9);
  EXPECT_DOUBLE_EQ(*e.operations_per_area(), *e.operations_rate() / roll_up(c.spec).chip().area);
}

TEST(Estimate, DensitiesScaleReadsAndRows) {
  const Case c(parse_small(), {{64, 40, 1}, {40, 8, 1}}, 2);
  EstimateOptions options;
  options.density = {0.5, 0.25};
  const Estimate full = c.run(), half = c.run(options);
  EXPECT_DOUBLE_EQ(part(half, "array"), part(full, "array") / 8);
  EXPECT_DOUBLE_EQ(part(half, "dac"), part(full, "dac") / 2);
  EXPECT_DOUBLE_EQ(part(half, "adc"), part(full, "adc"));
  options = {};
  options.layers["conv1"] = {0.5, 1.0};
  const Estimate one = c.run(options);
  EXPECT_DOUBLE_EQ(one.layers[0].total, full.layers[0].total);
  EXPECT_LT(one.layers[1].total, full.layers[1].total);
}

TEST(Estimate, ConversionsStopEarly) {
  const Case c(parse_small(), {{64, 40, 1}, {40, 8, 1}}, 2);
  EstimateOptions options;
  options.adc_bits = {{"conv0", 4.0}, {"conv1", 12.0}};
  const Estimate full = c.run(), early = c.run(options);
  const std::size_t adc =
      static_cast<std::size_t>(std::find(full.parts.begin(), full.parts.end(), "adc") - full.parts.begin());
  // sar, half of it linear: 0.5 x 4/8 + 0.5 x 2^-4
  EXPECT_DOUBLE_EQ(early.layers[0].energy[adc], full.layers[0].energy[adc] * 0.28125);
  EXPECT_DOUBLE_EQ(early.layers[1].energy[adc], full.layers[1].energy[adc]);
  EXPECT_DOUBLE_EQ(full.energy - early.energy, full.part_energy[adc] - early.part_energy[adc]);
}

// A layer that fills every array of ISAAC all the time costs what Table I adds up to, and reaches its peak.
TEST(Estimate, FullUseIsTheRollUp) {
  const HardwareSpec isaac = hardware::open_hardware(io::posix(), "isaac");
  mapping::MappingOptions options;
  quant::QuantizedModel model = network(isaac, {{128, 16, 1}}, 1);
  // 126 x 128 positions: a replica in each of the 16,128 arrays
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {ir::kBatch, 128, 126, 128});
  graph.set_output(
      graph.add_node("conv0", ir::Conv{}, {x, graph.add_constant("w", ir::Tensor({16, 128, 1, 1}))}));
  model.graph = graph;
  const mapping::Mapping full = mapping::map_network(model, mapping::chip_of(isaac), options);
  ASSERT_EQ(full.arrays, 16128);
  const Estimate e = estimate(full, isaac, {}, {});
  const RollUp r = roll_up(isaac);
  EXPECT_NEAR(*e.operations_rate() / *r.peak, 1.0, 1e-12);
  EXPECT_NEAR(e.energy / *e.period / r.chip().power, 1.0, 1e-12);
  EXPECT_NEAR(*e.operations_per_joule() / *r.power_efficiency, 1.0, 1e-12);
  EXPECT_NEAR(*e.operations_per_area() / *r.area_efficiency, 1.0, 1e-12);
  for (const ComponentTotal& c : r.components)
    EXPECT_NEAR(part(e, c.name) / (*c.power * c.units * *e.period), 1.0, 1e-12) << c.name;
}

TEST(Estimate, ThePipelineRunsAtItsSlowestStage) {
  const Case c(parse_small(), {{32, 8, 1}, {8, 8, 1, 1, 2}}, 4, once());
  const Estimate e = c.run();
  EXPECT_DOUBLE_EQ(*e.layers[0].stage, 16 * 4 * 10e-9);
  EXPECT_DOUBLE_EQ(*e.layers[1].stage, 4 * 4 * 10e-9);
  EXPECT_DOUBLE_EQ(*e.period, *e.layers[0].stage);
  EXPECT_DOUBLE_EQ(*e.latency, *e.layers[0].stage + *e.layers[1].stage);
  const Case replicated(parse_small(), {{32, 8, 1}, {8, 8, 1, 1, 2}}, 4);
  EXPECT_LT(*replicated.run().period, *e.period);
  EXPECT_NEAR(part(replicated.run(), "adc"), part(e, "adc"), 1e-12 * part(e, "adc"));
}

TEST(Estimate, RoundsLoadWeightsForEveryBatch) {
  const std::string reloaded = changed(
      "chip: {tiles: 3, cite: d}",
      "chip: {tiles: 1, cite: d}\nweights: {loading: reloaded, bandwidth: 1 GB/s, energy: 2 pJ/B, cite: e}");
  const Case c(parse_small(reloaded), {{64, 32 * 12, 1}}, 2);
  ASSERT_EQ(c.mapping.rounds, 2);  // 12 arrays, 8 on the chip
  const double bytes = 64 * 32 * 12 * 2 * 2 / 8.0, stage = 2 * 16 * 10e-9;
  const Estimate e = c.run();
  EXPECT_DOUBLE_EQ(e.loaded_bytes, bytes);
  EXPECT_DOUBLE_EQ(part(e, "weights"), bytes * 2e-12);
  EXPECT_DOUBLE_EQ(*e.latency, bytes / 1e9 + 2 * stage);
  EXPECT_DOUBLE_EQ(*e.period, *e.latency);
  EXPECT_EQ(e.absent, std::vector<std::string>{"cell.write_energy: writing is free"});
  EXPECT_FALSE(e.operations_per_joule().has_value());
  EstimateOptions options;
  options.batch = 10;
  const Estimate ten = c.run(options);
  EXPECT_DOUBLE_EQ(part(ten, "weights"), bytes * 2e-13);
  EXPECT_DOUBLE_EQ(*ten.period, (bytes / 1e9 + 20 * stage) / 10);
}

TEST(Estimate, RowsOfAnArrayAreWrittenOneAfterTheOther) {
  const auto latency = [](const std::string& write_time) {
    std::string text = changed("chip: {tiles: 3, cite: d}",
                               "chip: {tiles: 1, cite: d}\nweights: {loading: reloaded, bandwidth: 1 GB/s, "
                               "energy: 2 pJ/B, cite: e}");
    const std::string cell = "bits: 2, cite: b}";
    text.replace(text.find(cell), cell.size(), "bits: 2, " + write_time + "cite: b}");
    const Case c(parse_small(text), {{64, 32 * 12, 1}}, 2);
    EXPECT_EQ(c.mapping.rounds, 2);
    return *c.run().latency;
  };
  const double stages = 2 * 2 * 16 * 10e-9;
  EXPECT_DOUBLE_EQ(latency("write_time: 1 us, "), 2 * 64e-6 + stages);  // both rounds fill 64 rows
  EXPECT_DOUBLE_EQ(latency("write_time: 1 ns, "), latency(""));         // bytes come more slowly
}

TEST(Estimate, RatesNeedCompleteTimes) {
  const Case c(parse_small(changed("chip: {tiles: 3, cite: d}",
                                   "chip: {tiles: 1, cite: d}\nweights: {loading: reloaded, cite: e}")),
               {{64, 32 * 12, 1}}, 2);
  const Estimate e = c.run();
  EXPECT_EQ(e.absent.front(), "weights.bandwidth: no loading time");
  EXPECT_FALSE(e.time_complete);
  EXPECT_TRUE(e.period.has_value() && e.latency.has_value() && e.area.has_value());
  EXPECT_FALSE(e.frames().has_value());
  EXPECT_FALSE(e.operations_rate().has_value());
  EXPECT_FALSE(e.operations_per_area().has_value());
  EXPECT_FALSE(e.energy_delay().has_value());
  const Case small(parse_small(), {{64, 40, 1}}, 2);
  EXPECT_TRUE(estimate(small.mapping, small.spec, {"fc"}, {}).frames().has_value())
      << "of what the chip runs";
  // an energy that is missing takes no time
  const Estimate cheap =
      Case(parse_small(changed("kind: shift-add, power: 1 mW,", "kind: shift-add,")), {{64, 40, 1}}, 2).run();
  EXPECT_TRUE(cheap.frames().has_value());
  EXPECT_FALSE(cheap.energy_delay().has_value());
}

TEST(Estimate, WhatIsMissingIsNamed) {
  const Case c(
      parse_small(changed("shift_add: {kind: shift-add, power: 1 mW,", "shift_add: {kind: shift-add,")),
      {{64, 40, 1}}, 2);
  const Estimate e = c.run();
  EXPECT_EQ(e.absent, std::vector<std::string>{"macro.shift_add: no power, no energy"});
  EXPECT_EQ(part(e, "macro.shift_add"), 0.0);
  EXPECT_FALSE(e.operations_per_joule().has_value());
  EXPECT_EQ(estimate(c.mapping, c.spec, {"fc"}, {}).elsewhere, std::vector<std::string>{"fc"});
  const Estimate timeless =
      Case(parse_small(changed("  column_mux: 8\n  cycle: 10 ns\n", "")), {{64, 40, 1}}, 2).run();
  EXPECT_FALSE(timeless.period.has_value());
  EXPECT_FALSE(timeless.operations_rate().has_value());
  EXPECT_EQ(timeless.absent.front(), "array.cycle: no time");
}

TEST(Estimate, LayersForOtherDacsAreNamed) {
  Case c(parse_small(), {{64, 40, 1}, {40, 8, 1}}, 2);
  c.model.layers["conv1"].config.dac_bits = 0;
  c.mapping = mapping::map_network(c.model, mapping::chip_of(c.spec), {});
  EstimateOptions options;
  options.flow = dataflow_of(c.model, c.mapping);
  EXPECT_EQ(c.run(options).absent,
            std::vector<std::string>{"dac.bits: 1 layers are for DACs of more bits a cycle"});
  EXPECT_FALSE(c.run(options).time_complete);
  EXPECT_FALSE(c.run(options).lacks_constants());
  c.spec.tile.components[0].power.reset();
  EXPECT_TRUE(c.run(options).lacks_constants());
}

TEST(Estimate, LayersForOtherAdcsAreNamed) {
  Case c(parse_small(), {{64, 40, 1}, {40, 8, 1}}, 2);
  const auto absent_at = [&c](int levels) {
    c.model.layers["conv0"].config.adc_levels = levels;
    EstimateOptions options;
    options.flow = dataflow_of(c.model, c.mapping);
    return c.run(options).absent;
  };
  const int most = 1 << static_cast<int>(c.spec.adc.bits->value);
  EXPECT_EQ(absent_at(most), std::vector<std::string>{});
  EXPECT_EQ(absent_at(quant::kIdealAdc), std::vector<std::string>{});
  EXPECT_EQ(absent_at(2 * most), std::vector<std::string>{"adc.bits: 1 layers are for ADCs of more bits"});
}

TEST(Estimate, LeakageIsPaidByTheWholeChip) {
  const std::string leaking = changed("router: {kind: router, shared_by: 2, power: 10 mW,",
                                      "router: {kind: router, shared_by: 2, power: 6 mW, leakage: 4 mW,");
  const Estimate e = Case(parse_small(leaking), {{64, 40, 1}}, 2, once()).run();
  EXPECT_NEAR(part(e, "tile.router"), (3e-3 + 3 * 2e-3) * *e.period, 1e-24);
  // twice the time for the same work
  EXPECT_DOUBLE_EQ(e.energy_at(*e.period), e.energy);
  EXPECT_NEAR(e.energy_at(2 * *e.period), e.energy + 3 * 2e-3 * *e.period, 1e-24);
}

TEST(Estimate, TheChipsOwnComponentsDrawPowerAllTheTime) {
  const std::string text =
      changed("chip: {tiles: 3, cite: d}",
              "chip: {tiles: 3, cite: d, components: {clock: {kind: controller, power: 5 mW, cite: d}}}");
  const Estimate e = Case(parse_small(text), {{64, 40, 1}}, 2, once()).run();
  EXPECT_NEAR(part(e, "chip.clock"), 5e-3 * *e.period, 1e-24);
  EXPECT_NEAR(e.energy_at(3 * *e.period), e.energy + 2 * 5e-3 * *e.period, 1e-24);
}

std::vector<NetLayer> draw_layers(std::int64_t most) {
  const auto draw = [](int low, int high) { return *rc::gen::inRange<std::int64_t>(low, high + 1); };
  std::vector<NetLayer> layers(static_cast<std::size_t>(draw(1, 4)));
  std::int64_t channels = draw(1, static_cast<int>(most));
  for (NetLayer& l : layers) {
    l.in = channels;
    l.out = channels = draw(1, static_cast<int>(most));
    l.kernel = 2 * draw(0, 1) + 1;
  }
  return layers;
}

// The small chip with the power of one component alone.
HardwareSpec with_power_of(std::size_t chosen) {
  HardwareSpec spec = parse_small();
  const std::vector<hardware::Component*> all = {&spec.array, &spec.dac, &spec.adc, &spec.macro.components[0],
                                                 &spec.tile.components[0]};
  for (std::size_t c = 0; c < all.size(); ++c) {
    if (c != chosen) all[c]->power.reset();
  }
  return spec;
}

TEST(Estimate, ChipsOfOneComponentAddUp) {
  EXPECT_TRUE(rc::check("each layer costs what it costs on chips of one component each", [] {
    const std::vector<NetLayer> layers = draw_layers(70);
    mapping::MappingOptions options;
    options.packing = static_cast<mapping::Packing>(*rc::gen::inRange(0, 3));
    options.reload = true;
    const Case whole(parse_small(), layers, *rc::gen::inRange<std::int64_t>(3, 9), options);
    const Estimate e = whole.run();
    std::vector<double> of_layers(e.layers.size(), 0.0);
    double sum = 0.0;
    for (std::size_t c = 0; c < 5; ++c) {
      const Estimate one = estimate(whole.mapping, with_power_of(c), {}, {});
      RC_ASSERT(one.energy > 0.0);
      sum += one.energy;
      for (std::size_t l = 0; l < of_layers.size(); ++l) of_layers[l] += one.layers[l].total;
    }
    RC_ASSERT(std::abs(sum - e.energy) <= 1e-12 * e.energy);
    for (std::size_t l = 0; l < of_layers.size(); ++l)
      RC_ASSERT(std::abs(of_layers[l] - e.layers[l].total) <= 1e-12 * e.energy);
    double totals = 0.0;
    for (const LayerEstimate& l : e.layers) totals += l.total;
    RC_ASSERT(std::abs(sum - totals) <= 1e-12 * sum);
    RC_ASSERT(*e.latency >= *e.period);
  }));
}

TEST(Estimate, EnergyGrowsWithPositionsAndDensities) {
  EXPECT_TRUE(rc::check("four times the positions, a share of the ones", [] {
    const std::vector<NetLayer> layers = draw_layers(40);
    const std::int64_t size = *rc::gen::inRange<std::int64_t>(3, 7);
    EstimateOptions options;
    options.density = {*rc::gen::inRange(1, 11) / 10.0, *rc::gen::inRange(1, 11) / 10.0};
    mapping::MappingOptions rounds = once();
    rounds.reload = true;
    const Estimate full = Case(parse_small(), layers, size, rounds).run();
    const Estimate large = Case(parse_small(), layers, 2 * size, rounds).run(options);
    for (std::size_t p = 0; p < full.parts.size(); ++p) {
      const double array = options.density.input * options.density.weight;
      const double share =
          full.parts[p] == "array" ? array : (full.parts[p] == "dac" ? options.density.input : 1.0);
      RC_ASSERT(std::abs(large.part_energy[p] - 4 * share * full.part_energy[p]) <=
                1e-12 * large.part_energy[p]);
      for (std::size_t l = 0; l < layers.size(); ++l)
        RC_ASSERT(std::abs(large.layers[l].energy[p] - 4 * share * full.layers[l].energy[p]) <=
                  1e-12 * large.part_energy[p]);
    }
  }));
}

// Shares of replicas are no whole numbers, their sums are.
TEST(Estimate, CountsAreWholeNumbers) {
  for (std::int64_t size = 3; size < 12; ++size) {
    for (const std::int64_t in : {20, 64, 100}) {
      const std::vector<NetLayer> layers = {{in, 50, 1}, {50, 33, 1}};
      const Estimate one = Case(parse_small(), layers, size, once()).run();
      const Estimate many = Case(parse_small(), layers, size).run();
      for (std::size_t l = 0; l < layers.size(); ++l) {
        EXPECT_EQ(many.layers[l].conversions, one.layers[l].conversions) << size;
        EXPECT_EQ(many.layers[l].row_uses, one.layers[l].row_uses) << size;
        EXPECT_EQ(many.layers[l].array_reads, one.layers[l].array_reads) << size;
      }
    }
  }
}

// All arrays filled, all of their columns at work all the time.
TEST(Estimate, FullUseWithEnergiesAndLeakageIsTheRollUp) {
  std::string text = changed("  power: 1 mW\n", "  energy: 5 pJ\n  leakage: 0.1 mW\n");
  const std::string router = "    router: {kind";
  text.replace(text.find(router), router.size(),
               "    amplifier: {kind: amplifier, energy: 3 fJ, leakage: 1 uW, cite: e}\n" + router);
  const Case c(parse_small(text), {{64, 32 * 24, 1}}, 2, once());
  ASSERT_EQ(c.mapping.arrays, 24);
  const Estimate e = c.run();
  const RollUp r = roll_up(c.spec);
  int checked = 0;
  for (const ComponentTotal& component : r.components) {
    if (component.name != "array" && component.name != "tile.amplifier") continue;
    ++checked;
    EXPECT_NEAR(part(e, component.name) / (*component.power * component.units * *e.period), 1.0, 1e-12)
        << component.name;
  }
  EXPECT_EQ(checked, 2);
}

TEST(Estimate, RefusesContradictions) {
  const Case c(parse_small(), {{64, 40, 1}}, 2);
  const auto error = [&](const EstimateOptions& options) {
    return error_of([&] { estimate(c.mapping, c.spec, {}, options); });
  };
  EstimateOptions options;
  options.density.input = 1.5;
  EXPECT_EQ(error(options), "the input density is not in 0 to 1 (a share of ones, for example 0.3)");
  options = {};
  options.layers["conv"] = {};
  EXPECT_EQ(error(options), "densities are given for 'conv', which is not on arrays (did you mean 'conv0'?)");
  options = {};
  options.adc_bits["conv0"] = 0.0;
  EXPECT_EQ(error(options), "the ADC resolution of 'conv0' is not above zero");
  options.adc_bits = {{"conv", 4.0}};
  EXPECT_EQ(error(options),
            "an ADC resolution is given for 'conv', which is not on arrays (did you mean 'conv0'?)");
  options = {};
  options.batch = 0;
  EXPECT_EQ(error(options), "a batch has at least one picture");
  const HardwareSpec other = parse_small(changed("tiles: 3", "tiles: 2"));
  EXPECT_EQ(error_of([&] { estimate(c.mapping, other, {}, {}); }),
            "the mapping is for another chip: chip.tiles is 3 there and 2 in small (map the network on this "
            "hardware)");
}

}  // namespace
}  // namespace bitline::estimate
