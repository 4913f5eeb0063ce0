// Calibrated networks on chips whose converters are others than those of their plan.
#include <algorithm>
#include <utility>
#include <vector>

#include "figures.h"
#include <gtest/gtest.h>

namespace bitline::cli {
namespace {

class PlanOnChips : public ::testing::Test {
 protected:
  Words calibrate(const std::string& hardware, const Words& more = {}) const {
    return joined({"calibrate", "--quiet", "--model", "zoo:digits-cnn", "--untrained", "--data", "digits",
                   "--calibration-images", "16", "--on-array", "first", "--hardware", hardware, "--out",
                   scratch_.path("out.safetensors")},
                  more);
  }
  std::string calibrated(const std::string& hardware, const Words& more = {}) {
    const std::string out = scratch_.path("plan" + std::to_string(plans_++) + ".safetensors");
    Words words = calibrate(hardware, more);
    *(std::find(words.begin(), words.end(), "--out") + 1) = out;
    const Outcome o = run_program(words);
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return out;
  }
  // Calibrated for ISAAC's own 1-bit DACs.
  result::Record serial_on_isaac() {
    return json_of({"estimate", calibrated("isaac"), "--hardware", "isaac"});
  }

  Scratch scratch_;
  int plans_ = 0;
};

const std::string& mapped_on(const result::Table& chips, std::size_t row) {
  return std::get<std::string>(chips.rows[row][1]);
}

// Quantized for 4-bit inputs at once; ISAAC has 1-bit DACs.
TEST_F(PlanOnChips, APlanThatTheConvertersCannotRun) {
  const std::string wide = calibrated("rram-dac4");
  for (const char* command : {"estimate", "map"})
    expect_error(run_program({command, wide, "--hardware", "isaac"}), 3,
                 {"inputs of 4 bits", "DACs' 1", "--dac-bits 1"});
  const result::Record beside = json_of({"estimate", wide, "--hardware", "rram-dac4", "--vs", "isaac"});
  const result::Table& chips = table(beside, "comparison");
  EXPECT_NE(mapped_on(chips, 1).find("as 1-bit inputs, 4 cycles"), std::string::npos) << mapped_on(chips, 1);
  const double as_planned = number(serial_on_isaac(), "energy_per_image");
  EXPECT_NEAR(std::get<double>(chips.rows[1][4]), as_planned, 1e-9 * as_planned);
  expect_error(run_program(calibrate("isaac", {"--dac-bits", "4"})), 3, {"--dac-bits 1"});
  expect_error(run_program(calibrate("isaac", {"--precision", "W4A4P12"})), 3, {"4096 levels", "P8"});
}

// ISAAC with DACs of as many bits as an input, at no other costs.
constexpr const char* kWideDacs = R"(schema: bitline-hardware/1
name: wide
extends: isaac
dac: {bits: 4, cite: x}
)";

double energy_of_part(const result::Table& parts, const std::string& name, std::size_t chip) {
  for (const auto& row : parts.rows) {
    if (std::get<std::string>(row[0]) == name) return std::get<double>(row[1 + 2 * chip]);
  }
  ADD_FAILURE() << name;
  return 0.0;
}

// Array, DAC and ADC work, and the stages take, ceil(input bits / DAC bits) cycles, here 1 and 4.
TEST_F(PlanOnChips, FourBitInputsOnOneBitDacsCostFourTimes) {
  scratch_.write("wide.yaml", kWideDacs);
  const std::string chip = scratch_.path("wide.yaml"), wide = calibrated(chip);
  const result::Record both = json_of({"estimate", wide, "--hardware", chip, "--vs", "isaac"});
  for (const char* part : {"array", "dac", "adc"}) {
    const double once = energy_of_part(table(both, "energy_by_component"), part, 0);
    EXPECT_NEAR(energy_of_part(table(both, "energy_by_component"), part, 1), 4.0 * once, 1e-9 * once) << part;
  }
  const result::Table& chips = table(both, "comparison");
  const result::Record serial = serial_on_isaac();
  const std::vector<std::pair<std::size_t, const char*>> times = {{6, "period"}, {7, "latency"}};
  for (const auto& [column, key] : times) {
    const double once = std::get<double>(chips.rows[0][column]);
    EXPECT_NEAR(std::get<double>(chips.rows[1][column]), 4.0 * once, 1e-9 * once) << key;
    EXPECT_NEAR(number(serial, key), 4.0 * once, 1e-9 * once) << key;
  }
}

TEST_F(PlanOnChips, TheChipsAdcsStandInForIdealOnes) {
  const std::string ideal = calibrated("isaac", {"--precision", "W4A4Pideal"});
  const std::string note = "its ADCs costed in place of ideal ones";
  const result::Record beside = json_of({"estimate", ideal, "--hardware", "isaac", "--vs", "puma,sram-28nm"});
  const result::Table& chips = table(beside, "comparison");
  EXPECT_NE(mapped_on(chips, 0).find(note), std::string::npos) << mapped_on(chips, 0);
  EXPECT_NE(mapped_on(chips, 1).find(note), std::string::npos) << mapped_on(chips, 1);
  EXPECT_EQ(mapped_on(chips, 2).find(note), std::string::npos) << "it states no ADCs";
  EXPECT_EQ(text(serial_on_isaac(), "mapped").find(note), std::string::npos);
  EXPECT_EQ(text(json_of({"estimate", "zoo:resnet20", "--hardware", "isaac"}), "mapped").find(note),
            std::string::npos)
      << "a float network plans no converters";
}

// A plan for other arrays is refused for that first, before its converters are looked at.
TEST_F(PlanOnChips, ArraysAreLookedAtFirst) {
  const std::string wide = calibrated("rram-dac4");
  expect_error(run_program({"estimate", wide, "--hardware", "cascade"}), 3, {"quantized for arrays of 128"});
}

TEST_F(PlanOnChips, AdcsOfFewerBitsAreSaid) {
  const std::string plan = calibrated("isaac");  // its 8 bits
  scratch_.write("six.yaml",
                 "schema: bitline-hardware/1\nname: six\nextends: isaac\nadc: {bits: 6, cite: x}\n");
  const std::string six = scratch_.path("six.yaml");
  expect_error(run_program({"estimate", plan, "--hardware", six}), 3, {"256 levels", "64", "P6"});
  const result::Record beside = json_of({"estimate", plan, "--hardware", "isaac", "--vs", six});
  EXPECT_NE(mapped_on(table(beside, "comparison"), 1).find("with the chip's ADCs of fewer bits"),
            std::string::npos);
  EXPECT_EQ(text(beside, "sums_are").find("constants"), std::string::npos);
}

}  // namespace
}  // namespace bitline::cli
