#include "bitline/quant/config.h"

#include <functional>

#include "base/error_of.h"
#include <gtest/gtest.h>

namespace bitline::quant {
namespace {

TEST(CimConfig, TextNamesWhatIsNotTheDefault) {
  CimConfig config;
  EXPECT_EQ(config.text(), "W4A4P4 column/column 128x128 2b");
  config.adc_levels = 3;
  config.weight_granularity = Granularity::kLayer;
  config.psum_granularity = Granularity::kArray;
  config.array_rows = 256;
  config.array_columns = 64;
  config.dac_bits = 1;
  config.encoding = "differential";
  config.slice_scales = true;
  EXPECT_EQ(config.text(), "W4A4P1.5 layer/array 256x64 2b dac1 differential slice-scales");
  config.adc_levels = kIdealAdc;
  EXPECT_EQ(config.text().substr(0, 10), "W4A4Pideal");
}

TEST(CimConfig, PrecisionIsRead) {
  CimConfig config;
  parse_precision("W3A8P1", config);
  EXPECT_EQ(config.weight_bits, 3);
  EXPECT_EQ(config.activation_bits, 8);
  EXPECT_EQ(config.adc_levels, 2);
  parse_precision("W4A4P1.5", config);
  EXPECT_EQ(config.adc_levels, 3);
  parse_precision("W8A8Pideal", config);
  EXPECT_EQ(config.adc_levels, kIdealAdc);
  EXPECT_EQ(config.weight_bits, 8);
}

TEST(CimConfig, BadPrecisionSaysTheForm) {
  for (const char* text :
       {"", "W", "W4", "W4A4", "W4A4P", "A4W4P4", "w4a4p4", "WxA4P4", "W4A4 P4", "W99999999999A4P4"}) {
    CimConfig config;
    EXPECT_EQ(error_of([&] { parse_precision(text, config); }),
              "precision '" + std::string(text) +
                  "' is not valid (expected the form W4A4P4, with P1.5 and Pideal allowed)");
  }
  CimConfig config;
  EXPECT_EQ(error_of([&] { parse_precision("W4A4P99", config); }),
            "ADC bits '99' are not valid (expected 1 to 12, 1.5 or ideal (also 0))");
}

std::string validation_error(const std::function<void(CimConfig&)>& change) {
  CimConfig config;
  change(config);
  return error_of([&] { validate(config); });
}

TEST(CimConfig, ValidationNamesTheValueAndItsRange) {
  EXPECT_EQ(validation_error([](CimConfig& c) { c.weight_bits = 17; }),
            "weight_bits = 17 is out of range (expected 1 to 16)");
  EXPECT_EQ(validation_error([](CimConfig& c) { c.weight_bits = 1, c.encoding = "differential"; }),
            "weight_bits = 1 is out of range (expected 2 to 16)");
  EXPECT_EQ(validation_error([](CimConfig& c) { c.activation_bits = 0; }),
            "activation_bits = 0 is out of range (expected 1 to 16)");
  EXPECT_EQ(validation_error([](CimConfig& c) { c.cell_bits = -2; }),
            "cell_bits = -2 is out of range (expected 1 to 8)");
  EXPECT_EQ(validation_error([](CimConfig& c) { c.dac_bits = 9; }),
            "dac_bits = 9 is out of range (expected 0 to 8)");
  EXPECT_EQ(
      validation_error([](CimConfig& c) { c.activation_bits = 9; }),
      "activations of 9 bits cannot enter an array all at once (give the bits of an input cycle, 1 to 8: "
      "--dac-bits 8)");
  CimConfig wide;
  wide.weight_bits = wide.activation_bits = 16;
  wide.dac_bits = 8;
  EXPECT_NO_THROW(validate(wide));
  EXPECT_EQ(validation_error([](CimConfig& c) { c.array_rows = 0; }),
            "array_rows = 0 is out of range (expected 1 to 65536)");
  EXPECT_EQ(validation_error([](CimConfig& c) { c.array_columns = 65537; }),
            "array_columns = 65537 is out of range (expected 1 to 65536)");
  EXPECT_EQ(validation_error([](CimConfig& c) { c.adc_levels = 8192; }),
            "ADC levels = 8192 is out of range (expected 2 to 4096)");
  EXPECT_EQ(validation_error([](CimConfig& c) { c.adc_levels = 9; }),
            "ADC levels = 9 is not a whole number of bits (expected a power of two, or 3 for 1.5 bits)");
  EXPECT_EQ(validation_error([](CimConfig& c) { c.encoding = "twos-compliment"; }),
            "unknown weight encoding 'twos-compliment' (did you mean 'twos-complement'?)");
}

TEST(CimConfig, EveryPrecisionThatCanBeWrittenIsValid) {
  for (const char* precision : {"W1A1P1", "W8A8P12", "W4A4P1.5", "W3A3Pideal", "W16A8P8"}) {
    CimConfig config;
    parse_precision(precision, config);
    EXPECT_NO_THROW(validate(config)) << precision;
  }
}

TEST(CimLayer, RangesOfCodes) {
  CimLayer layer;
  layer.config.activation_bits = 3;
  EXPECT_EQ(activation_range(layer), (CodeRange{0, 7}));
  layer.activation_signed = true;
  EXPECT_EQ(activation_range(layer), (CodeRange{-4, 3}));
  layer.config.weight_bits = 3;
  EXPECT_EQ(weight_range(layer.config), (CodeRange{-4, 3}));
  layer.config.encoding = "differential";
  EXPECT_EQ(weight_range(layer.config), (CodeRange{-3, 3}));
}

}  // namespace
}  // namespace bitline::quant
