// Sums over components against sums by hand, and against the published tables of ISAAC.
#include "bitline/estimate/roll_up.h"

#include <algorithm>
#include <map>

#include "hardware/small_chip.h"
#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace bitline::estimate {
namespace {

using hardware::changed;
using hardware::HardwareSpec;
using hardware::parse_small;

HardwareSpec design(const char* name) {
  return hardware::open_hardware(io::posix(), name);
}

const ComponentTotal& component(const RollUp& r, const std::string& name) {
  return *std::find_if(r.components.begin(), r.components.end(),
                       [&](const auto& c) { return c.name == name; });
}

std::map<std::string, double> gaps(const HardwareSpec& spec) {
  std::map<std::string, double> out;
  for (const Comparison& c : compare(spec, roll_up(spec))) {
    if (c.computed) out[c.key] = c.gap_percent();
  }
  return out;
}

TEST(RollUp, TheSmallChipByHand) {
  const HardwareSpec spec = parse_small();
  const RollUp r = roll_up(spec);
  // macro: 2 arrays of 1 mW; of DACs of 2 mW together those of 32 of 64 rows; 16 ADCs of 2 mW, 8 ns of 10;
  // shift-add 1 mW
  const double macro = 2e-3 + 1e-3 + 25.6e-3 + 1e-3;
  EXPECT_DOUBLE_EQ(r.levels[0].power, macro);
  EXPECT_DOUBLE_EQ(r.levels[0].area, 200e-12 + 50e-12 + 16e-9 + 10e-12);
  EXPECT_DOUBLE_EQ(r.levels[1].power, 4 * macro + 5e-3);  // a router for two tiles
  EXPECT_DOUBLE_EQ(r.chip().power, 3 * (4 * macro + 5e-3));
  EXPECT_DOUBLE_EQ(r.levels[0].units, 12.0);
  EXPECT_DOUBLE_EQ(r.arrays, 24.0);
  EXPECT_DOUBLE_EQ(r.weight_bytes, 24 * 64 * 64 * 2 / 8);
  EXPECT_DOUBLE_EQ(*r.cycle, 10e-9);  // 8 columns at 1 GS/s take 8 ns
  // 32 rows x 64 / 2 slices / 4 input cycles
  EXPECT_DOUBLE_EQ(*r.macs_per_cycle, 256.0);
  EXPECT_DOUBLE_EQ(*r.peak, 2 * 256.0 * 24 / 10e-9);
  EXPECT_DOUBLE_EQ(*r.power_efficiency, *r.peak / r.chip().power);
  EXPECT_DOUBLE_EQ(*r.adc_power_share, 4 * 25.6e-3 / r.levels[1].power);
  EXPECT_DOUBLE_EQ(component(r, "tile.router").instances, 0.5);
  EXPECT_EQ(component(r, "dac").power_formula, "2 mW for all 128 x 50 % at work");
  EXPECT_EQ(component(r, "adc").power_formula, "2 mW x 16 x 80 % at work");
  EXPECT_EQ(component(r, "tile.router").power_formula, "10 mW / 2 that share it");
}

TEST(RollUp, TheSlowerOfReadAndConversionsSetsTheCycle) {
  EXPECT_DOUBLE_EQ(*roll_up(parse_small(changed("rate: 1 GS/s", "rate: 0.5 GS/s"))).cycle, 16e-9);
  EXPECT_DOUBLE_EQ(*roll_up(parse_small(changed("  cycle: 10 ns\n", ""))).cycle, 8e-9);
  // A ramp with two more bits than stated takes four times as long.
  const std::string ramp = changed("kind: sar, bits: 8", "kind: ramp, bits: 8, stated_bits: 6");
  EXPECT_DOUBLE_EQ(*roll_up(parse_small(ramp)).cycle, 32e-9);
}

TEST(RollUp, EnergyAloneGivesPowerAtTheRateOfUse) {
  const HardwareSpec spec = parse_small(changed("  power: 1 mW\n", "  energy: 5 pJ\n"));
  EXPECT_DOUBLE_EQ(*component(roll_up(spec), "array").power, 2 * 5e-12 / 10e-9);
  EXPECT_EQ(component(roll_up(spec), "array").power_formula, "5 pJ / 10 ns x 2");
  const HardwareSpec adc = parse_small(changed("power: 2 mW, area: 0.001", "energy: 3 pJ, area: 0.001"));
  // 8 columns a cycle of 10 ns, less than the rate of 1 GS/s
  EXPECT_DOUBLE_EQ(*component(roll_up(adc), "adc").power, 16 * 3e-12 * 8 / 10e-9);
}

TEST(RollUp, DacsOfActiveRowsWork) {
  const std::string dac = "dac: {bits: 1, count: 128, per: instance, energy: 3 pJ, area: 50 um2, cite: b}";
  std::string text =
      changed("dac: {bits: 1, count: 128, per: group, power: 2 mW, area: 50 um2, cite: b}", dac);
  EXPECT_DOUBLE_EQ(*component(roll_up(parse_small(text)), "dac").power, 2 * 32 * 3e-12 / 10e-9);
  text.replace(text.find("  active_rows: 32\n"), 18, "");
  EXPECT_DOUBLE_EQ(*component(roll_up(parse_small(text)), "dac").power, 2 * 64 * 3e-12 / 10e-9);
  // as few as one array needs at once: all work
  text = changed("count: 128, per: group", "count: 32, per: group");
  EXPECT_DOUBLE_EQ(*component(roll_up(parse_small(text)), "dac").power, 2e-3);
}

TEST(RollUp, AnAdcIsCountedAtTheRateItIsUsed) {
  const auto power = [](const std::string& text) {
    return *component(roll_up(parse_small(text)), "adc").power;
  };
  EXPECT_DOUBLE_EQ(power(changed("rate: 1 GS/s", "rate: 0.5 GS/s")), 32e-3) << "it sets the cycle";
  EXPECT_DOUBLE_EQ(power(changed("cycle: 10 ns", "cycle: 80 ns")), 32e-3 * 8 / 80);
  // without column_mux: 2 x 64 columns on 16 ADCs, the same
  EXPECT_DOUBLE_EQ(power(changed("  column_mux: 8\n", "")), 32e-3 * 8 / 10);
  EXPECT_DOUBLE_EQ(power(changed("rate: 1 GS/s, ", "")), 32e-3) << "no rate is stated";
}

TEST(RollUp, LeakageComesOnTopOfTheEnergy) {
  const HardwareSpec spec = parse_small(changed("  power: 1 mW\n", "  energy: 5 pJ\n  leakage: 0.1 mW\n"));
  const RollUp r = roll_up(spec);
  EXPECT_DOUBLE_EQ(*component(r, "array").work, 2 * 5e-12 / 10e-9);
  EXPECT_DOUBLE_EQ(component(r, "array").leakage, 2 * 0.1e-3);
  EXPECT_DOUBLE_EQ(*component(r, "array").power, 2 * 5e-12 / 10e-9 + 2 * 0.1e-3);
  EXPECT_EQ(component(r, "array").power_formula, "5 pJ / 10 ns x 2 + 0.1 mW x 2");
  // a file may state both: they agree without the leakage
  const HardwareSpec adc = parse_small(
      changed("power: 2 mW, area: 0.001", "power: 2 mW, leakage: 1 mW, energy: 2 pJ, area: 0.001"));
  EXPECT_DOUBLE_EQ(*component(roll_up(adc), "adc").power, 16 * (0.8 * 2e-3 + 1e-3));
  // how often a shift-add is used is not in these sums: its leakage alone is a lower bound
  const HardwareSpec uses = parse_small(
      changed("kind: shift-add, power: 1 mW,", "kind: shift-add, energy: 1 fJ, leakage: 0.1 mW,"));
  EXPECT_DOUBLE_EQ(*component(roll_up(uses), "macro.shift_add").power, 0.1e-3);
  EXPECT_EQ(roll_up(uses).chip().no_power, std::vector<std::string>{"macro.shift_add"});
}

TEST(RollUp, WhatIsNotStatedIsNamedAndNotTakenForZero) {
  const HardwareSpec spec = parse_small(changed("power: 10 mW, area: 0.02 mm2", "ports: 4"));
  const RollUp r = roll_up(spec);
  EXPECT_EQ(r.chip().no_power, std::vector<std::string>{"tile.router"});
  EXPECT_EQ(r.chip().no_area, std::vector<std::string>{"tile.router"});
  EXPECT_TRUE(r.levels[0].no_power.empty());
  EXPECT_FALSE(r.power_efficiency);
  EXPECT_FALSE(r.area_efficiency);
  EXPECT_FALSE(r.adc_power_share);
  EXPECT_TRUE(r.peak);
}

TEST(RollUp, WithoutOperandsOrCycleThereIsNoPeak) {
  EXPECT_FALSE(
      roll_up(parse_small(changed("operands: {weight_bits: 4, input_bits: 4, cite: a}\n", ""))).peak);
  EXPECT_FALSE(roll_up(parse_small(changed("  column_mux: 8\n  cycle: 10 ns\n", ""))).peak);
}

TEST(RollUp, DifferentialColumnsHoldHalfTheWeights) {
  const HardwareSpec spec = parse_small(changed("bits: 2, cite", "bits: 2, encoding: differential, cite"));
  EXPECT_DOUBLE_EQ(*roll_up(spec).macs_per_cycle, 128.0);
}

TEST(RollUp, SumsAreLinearInTheCounts) {
  EXPECT_TRUE(rc::check("chip = tiles (macros macro + tile components)", [] {
    const int macros = *rc::gen::inRange(1, 1000);
    const int tiles = *rc::gen::inRange(1, 1000);
    std::string text = changed("macros: 4", "macros: " + std::to_string(macros));
    text.replace(text.find("tiles: 3"), 8, "tiles: " + std::to_string(tiles));
    const HardwareSpec spec = parse_small(text);
    const RollUp r = roll_up(spec);
    double power = 0.0, area = 0.0;
    for (const ComponentTotal& c : r.components) {
      power += *c.power * c.units;
      area += *c.area * c.units;
    }
    RC_ASSERT(std::abs(r.chip().power - power) <= 1e-12 * power);
    RC_ASSERT(std::abs(r.chip().area - area) <= 1e-12 * area);
    RC_ASSERT(r.arrays == 2.0 * macros * tiles);
    // Efficiency of the arrays alone does not depend on how many there are.
    RC_ASSERT(std::abs(*r.peak / r.arrays - 2 * 256.0 / 10e-9) <= 1e-3);
  }));
}

// Shafiee et al., ISCA 2016, Tables I and IV.
TEST(Isaac, SumsOfTableI) {
  const HardwareSpec spec = design("isaac");
  const RollUp r = roll_up(spec);
  EXPECT_NEAR(12 * r.levels[0].power, 0.289, 0.5e-3);
  EXPECT_NEAR(12 * r.levels[0].area, 0.157e-6, 0.5e-9);
  EXPECT_NEAR(r.levels[1].power - 12 * r.levels[0].power, 40.9e-3, 0.1e-3);
  EXPECT_NEAR(r.levels[1].area - 12 * r.levels[0].area, 0.215e-6, 0.5e-9);
  EXPECT_NEAR(r.levels[1].power, 0.330, 0.5e-3);
  EXPECT_NEAR(r.levels[1].area, 0.372e-6, 0.5e-9);
  EXPECT_NEAR(r.chip().power, 65.8, 0.05);
  EXPECT_NEAR(r.chip().area, 85.4e-6, 0.05e-6);
  EXPECT_EQ(r.arrays, 16128.0);
  EXPECT_NEAR(*r.peak, 41.288e12, 1e9);
  EXPECT_NEAR(component(r, "adc").power.value() * component(r, "adc").units, 32.256, 1e-9);
}

TEST(Isaac, GapsToThePublishedTotals) {
  const std::map<std::string, double> gap = gaps(design("isaac"));
  const std::map<std::string, double> expected = {{"tile_power", -0.06},     {"tile_area", 0.08},
                                                  {"chip_power", 0.01},      {"chip_area", 0.03},
                                                  {"peak", -0.03},           {"power_efficiency", -0.02},
                                                  {"area_efficiency", 0.91}, {"storage_density", -0.34},
                                                  {"adc_power_share", 0.37}, {"adc_area_share", -0.18}};
  ASSERT_EQ(gap.size(), expected.size());
  for (const auto& [key, percent] : expected) EXPECT_NEAR(gap.at(key), percent, 0.005) << key;
}

// 478.95 GOPS/s/mm2 on 85.4 mm2 are 40.9 TOPS, and their conversions take 31.95 W instead of 32.26 W.
TEST(Isaac, ThePublishedDensityImpliesASlightlySlowerChip) {
  const HardwareSpec spec = design("isaac");
  const double implied = spec.published.area_efficiency->value * spec.published.chip_area->value;
  EXPECT_NEAR(implied, 40.9e12, 0.01e12);
  // A MAC takes 8 slices x 16 input bits / 128 rows = 1 conversion of 2 mW / 1.28 GS/s.
  EXPECT_NEAR(implied / 2.0 * (2e-3 / 1.28e9), 31.95, 0.01);
}

TEST(Isaac, TheRateOfTableIWouldNotReachThePublishedPeak) {
  HardwareSpec spec = design("isaac");
  spec.adc.rate->value = 1.2e9;
  EXPECT_NEAR(*roll_up(spec).cycle, 106.7e-9, 0.1e-9);
  EXPECT_NEAR(*roll_up(spec).peak, 38.7e12, 0.05e12);
}

TEST(Puma, GapsToThePublishedTotals) {
  const std::map<std::string, double> gap = gaps(design("puma"));
  EXPECT_NEAR(gap.at("chip_power"), -1.5, 0.1);
  EXPECT_NEAR(gap.at("chip_area"), -2.5, 0.1);
  EXPECT_NEAR(gap.at("peak"), -13.6, 0.1);
}

TEST(Mars, EightMacrosReachTheOrderThatThePublishedFrameRatesNeed) {
  const HardwareSpec spec = design("mars");
  const RollUp r = roll_up(spec);
  EXPECT_DOUBLE_EQ(r.levels[0].units, 8.0);
  EXPECT_NEAR(*r.peak, 1.0e12, 0.01e12);
  EXPECT_DOUBLE_EQ(r.weight_bytes, 8 * 64 * 1024 / 8);
  EXPECT_FALSE(r.power_efficiency);  // the DAC has no figures
}

// The paper counts 288 multipliers and adders an NFU, of which 256 work on a multiply-accumulate.
TEST(DaDianNao, SumsOfTableI) {
  const RollUp r = roll_up(design("dadiannao"));
  EXPECT_NEAR(r.chip().power, 20.1, 0.05);
  EXPECT_NEAR(r.chip().area, 88e-6, 0.05e-6);
  EXPECT_NEAR(*r.peak, 16 * 256 * 2 * 606e6, 1.0);
  const std::map<std::string, double> gap = gaps(design("dadiannao"));
  EXPECT_NEAR(gap.at("area_efficiency"), 100.0 * (256.0 / 288.0 - 1.0), 0.1);
  EXPECT_NEAR(gap.at("power_efficiency"), -13.8, 0.1);
  EXPECT_NEAR(gap.at("storage_density"), -0.24, 0.01);
}

TEST(Cascade, TheAdcsSetThePace) {
  EXPECT_NEAR(*roll_up(design("cascade")).cycle, 45.34e-9, 0.01e-9);
  EXPECT_NEAR(*roll_up(design("cascade-adc")).cycle, 76.17e-9, 0.01e-9);
}

TEST(DigitalComparator, IsItsRoofline) {
  const HardwareSpec spec = design("rtx2080");
  const RollUp r = roll_up(spec);
  EXPECT_TRUE(r.components.empty());
  EXPECT_DOUBLE_EQ(r.chip().power, 215.0);
  EXPECT_DOUBLE_EQ(*r.peak, 161e12);
  EXPECT_NEAR(*r.power_efficiency, 0.749e12, 1e9);
}

}  // namespace
}  // namespace bitline::estimate
