// Figures stated for one feature size and resolution, read at another.
#include "bitline/estimate/technology.h"

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

}  // namespace
}  // namespace bitline::estimate
