// Numbers with units: every symbol of every dimension, and what is refused.
#include "bitline/hardware/quantity.h"

#include <cmath>

#include "base/error_of.h"
#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace bitline::hardware {
namespace {

const Where kPlace{"chip.yaml", 3, 7, {}};

double parse(const char* text, Dimension dimension) {
  return parse_quantity(text, dimension, kPlace);
}

std::string error_in(const char* text, Dimension dimension) {
  return error_of([&] { parse(text, dimension); });
}

TEST(Quantity, ReadsUnitsIntoUnprefixedValues) {
  EXPECT_DOUBLE_EQ(parse("1.28 GS/s", Dimension::kSampleRate), 1.28e9);
  EXPECT_DOUBLE_EQ(parse("2 mW", Dimension::kPower), 2e-3);
  EXPECT_DOUBLE_EQ(parse("2mW", Dimension::kPower), 2e-3);
  EXPECT_EQ(parse("0.0012 mm2", Dimension::kArea), 1.2e-9);
  EXPECT_EQ(parse("1200 um2", Dimension::kArea), 1.2e-9);
  EXPECT_DOUBLE_EQ(parse("1 cm2", Dimension::kArea), 1e-4);
  EXPECT_EQ(parse("100 ns", Dimension::kTime), 1e-7);
  EXPECT_EQ(parse("32 nm", Dimension::kLength), 32e-9);
  EXPECT_EQ(parse("64 KiB", Dimension::kCapacity), 65536.0);
  EXPECT_EQ(parse("64 kB", Dimension::kCapacity), 64000.0);
  EXPECT_EQ(parse("64 Kib", Dimension::kCapacity), 8192.0);
  EXPECT_EQ(parse("20 kohm", Dimension::kResistance), 20000.0);
  EXPECT_DOUBLE_EQ(parse("1 pJ/b", Dimension::kEnergyPerByte), 8e-12);
  EXPECT_DOUBLE_EQ(parse("25.6 GB/s", Dimension::kBandwidth), 25.6e9);
  EXPECT_DOUBLE_EQ(parse("41.3 TOPS", Dimension::kOperationRate), 41.3e12);
  EXPECT_DOUBLE_EQ(parse("627.5 GOPS/W", Dimension::kOperationsPerJoule), 627.5e9);
  EXPECT_DOUBLE_EQ(parse("478.95 GOPS/mm2", Dimension::kOperationsPerArea), 478.95e15);
  EXPECT_DOUBLE_EQ(parse("58 %", Dimension::kFraction), 0.58);
  EXPECT_DOUBLE_EQ(parse("0.58", Dimension::kFraction), 0.58);
  EXPECT_DOUBLE_EQ(parse("1.5e-1 pJ", Dimension::kEnergy), 1.5e-13);
}

TEST(Quantity, GreekAndSuperscriptsRead) {
  EXPECT_EQ(parse("3 \xC2\xB5W", Dimension::kPower), 3e-6);          // micro sign
  EXPECT_EQ(parse("3 \xCE\xBCm\xC2\xB2", Dimension::kArea), 3e-12);  // Greek mu, superscript two
  EXPECT_EQ(parse("2 k\xCE\xA9", Dimension::kResistance), 2000.0);
}

TEST(Quantity, ErrorsNameWhatIsWrong) {
  EXPECT_EQ(error_in("2", Dimension::kPower),
            "chip.yaml:3:7: '2' has no unit (expected a power such as '2 mW')");
  EXPECT_EQ(error_in("2 mm2", Dimension::kPower),
            "chip.yaml:3:7: '2 mm2' is an area (expected a power such as '2 mW')");
  EXPECT_EQ(error_in("2 mA", Dimension::kPower), "chip.yaml:3:7: unknown unit 'mA' (did you mean 'mW'?)");
  EXPECT_EQ(error_in("64 KB", Dimension::kCapacity), "chip.yaml:3:7: unknown unit 'KB' (did you mean 'B'?)");
  EXPECT_EQ(error_in("mW", Dimension::kPower),
            "chip.yaml:3:7: 'mW' is not a number with a unit (expected a power such as '2 mW')");
  for (const char* text : {"", " 2 mW", "nan mW", "inf mW", "0x2 mW", "2  mW", "2 mW ", "1e999 mW", "--2 mW"})
    error_in(text, Dimension::kPower);
}

TEST(Quantity, EveryDimensionReadsItsExampleAndEachOfItsUnits) {
  for (const DimensionInfo& info : dimensions()) {
    EXPECT_EQ(&dimension_info(info.dimension), &info);
    EXPECT_GT(parse(info.example, info.dimension), 0.0) << info.name;
    for (const std::string& symbol : unit_symbols(info.dimension)) {
      const double one = parse(("1 " + symbol).c_str(), info.dimension);
      EXPECT_GT(one, 0.0) << symbol;
      EXPECT_DOUBLE_EQ(parse(("3 " + symbol).c_str(), info.dimension), 3.0 * one) << symbol;
    }
  }
}

// Symbols of two dimensions would make the error about a wrong dimension lie.
TEST(Quantity, NoSymbolBelongsToTwoDimensions) {
  for (const DimensionInfo& a : dimensions()) {
    for (const DimensionInfo& b : dimensions()) {
      if (a.dimension == b.dimension) continue;
      for (const std::string& symbol : unit_symbols(a.dimension)) {
        const auto other = unit_symbols(b.dimension);
        EXPECT_EQ(std::count(other.begin(), other.end(), symbol), 0)
            << symbol << ": " << a.name << ", " << b.name;
      }
    }
  }
}

TEST(Quantity, TextForPeople) {
  EXPECT_EQ(quantity_text(2e-3, Dimension::kPower), "2 mW");
  EXPECT_EQ(quantity_text(65.808, Dimension::kPower), "65.81 W");
  EXPECT_EQ(quantity_text(0.0, Dimension::kPower), "0 W");
  EXPECT_EQ(quantity_text(0.99996e-3, Dimension::kPower), "1 mW");
  EXPECT_EQ(quantity_text(3.72e-7, Dimension::kArea), "0.372 mm2");
  EXPECT_EQ(quantity_text(65536, Dimension::kCapacity), "64 KiB");
  EXPECT_EQ(quantity_text(0.58, Dimension::kFraction), "58 %");
  EXPECT_EQ(quantity_text(128, Dimension::kCount), "128");
  EXPECT_EQ(quantity_text(16128, Dimension::kCount), "16128");
  EXPECT_EQ(quantity_text_like(483.3e15, Dimension::kOperationsPerArea, "0.479 TOPS/mm2"), "0.4833 TOPS/mm2");
}

TEST(Quantity, TextReadsBackToFourDigits) {
  EXPECT_TRUE(rc::check("the text of a value reads back", [] {
    const auto& info = dimensions()[*rc::gen::inRange<std::size_t>(2, dimensions().size())];
    const double value = *rc::gen::inRange(1, 1'000'000) * 1e-6 * parse(info.example, info.dimension);
    const double again = parse(quantity_text(value, info.dimension).c_str(), info.dimension);
    RC_ASSERT(std::abs(again - value) <= 5.1e-4 * value);
  }));
}

}  // namespace
}  // namespace bitline::hardware
