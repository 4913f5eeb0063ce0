#include "bitline/quant/converter_fit.h"

#include <gtest/gtest.h>

#include "bitline/quant/adc.h"

namespace bitline::quant {
namespace {

bool fits(int activation_bits, int dac_bits, int adc_levels, const ChipConverters& chip) {
  CimConfig config;
  config.activation_bits = activation_bits;
  config.dac_bits = dac_bits;
  config.adc_levels = adc_levels;
  const ConverterMisfit misfit = converter_misfit(config, chip);
  EXPECT_EQ(misfit.what.empty(), misfit.fits.empty());
  return misfit.what.empty();
}

TEST(ConverterFit, InputsOfACycleAreAtMostTheDacs) {
  const ChipConverters chip = chip_converters(1, "");
  EXPECT_TRUE(fits(4, 1, 16, chip));
  EXPECT_FALSE(fits(4, 2, 16, chip));
  EXPECT_FALSE(fits(4, 0, 16, chip));  // all at once
  EXPECT_TRUE(fits(1, 0, 16, chip));
  EXPECT_TRUE(fits(1, 8, 16, chip));  // no more bits than there are
}

TEST(ConverterFit, PartialSumsAreAtMostTheAdcs) {
  const ChipConverters chip = chip_converters(0, "8");
  EXPECT_TRUE(fits(4, 0, 256, chip));
  EXPECT_TRUE(fits(4, 0, 3, chip));
  EXPECT_FALSE(fits(4, 0, 512, chip));
  EXPECT_TRUE(fits(4, 0, kIdealAdc, chip));
  EXPECT_TRUE(fits(4, 0, 3, chip_converters(0, "1.5")));
  EXPECT_FALSE(fits(4, 0, 4, chip_converters(0, "1.5")));
}

TEST(ConverterFit, TheFinestBitsFit) {
  EXPECT_EQ(finest_bits(chip_converters(0, "8")), "8");
  EXPECT_EQ(finest_bits(chip_converters(0, "1.5")), "1.5");
  EXPECT_EQ(finest_bits(chip_converters(0, "6.5")), "6");
  EXPECT_EQ(finest_bits(chip_converters(0, "14")), "12");
}

TEST(ConverterFit, NothingIsRefusedWhereAChipStatesNothing) {
  for (const char* text : {"", "ideal"}) EXPECT_TRUE(fits(8, 0, 4096, chip_converters(0, text)));
}

}  // namespace
}  // namespace bitline::quant
