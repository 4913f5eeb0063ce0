// What a hardware file says is what the value holds: units, sources, marks, and `extends`.
#include "bitline/hardware/spec_reader.h"

#include <fstream>

#include "base/error_of.h"
#include "hardware/small_chip.h"
#include "io/scratch_folder.h"
#include <gtest/gtest.h>

namespace bitline::hardware {
namespace {

TEST(SpecReader, TheSmallChip) {
  const HardwareSpec spec = parse_small();
  EXPECT_EQ(spec.name, "small");
  EXPECT_EQ(spec.summary, "a chip for tests");
  EXPECT_EQ(spec.files, std::vector<std::string>{"chip.yaml"});
  EXPECT_EQ(spec.technology.node->value, 32e-9);
  EXPECT_EQ(spec.cell.kind, "rram");
  EXPECT_EQ(spec.array.rows->value, 64.0);
  EXPECT_EQ(spec.array.cycle->value, 1e-8);
  EXPECT_EQ(spec.array.per, "instance");
  EXPECT_EQ(spec.adc.type, "sar");
  EXPECT_EQ(spec.adc.rate->text, "1 GS/s");
  EXPECT_EQ(spec.adc.rate->where.text(), "chip.yaml:19:33");
  ASSERT_EQ(spec.tile.components.size(), 1U);
  EXPECT_EQ(spec.tile.components[0].name, "router");
  EXPECT_EQ(spec.tile.components[0].kind, "router");
  EXPECT_EQ(spec.chip.members->value, 3.0);
  EXPECT_FALSE(spec.is_digital());
  EXPECT_FALSE(spec.published.stated);
}

TEST(SpecReader, AConstantHasItsOwnSourceOrThatOfItsSection) {
  const HardwareSpec spec =
      parse_small(changed("array:\n  rows: 64\n  columns: 64\n",
                          "array:\n  mark: MEMORY\n  rows: 64\n  columns: {value: 64, cite: own, note: "
                          "why}\n  stated_node: {value: 28 nm, mark: DERIVED}\n"));
  EXPECT_EQ(spec.array.rows->source.cite, "b");
  EXPECT_EQ(spec.array.rows->source.mark, Mark::kMemory);
  EXPECT_EQ(spec.array.columns->source.cite, "own");
  EXPECT_EQ(spec.array.columns->source.mark, Mark::kSourced);  // a cite of its own brings a mark of its own
  EXPECT_EQ(spec.array.columns->source.note, "why");
  EXPECT_EQ(spec.array.stated_node->source.cite, "b");
  EXPECT_EQ(spec.array.stated_node->source.mark, Mark::kDerived);
}

TEST(SpecReader, EveryMarkReadsBack) {
  for (const Mark mark :
       {Mark::kSourced, Mark::kDerived, Mark::kReconstructed, Mark::kMemory, Mark::kAssumed}) {
    const HardwareSpec spec =
        parse_small(changed("bits: 2, cite: b", std::string("bits: 2, cite: b, mark: ") + mark_name(mark)));
    EXPECT_EQ(spec.cell.bits->source.mark, mark);
  }
}

class Extends : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  HardwareSpec read(const std::string& name) const { return read_hardware(io::posix(), folder_ / name); }
  std::string error_in(const std::string& name) const {
    return error_of([&] { read(name); });
  }
  static std::string over(const std::string& base, const std::string& rest) {
    return "schema: bitline-hardware/1\nname: derived\nextends: " + base + "\n" + rest;
  }

