// The laws of ADC cost over resolution.
#include "bitline/hardware/adc_kind.h"

#include <gtest/gtest.h>

namespace bitline::hardware {
namespace {

TEST(AdcKind, AllAreFoundByNameAndOthersAreNot) {
  for (const AdcKind& kind : adc_kinds()) EXPECT_EQ(find_adc_kind(kind.name), &kind);
  EXPECT_EQ(find_adc_kind("sigma-delta"), nullptr);
}

TEST(AdcKind, EveryLawIsOneAtItsOwnResolutionAndGrowsWithBits) {
  for (const AdcKind& kind : adc_kinds()) {
    for (int stated = 1; stated <= 12; ++stated) {
      for (const double share : {0.0, 0.3, 1.0}) {
        EXPECT_DOUBLE_EQ(kind.energy(stated, stated, share), 1.0) << kind.name;
        EXPECT_DOUBLE_EQ(kind.area(stated, stated, share), 1.0) << kind.name;
        EXPECT_DOUBLE_EQ(kind.time(stated, stated), 1.0) << kind.name;
        EXPECT_LT(kind.energy(stated, stated + 1, share), 1.0) << kind.name;
        EXPECT_GT(kind.energy(stated + 1, stated, share), 1.0) << kind.name;
        EXPECT_GT(kind.area(stated + 1, stated, share), 1.0) << kind.name;
        EXPECT_GE(kind.time(stated + 1, stated), 1.0) << kind.name;
      }
    }
  }
}

TEST(AdcKind, Formulas) {
  const AdcKind& sar = *find_adc_kind("sar");
  EXPECT_DOUBLE_EQ(sar.energy(6, 8, 0.5), 0.5 * 6 / 8 + 0.5 / 4);
  EXPECT_DOUBLE_EQ(sar.energy(10, 8, 1.0), 1.25);
  EXPECT_DOUBLE_EQ(sar.energy(10, 8, 0.0), 4.0);
  const AdcKind& flash = *find_adc_kind("flash");
  EXPECT_DOUBLE_EQ(flash.energy(4, 3, 0.5), 15.0 / 7.0);  // comparators
  EXPECT_DOUBLE_EQ(flash.time(8, 3), 1.0);
  const AdcKind& ramp = *find_adc_kind("ramp");
  EXPECT_DOUBLE_EQ(ramp.time(8, 5), 8.0);
  EXPECT_DOUBLE_EQ(ramp.energy(8, 5, 0.5), 8.0);
  EXPECT_DOUBLE_EQ(ramp.area(8, 4, 0.5), 2.0);
}

}  // namespace
}  // namespace bitline::hardware
