// bitline hardware: its five actions, in text and JSON, and their errors. Needs no training library.
#include <fstream>
#include <iterator>
#include <set>

#include "figures.h"
#include <gtest/gtest.h>

namespace bitline::cli {
namespace {

TEST(Hardware, ListsTheDesigns) {
  const result::Record record = json_of({"hardware", "list"});
  EXPECT_EQ(count(record, "designs"), std::ssize(record.tables.at(0).rows));
  EXPECT_EQ(std::get<std::string>(record.tables.at(0).rows.at(0).at(0)), "shafiee-isca-2016");
  expect_documented(record);
  EXPECT_NE(run_program({"hardware", "list"}).out.find("isaac"), std::string::npos);
}

TEST(Hardware, ShowsSumsConstantsAndGaps) {
  const result::Record record = json_of({"hardware", "show", "isaac"});
  EXPECT_EQ(record.title, "ISAAC-CE");
  EXPECT_NEAR(number(record, "chip_power"), 65.8, 0.05);
  EXPECT_NEAR(number(record, "chip_area"), 85.4, 0.05);
  EXPECT_NEAR(number(record, "peak"), 41.3, 0.05);
  EXPECT_NE(text(record, "operation").find("a multiply-accumulate is two"), std::string::npos);
  expect_documented(record);
  const Outcome o = run_program({"hardware", "show", "isaac"});
  EXPECT_NE(o.out.find("adc.rate"), std::string::npos);
  EXPECT_NE(o.out.find("1.28 GS/s"), std::string::npos);
}

TEST(Hardware, ShowsEveryDesignAndSaysWhatIsMissing) {
  for (const char* name : {"cascade", "cascade-adc-raw", "dadiannao", "puma", "sram-28nm", "mars", "rram-128",
                           "sram-1b", "rtx2080"})
    expect_documented(json_of({"hardware", "show", name}));
  EXPECT_EQ(text(json_of({"hardware", "show", "sram-28nm"}), "not_in_chip_power"), "dac");
}

// With reads of 200 ns ISAAC's ADCs convert for half of a cycle, at the same energy each.
TEST(Hardware, AdcsAreCountedAtTheRateTheyAreUsed) {
  const Scratch scratch;
  scratch.write("slow.yaml",
                "schema: bitline-hardware/1\nname: slow\nextends: isaac\narray: {cycle: 200 ns, cite: me}\n");
  const result::Record adc = json_of({"hardware", "explain", scratch.path("slow.yaml"), "adc"});
  EXPECT_NE(text(adc, "power_formula").find("16 mW for all 8 x 50 % at work = 8 mW"), std::string::npos);
  EXPECT_NE(text(adc, "energy_formula").find("1.562 pJ a conversion"), std::string::npos);
}

TEST(Hardware, ExplainsAComponentByItsNameAtOneLevel) {
  const result::Record adc = json_of({"hardware", "explain", "isaac", "adc"});
  EXPECT_NE(text(adc, "power_formula").find("16 mW for all 8"), std::string::npos);
  EXPECT_NE(text(adc, "power_formula").find("49.02 % of 65.81 W"), std::string::npos);
  EXPECT_NE(text(adc, "energy_formula").find("1.562 pJ a conversion"), std::string::npos);
  expect_documented(adc);
  EXPECT_EQ(text(json_of({"hardware", "explain", "isaac", "router"}), "part"), "tile.router");
  expect_documented(json_of({"hardware", "explain", "isaac", "cell"}));
  expect_documented(json_of({"hardware", "explain", "dadiannao", "accelerator"}));
  expect_documented(json_of({"hardware", "explain", "cascade", "accumulation"}));
  expect_error(run_program({"hardware", "explain", "isaac", "shift_add"}), 2,
               {"'shift_add' is at more than one level", "'macro.shift_add' or 'tile.shift_add'?"});
  expect_error(run_program({"hardware", "explain", "isaac", "addc"}), 2, {"did you mean 'adc'?"});
}

TEST(Hardware, ExplainsAComponentInAllDesigns) {
  const result::Record adc = json_of({"hardware", "explain", "adc"});
  expect_documented(adc);
  std::set<std::string> designs;
  for (const auto& row : table(adc, "constants").rows) {
    EXPECT_EQ(std::get<std::string>(row[1]), "adc");
    designs.insert(std::get<std::string>(row[0]));
  }
  for (const char* name : {"shafiee-isca-2016", "chou-micro-2019", "generic-sram-1b"})
    EXPECT_TRUE(designs.contains(name)) << name;
  const result::Record buffers = json_of({"hardware", "explain", "buffer"});  // a kind
  EXPECT_NE(text(buffers, "energy_formula").find("one access"), std::string::npos);
  for (const auto& row : table(buffers, "constants").rows) EXPECT_NE(std::get<std::string>(row[1]), "adc");
  expect_error(run_program({"hardware", "explain", "isaac"}), 2, {"no design has 'isaac'", "NAME COMPONENT"});
}

TEST(Hardware, EveryPartOfEveryDesignIsExplained) {
  for (const char* name : {"isaac", "cascade", "puma", "mars", "sram-1b", "rtx2080"}) {
    const result::Record shown = json_of({"hardware", "show", name});
    for (const result::Table& table : shown.tables) {
      if (table.key != "components") continue;
      for (const auto& row : table.rows)
        expect_documented(json_of({"hardware", "explain", name, std::get<std::string>(row[0])}));
    }
  }
}

TEST(Hardware, ChecksAFile) {
  const Scratch scratch;
  scratch.write("good.yaml", "schema: bitline-hardware/1\nname: mine\nextends: isaac\n");
  const result::Record good = json_of({"hardware", "check", scratch.path("good.yaml")});
  EXPECT_EQ(text(good, "hardware_name"), "mine");
  expect_documented(good);
  expect_documented(json_of({"hardware", "check", BITLINE_SOURCE_DIR "/specs/generic_128x128_2b.yaml"}));
  scratch.write("bad.yaml",
                "schema: bitline-hardware/1\nname: mine\nextends: isaac\nadc: {bitz: 6, cite: me}\n");
  expect_error(run_program({"hardware", "check", scratch.path("bad.yaml")}), 3,
               {scratch.path("bad.yaml") + ":4:7: unknown key 'bitz' of 'adc' (did you mean 'bits'?)"});
  expect_error(run_program({"hardware", "check", scratch.path("absent.yaml")}), 3, {"absent.yaml"});
}

TEST(Hardware, WritesTheSchemaThatIsShipped) {
  const Scratch scratch;
  expect_documented(json_of({"hardware", "schema", "--out", scratch.path("s.json")}));
  std::ifstream file(BITLINE_SOURCE_DIR "/specs/hardware.schema.json");
  EXPECT_EQ(scratch.read("s.json"), (std::string{std::istreambuf_iterator<char>(file), {}}));
  expect_error(run_program({"hardware", "schema"}), 2, {"--out"});
}

TEST(Hardware, UsageErrors) {
  expect_error(run_program({"hardware", "shw", "isaac"}), 2, {"did you mean 'show'?"});
  expect_error(run_program({"hardware", "show"}), 2, {"takes 1 more word"});
  expect_error(run_program({"hardware", "list", "isaac"}), 2, {"takes 0 more words"});
  expect_error(run_program({"hardware", "show", "isaak"}), 3, {"did you mean 'isaac'?"});
}

TEST(Hardware, IsNoStepOfARecipe) {
  const Scratch scratch;
  scratch.write("r.yaml", "schema: bitline-recipe/1\nname: r\nsteps:\n  - hardware: {out: x}\n");
  expect_error(run_program({"run", scratch.path("r.yaml")}), 3, {"'hardware' is not a step"});
}

}  // namespace
}  // namespace bitline::cli