  io::ScratchFolder folder_;
};

TEST_F(Extends, ChangesWhatItStatesAndKeepsTheRest) {
  write("base.yaml", kSmallChip);
  write("derived.yaml",
        over("base",
             "adc: {bits: 6, cite: e}\ntile: {macros: 8, cite: e, components: {bus: {kind: bus, "
             "width: 384, cite: e}, router: {power: 20 mW, area: 0.03 mm2, cite: e}}}\n"));
  const HardwareSpec spec = read("derived.yaml");
  EXPECT_EQ(spec.name, "derived");
  EXPECT_EQ(spec.summary, "");
  EXPECT_EQ(spec.files, (std::vector<std::string>{folder_ / "base.yaml", folder_ / "derived.yaml"}));
  EXPECT_EQ(spec.adc.bits->value, 6.0);
  EXPECT_EQ(spec.adc.bits->source.cite, "e");
  EXPECT_EQ(spec.adc.power->source.cite, "c");  // the base's source stays with the base's constant
  EXPECT_EQ(spec.tile.members->value, 8.0);
  ASSERT_EQ(spec.tile.components.size(), 2U);
  EXPECT_EQ(spec.tile.components[0].name, "router");
  EXPECT_EQ(spec.tile.components[0].power->value, 0.02);
  EXPECT_EQ(spec.tile.components[0].shared_by->value, 2.0);
  EXPECT_EQ(spec.tile.components[1].width->value, 384.0);
}

TEST_F(Extends, InheritedFiguresKeepTheResolutionAndNodeTheyWereStatedFor) {
  write("base.yaml", kSmallChip);
  write("derived.yaml", over("base.yaml", "technology: {node: 22 nm, cite: e}\nadc: {bits: 6, cite: e}\n"));
  const HardwareSpec spec = read("derived.yaml");
  EXPECT_EQ(spec.adc.stated_bits->value, 8.0);
  EXPECT_EQ(spec.adc.stated_node->value, 32e-9);
  EXPECT_EQ(spec.tile.components[0].stated_node->value, 32e-9);
  write("grandchild.yaml", over("derived", "adc: {bits: 4, cite: f}\n"));
  EXPECT_EQ(read("grandchild.yaml").adc.stated_bits->value, 8.0);
}

TEST_F(Extends, FiguresStatedAnewAreForTheNewResolution) {
  write("base.yaml", kSmallChip);
  write("derived.yaml", over("base", "adc: {bits: 6, power: 1 mW, area: 500 um2, cite: e}\n"));
  EXPECT_FALSE(read("derived.yaml").adc.stated_bits);
  write("half.yaml", over("base", "adc: {bits: 6, power: 1 mW, cite: e}\n"));
  EXPECT_EQ(error_in("half.yaml"),
            (folder_ / "half.yaml") +
                ":4:23: this is for 6, but other figures of the component are inherited for 8 "
                "(state all of power, leakage, energy and area anew, or none)");
  write("same.yaml", over("base", "adc: {power: 1 mW, cite: e}\n"));
  EXPECT_EQ(read("same.yaml").adc.power->value, 0.001);
}

TEST_F(Extends, AConstantOfADerivedFileNeedsASourceThere) {
  write("base.yaml", kSmallChip);
  write("derived.yaml", over("base", "adc: {bits: 6}\n"));
  EXPECT_EQ(error_in("derived.yaml"),
            (folder_ / "derived.yaml") + ":4:13: 'bits' has no source (add 'cite:' to it or to 'adc')");
}

TEST_F(Extends, AComponentKeepsItsKind) {
  write("base.yaml", kSmallChip);
  write("derived.yaml", over("base", "tile: {components: {router: {kind: bus, cite: e}}}\n"));
  EXPECT_EQ(error_in("derived.yaml"),
            (folder_ / "derived.yaml") +
                ":4:36: 'router' is a router in the extended file (give the new component "
                "a name of its own)");
}

TEST_F(Extends, AnEmptyComponentIsLeftOut) {
  write("base.yaml", kSmallChip);
  write("less.yaml", over("base", "tile: {components: {router: null}}\n"));
  write("wrong.yaml", over("base", "tile: {components: {routr: }}\n"));
  EXPECT_EQ(read("less.yaml").tile.components.size() + 1, read("base.yaml").tile.components.size());
  EXPECT_NE(error_in("wrong.yaml").find("wrong.yaml:4:21: 'routr' is empty"), std::string::npos)
      << error_in("wrong.yaml");
}

TEST_F(Extends, AFileOfADesignsNameMayExtendTheDesign) {
  write("isaac.yaml", over("isaac", "chip: {tiles: 1, cite: e}\n"));
  EXPECT_EQ(read("isaac.yaml").chip.members->value, 1.0);
}

TEST_F(Extends, ACircleIsRefusedWithItsPath) {
  write("a.yaml", over("b.yaml", ""));
  write("b.yaml", over("./a", ""));
  const std::string a = folder_ / "a.yaml", b = folder_ / "b.yaml";
  EXPECT_EQ(error_in("a.yaml"),
            b + ":3:10: 'extends' goes in a circle (" + a + " -> " + b + " -> " + a + ")");
  write("self.yaml", over("self", ""));
  EXPECT_NE(error_in("self.yaml").find(":3:10: 'extends' goes in a circle"), std::string::npos);
}

TEST_F(Extends, FindsFilesBesideItselfBeforeDesigns) {
  write("isaac.yaml", kSmallChip);
  write("derived.yaml", over("isaac", ""));
  EXPECT_EQ(read("derived.yaml").array.rows->value, 64.0);
  write("other.yaml", over("cascade", ""));
  EXPECT_EQ(read("other.yaml").files.front(), "builtin:specs/chou-micro-2019.yaml");
  write("none.yaml", over("isac", ""));
  EXPECT_EQ(error_in("none.yaml"),
            (folder_ / "none.yaml") +
                ":3:10: 'extends' finds no 'isac' (expected a file beside this one or a design; "
                "did you mean 'isaac'?)");
}

TEST_F(Extends, AnErrorInTheBaseNamesTheBase) {
  write("base.yaml", changed("bits: 2", "bitz: 2"));
  write("derived.yaml", over("base", ""));
  EXPECT_EQ(error_in("derived.yaml").rfind((folder_ / "base.yaml") + ":6:20: ", 0), 0U);
}

}  // namespace
}  // namespace bitline::hardware
