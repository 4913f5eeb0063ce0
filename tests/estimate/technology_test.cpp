// Figures stated for one feature size and resolution, read at another.
#include "bitline/estimate/technology.h"

#include <cmath>

#include "hardware/small_chip.h"
#include <gtest/gtest.h>

namespace bitline::estimate {
namespace {

using hardware::changed;
using hardware::HardwareSpec;
using hardware::parse_small;

TEST(Technology, AFigureStatedForAnotherNodeIsScaled) {
  const HardwareSpec spec =
      parse_small(changed("kind: sar, bits: 8", "kind: sar, bits: 8, stated_node: 64 nm"));
  EXPECT_DOUBLE_EQ(area_factor(spec.technology, spec.adc), 0.25);
  EXPECT_DOUBLE_EQ(energy_factor(spec.technology, spec.adc), 0.5);
  EXPECT_DOUBLE_EQ(area_factor(spec.technology, spec.array), 1.0);
}

TEST(Technology, ExponentsAreTheFiles) {
  std::string text = changed("kind: sar, bits: 8", "kind: sar, bits: 8, stated_node: 64 nm");
  text.replace(text.find("node: 32 nm"), 11, "node: 32 nm, area_exponent: 1, energy_exponent: 3");
  const HardwareSpec spec = parse_small(text);
  EXPECT_DOUBLE_EQ(area_factor(spec.technology, spec.adc), 0.5);
  EXPECT_DOUBLE_EQ(energy_factor(spec.technology, spec.adc), 0.125);
}

TEST(Technology, AnAdcStatedForOtherBitsIsScaledByItsLaw) {
  const HardwareSpec sar =
      parse_small(changed("kind: sar, bits: 8", "kind: sar, bits: 6, stated_bits: 8, linear_share: 25 %"));
  EXPECT_DOUBLE_EQ(adc_factors(sar.adc).energy, 0.25 * 6 / 8 + 0.75 / 4);
  EXPECT_DOUBLE_EQ(adc_factors(sar.adc).time, 1.0);
  const HardwareSpec ramp = parse_small(changed("kind: sar, bits: 8", "kind: ramp, bits: 6, stated_bits: 8"));
  EXPECT_DOUBLE_EQ(adc_factors(ramp.adc).time, 0.25);
  EXPECT_DOUBLE_EQ(adc_factors(parse_small().adc).energy, 1.0);
}

TEST(Technology, ResolutionsSpreadFromTheUsedOneWhereNoneIsStated) {
  const HardwareSpec spread = parse_small(changed("kind: sar, bits: 8", "kind: sar, bits: 10, low_bits: 6"));
  // half of it linear: b / 10 is 0.8 on average, 2^(b - 10) is (1 + 1/2 + ... + 1/16) / 5
  EXPECT_DOUBLE_EQ(adc_factors(spread.adc).energy, 0.5 * 0.8 + 0.5 * 1.9375 / 5);
  const HardwareSpec ramp = parse_small(changed("kind: sar, bits: 8", "kind: ramp, bits: 8, low_bits: 7"));
  EXPECT_DOUBLE_EQ(adc_factors(ramp.adc).time, 0.75);
}

TEST(Technology, OnlyHigherResolutionsStopEarly) {
  const HardwareSpec spec =
      parse_small(changed("kind: sar, bits: 8", "kind: sar, bits: 10, low_bits: 6, stated_bits: 8"));
  const auto energy = [](double bits) { return 0.5 * bits / 8 + 0.5 * std::exp2(bits - 8); };
  const double full = energy(6) + energy(7) + energy(8) + energy(9) + energy(10);
  EXPECT_DOUBLE_EQ(early_stop(spec.adc, 8.0), (energy(6) + energy(7) + 3 * energy(8)) / full);
  EXPECT_DOUBLE_EQ(early_stop(spec.adc, 4.0), 5 * energy(4) / full);
  EXPECT_DOUBLE_EQ(early_stop(spec.adc, 10.0), 1.0);
  const HardwareSpec other = parse_small(changed("kind: sar, bits: 8", "kind: sar, bits: 6, stated_bits: 8"));
  EXPECT_DOUBLE_EQ(early_stop(other.adc, 4.0), energy(4) / energy(6));
}

}  // namespace
}  // namespace bitline::estimate
