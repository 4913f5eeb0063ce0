// Every shipped design: it loads, its list and its folder agree, and each constant has its source.
#include "bitline/hardware/designs.h"

#include <filesystem>
#include <set>

#include "base/error_of.h"
#include "io/scratch_folder.h"
#include <gtest/gtest.h>

#include "bitline/hardware/spec_keys.h"
#include "bitline/hardware/spec_reader.h"

namespace bitline::hardware {
namespace {

const std::string kFolder = BITLINE_SOURCE_DIR "/specs";

TEST(Designs, EachLoadsFromTheLibraryAndFromItsFileAlike) {
  for (const Design& design : designs()) {
    const HardwareSpec built_in = open_hardware(io::posix(), design.name);
    const HardwareSpec on_disk = read_hardware(io::posix(), kFolder + "/" + design.name + ".yaml");
    EXPECT_FALSE(built_in.summary.empty()) << design.name;
    EXPECT_EQ(built_in.name, on_disk.name);
    EXPECT_EQ(built_in.files.size(), on_disk.files.size());
    EXPECT_EQ(built_in.files.back(), builtin_path(design));
    EXPECT_EQ(builtin_text(built_in.files.back()), shipped_text(design));
    for (const std::string& alias : design.aliases)
      EXPECT_EQ(open_hardware(io::posix(), alias).name, built_in.name) << alias;
  }
}

TEST(Designs, TheListHoldsAllChipsOfTheFolderAndNothingElse) {
  std::set<std::string> listed, found;
  for (const Design& design : designs()) listed.insert(design.name);
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".yaml") continue;
    const io::YamlNode root = io::read_yaml(io::posix(), entry.path().string());
    const io::YamlNode* schema = root.find("schema");
    if (schema != nullptr && schema->scalar == kHardwareSchema) found.insert(entry.path().stem().string());
  }
  EXPECT_EQ(listed, found);
}

TEST(Designs, NamesAndAliasesAreDistinct) {
  const std::vector<std::string> names = design_names();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

TEST(Designs, LoadInAnyFolder) {
  const io::ScratchFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  EXPECT_EQ(open_hardware(io::posix(), "rram-128").operands.weight_bits->value, 8.0);
  std::filesystem::current_path(before);
}

TEST(Designs, ReconstructedConstantsSaySo) {
  const HardwareSpec macro = open_hardware(io::posix(), "sram-28nm");
  EXPECT_EQ(macro.array.rows->source.mark, Mark::kReconstructed);
  EXPECT_EQ(macro.array.energy->source.mark, Mark::kDerived);
  const HardwareSpec mars = open_hardware(io::posix(), "mars");
  EXPECT_EQ(mars.tile.members->source.mark, Mark::kReconstructed);
  EXPECT_EQ(open_hardware(io::posix(), "rtx2080").roofline.peak->source.mark, Mark::kMemory);
  EXPECT_EQ(open_hardware(io::posix(), "puma").chip.members->source.mark, Mark::kMemory);
}

TEST(Designs, TheFilesInheritWhatTheyExtend) {
  const HardwareSpec isaac = open_hardware(io::posix(), "isaac");
  const HardwareSpec generic = open_hardware(io::posix(), "rram-128");
  EXPECT_EQ(generic.macro.components.size(), isaac.macro.components.size());
  EXPECT_EQ(generic.adc.power->where.file, "specs/shafiee-isca-2016.yaml");
  EXPECT_EQ(generic.cell.resistance_on->where.file, "specs/generic-rram-128.yaml");
  EXPECT_FALSE(generic.published.stated);
}

TEST(Designs, AnUnknownNameHasTheNearest) {
  EXPECT_EQ(error_of([] { open_hardware(io::posix(), "isaak"); }),
            "hardware 'isaak' is neither a design nor a file (did you mean 'isaac'?)");
}

}  // namespace
}  // namespace bitline::hardware
