#include "bitline/hardware/array_spec.h"

#include <fstream>

#include "base/error_of.h"
#include "io/scratch_folder.h"
#include <gtest/gtest.h>

namespace bitline::hardware {
namespace {

constexpr const char* kWhole = R"(schema: bitline-array/1
name: ReRAM 64x32
array: {rows: 64, columns: 32}
cell: {bits: 1, encoding: differential}
dac: {bits: 1}
adc: {bits: "1.5"}
variation: lognormal:0.1
)";

ArraySpec parse(const std::string& text) {
  return parse_array_spec(io::parse_yaml(text, "chip.yaml"));
}
std::string error_in(const std::string& text) {
  return error_of([&] { parse(text); });
}

TEST(ArraySpec, EveryKeyIsRead) {
  const ArraySpec spec = parse(kWhole);
  EXPECT_EQ(spec.name, "ReRAM 64x32");
  EXPECT_EQ(spec.rows, 64);
  EXPECT_EQ(spec.columns, 32);
  EXPECT_EQ(spec.cell_bits, 1);
  EXPECT_EQ(spec.encoding, "differential");
  EXPECT_EQ(spec.dac_bits, 1);
  EXPECT_EQ(spec.adc_bits, "1.5");
  EXPECT_EQ(spec.variation, "lognormal:0.1");
}

TEST(ArraySpec, WhatIsNotStatedHasItsDefault) {
  const ArraySpec spec = parse("schema: bitline-array/1\narray: {rows: 256}\n");
  EXPECT_EQ(spec.name, "256x128:2b");
  EXPECT_EQ(spec.rows, 256);
  EXPECT_EQ(spec.columns, 128);
  EXPECT_EQ(spec.cell_bits, 2);
  EXPECT_EQ(spec.encoding, "twos-complement");
  EXPECT_EQ(spec.dac_bits, 0);
  EXPECT_EQ(spec.adc_bits, "");
  EXPECT_EQ(spec.variation, "none");
}

TEST(ArraySpec, AMisspeltKeyHasItsPlaceAndTheNearestKey) {
  const std::string top = error_in("schema: bitline-array/1\nname: x\n  \nvariaton: none\n");
  EXPECT_EQ(top.substr(0, 15), "chip.yaml:4:1: ");
  EXPECT_NE(top.find("did you mean 'variation'?"), std::string::npos) << top;
  const std::string inner = error_in("schema: bitline-array/1\narray:\n  rows: 64\n  colums: 64\n");
  EXPECT_EQ(inner.substr(0, 15), "chip.yaml:4:3: ");
  EXPECT_NE(inner.find("did you mean 'columns'?"), std::string::npos) << inner;
}

TEST(ArraySpec, AValueOutOfRangeHasItsPlaceAndTheRange) {
  for (const auto& [line, place] : {std::pair{"array: {rows: 0}", "chip.yaml:2:15: "},
                                    {"array: {columns: 65537}", "chip.yaml:2:18: "},
                                    {"cell: {bits: 9}", "chip.yaml:2:14: "},
                                    {"dac: {bits: -1}", "chip.yaml:2:13: "},
                                    {"array: {rows: many}", "chip.yaml:2:15: "},
                                    {"array: {rows: 1.5}", "chip.yaml:2:15: "}}) {
    const std::string error = error_in("schema: bitline-array/1\n" + std::string(line) + "\n");
    EXPECT_EQ(error.rfind(place, 0), 0U) << error;
    EXPECT_NE(error.find("expected"), std::string::npos) << error;
  }
}

TEST(ArraySpec, TheSchemaMustBeKnown) {
  EXPECT_EQ(error_in("schema: bitline-array/2\n"),
            "chip.yaml:1:9: schema 'bitline-array/2' is not known (expected bitline-array/1)");
  const std::string missing = error_in("name: x\n");
  EXPECT_EQ(missing.rfind("chip.yaml:1", 0), 0U) << missing;
  EXPECT_NE(missing.find("schema"), std::string::npos) << missing;
}

TEST(ArraySpec, AListWhereAMapBelongsIsRefused) {
  const std::string error = error_in("schema: bitline-array/1\narray: [64, 64]\n");
  EXPECT_EQ(error.rfind("chip.yaml:2:8: ", 0), 0U) << error;
}

TEST(ArraySpec, ShortForm) {
  const ArraySpec plain = open_array_spec(io::posix(), "64x32");
  EXPECT_EQ(plain.rows, 64);
  EXPECT_EQ(plain.columns, 32);
  EXPECT_EQ(plain.cell_bits, ArraySpec{}.cell_bits);
  EXPECT_EQ(plain.name, "64x32");
  const ArraySpec bits = open_array_spec(io::posix(), "256x128:1b");
  EXPECT_EQ(bits.rows, 256);
  EXPECT_EQ(bits.columns, 128);
  EXPECT_EQ(bits.cell_bits, 1);
}

TEST(ArraySpec, WhatIsNeitherFileNorGeometryIsRefused) {
  for (const char* text :
       {"", "128", "128x", "x128", "0x128", "128x0", "128x-4", "65537x1", "128x128:", "128x128:2",
        "128x128:0b", "128x128:9b", "128x128:2bb", "128X128", "128x128 ", "absent.yaml"}) {
    EXPECT_EQ(error_of([&] { open_array_spec(io::posix(), text); }),
              "hardware '" + std::string(text) +
                  "' is neither a design, a file nor a geometry (expected a name of `bitline hardware list`, "
                  "a YAML "
                  "file or ROWSxCOLUMNS:BITSb such as 128x128:2b)");
  }
}

TEST(ArraySpec, AMisspeltDesignIsNamed) {
  EXPECT_EQ(error_of([&] { open_array_spec(io::posix(), "isac"); }),
            "hardware 'isac' is neither a design, a file nor a geometry (did you mean 'isaac'?)");
}

TEST(ArraySpec, ADesignGivesItsArray) {
  const ArraySpec isaac = open_array_spec(io::posix(), "isaac");
  EXPECT_EQ(isaac.name, "ISAAC-CE");
  EXPECT_EQ(isaac.rows, 128);
  EXPECT_EQ(isaac.columns, 128);
  EXPECT_EQ(isaac.cell_bits, 2);
  EXPECT_EQ(isaac.dac_bits, 1);
  EXPECT_EQ(isaac.adc_bits, "8");
  EXPECT_EQ(isaac.encoding, "twos-complement");
  EXPECT_EQ(isaac.variation, "none");
  const ArraySpec sram = open_array_spec(io::posix(), "sram-28nm");
  EXPECT_EQ(sram.rows, 16);  // of 1,024: those that one conversion adds up
  EXPECT_EQ(sram.columns, 8);
  EXPECT_EQ(open_array_spec(io::posix(), "sram-1b").encoding, "differential");
}

TEST(ArraySpec, ADigitalComparatorHasNone) {
  const std::string error =
      error_of([] { open_array_spec(io::posix(), "rtx2080"); }, ErrorCode::kUnsupported);
  EXPECT_NE(error.find("'RTX 2080' has no arrays"), std::string::npos) << error;
}

TEST(ArraySpec, AFileOfAWholeChipGivesItsArray) {
  const io::ScratchFolder folder;
  std::ofstream(folder / "chip.yaml")
      << "schema: bitline-hardware/1\nname: mine\nextends: isaac\n"
         "array: {active_rows: 32, cite: here}\n"
         "cell: {variation: 10 %, stuck_on: 0.1 %, stuck_off: 0.01, encoding: differential, cite: here}\n";
  const ArraySpec spec = open_array_spec(io::posix(), folder / "chip.yaml");
  EXPECT_EQ(spec.name, "mine");
  EXPECT_EQ(spec.rows, 32);
  EXPECT_EQ(spec.variation, "lognormal:0.1+saf0:0.01+saf1:0.001");
  EXPECT_EQ(spec.encoding, "differential");
  EXPECT_EQ(spec.files,
            (std::vector<std::string>{"builtin:specs/shafiee-isca-2016.yaml", folder / "chip.yaml"}));
}

TEST(ArraySpec, AFileIsReadByPathAndNamedInErrors) {
  const io::ScratchFolder folder;
  std::ofstream(folder / "good.yaml") << kWhole;
  std::ofstream(folder / "bad.yaml") << "schema: bitline-array/1\ncell: {bitz: 2}\n";
  EXPECT_EQ(open_array_spec(io::posix(), folder / "good.yaml").name, "ReRAM 64x32");
  const std::string error = error_of([&] { open_array_spec(io::posix(), folder / "bad.yaml"); });
  EXPECT_EQ(error.rfind((folder / "bad.yaml") + ":2:8: ", 0), 0U) << error;
  EXPECT_NE(error.find("did you mean 'bits'?"), std::string::npos) << error;
}

}  // namespace
}  // namespace bitline::hardware
