// bitline estimate: figures, comparisons and errors. Needs no training library.
#include <fstream>
#include <iterator>

#include "figures.h"
#include <gtest/gtest.h>

namespace bitline::cli {
namespace {

double sum_of(const result::Table& t, const std::string& key) {
  double sum = 0.0;
  for (std::size_t c = 0; c < t.columns.size(); ++c) {
    for (const auto& row : t.rows) {
      if (t.columns[c].key == key && std::holds_alternative<double>(row[c])) sum += std::get<double>(row[c]);
    }
  }
  return sum;
}

TEST(Estimate, TablesAddUp) {
  const result::Record record = json_of({"estimate", "zoo:resnet20", "--hardware", "isaac"});
  expect_documented(record);
  const double energy = number(record, "energy_per_image");
  EXPECT_GT(energy, 0.0);
  EXPECT_NEAR(sum_of(table(record, "energy_by_component"), "chip0"), energy, 1e-12 * energy);
  EXPECT_NEAR(sum_of(table(record, "energy_by_layer"), "energy"), energy, 1e-12 * energy);
  EXPECT_NEAR(sum_of(table(record, "energy_by_component"), "share0"), 100.0, 1e-9);
  EXPECT_LT(number(record, "throughput"), 41.3);
  EXPECT_LT(number(record, "power_efficiency"), 0.6275);
  EXPECT_EQ(record.find("sums_are"), nullptr);
}

TEST(Estimate, ChipsSideBySide) {
  const result::Record record = json_of({"estimate", "zoo:resnet20", "--hardware", "isaac", "--vs",
                                         "cascade,rram-128,sram-1b,dadiannao,rtx2080"});
  expect_documented(record);
  const result::Table& chips = table(record, "comparison");
  ASSERT_EQ(chips.rows.size(), 6u);
  for (const auto& row : chips.rows)
    EXPECT_EQ(std::get<std::string>(row.back()), "complete") << std::get<std::string>(row[0]);
  EXPECT_NE(std::get<std::string>(table(record, "marks").rows[1][1]).find("DERIVED"), std::string::npos);
  EXPECT_NE(
      run_program({"estimate", "zoo:resnet20", "--hardware", "isaac", "--vs", "cascade"}).out.find("adc"),
      std::string::npos);
}

// Its weights are loaded, and nothing says how fast.
constexpr const char* kBare = R"(schema: bitline-hardware/1
name: bare
cell: {bits: 2, cite: x}
array: {rows: 128, columns: 128, count: 4, cycle: 100 ns, cite: x}
weights: {loading: reloaded}
)";

TEST(Estimate, WhatIsNotStatedHasNoRates) {
  const Scratch scratch;
  scratch.write("bare.yaml", kBare);
  const result::Record record =
      json_of({"estimate", "zoo:resnet20", "--hardware", "isaac", "--vs", scratch.path("bare.yaml")});
  const result::Table& chips = table(record, "comparison");
  EXPECT_EQ(std::get<std::string>(chips.rows[1].back()), "lower bound");
  EXPECT_FALSE(table(record, "absent").rows.empty());
  for (std::size_t c = 0; c < chips.columns.size(); ++c) {
    const std::string& key = chips.columns[c].key;
    if (key != "images_per_second" && key != "rate_ratio" && key != "throughput" && key != "energy_delay")
      continue;
    EXPECT_TRUE(std::holds_alternative<double>(chips.rows[0][c])) << key;
    EXPECT_FALSE(std::holds_alternative<double>(chips.rows[1][c])) << key;
  }
  bool found = false;
  for (const auto& row : table(record, "energy_by_component").rows) {
    const std::string& part = std::get<std::string>(row[0]);
    if (part != "weights" && part != "array") continue;
    found = true;
    EXPECT_FALSE(std::holds_alternative<double>(row[3])) << "what is not known is not zero: " << part;
  }
  EXPECT_TRUE(found);
}

TEST(Estimate, AComparatorWithoutOperandsIsNamed) {
  const Scratch scratch;
  scratch.write("board.yaml",
                "schema: bitline-hardware/1\nname: board\n"
                "roofline: {peak: 1 TOPS, bandwidth: 1 GB/s, power: 1 W, cite: x}\n");
  const result::Record record =
      json_of({"estimate", "zoo:resnet20", "--hardware", "isaac", "--vs", scratch.path("board.yaml")});
  const result::Table& absent = table(record, "absent");
  ASSERT_EQ(absent.rows.size(), 1u);
  EXPECT_EQ(std::get<std::string>(absent.rows[0][1]), "operands.weight_bits: taken as 8");
}

TEST(Estimate, BoardsOfChipsAndNetworksByTheirShapes) {
  expect_error(run_program({"estimate", "zoo:vgg-a", "--hardware", "isaac"}), 3, {"65052 arrays"});
  const result::Record record =
      json_of({"estimate", "zoo:vgg-a", "--hardware", "isaac", "--chips", "16", "--vs", "dadiannao"});
  const result::Table& chips = table(record, "comparison");
  EXPECT_EQ(std::get<std::string>(chips.rows[1][1]), "W16 on DaDianNao x 16");
  EXPECT_EQ(std::get<std::string>(chips.rows[1].back()), "complete");
  expect_error(run_program({"estimate", "zoo:resnet20", "--hardware", "isaac", "--chips", "0"}), 2,
               {"--chips"});
  expect_error(run_program({"info", "--model", "zoo:vgg-a"}), 3, {"'vgg-a' has shapes and no weights"});
}

TEST(Estimate, AFileIsADesign) {
  const result::Record file =
      json_of({"estimate", "zoo:resnet20", "--hardware", BITLINE_SOURCE_DIR "/specs/shafiee-isca-2016.yaml"});
  EXPECT_EQ(number(file, "energy_per_image"),
            number(json_of({"estimate", "zoo:resnet20", "--hardware", "isaac"}), "energy_per_image"));
}

TEST(Estimate, DensitiesLowerTheEnergy) {
  const Scratch scratch;
  scratch.write("activity.json", R"({"conv1": {"input": 0.1}})");
  const Words words = {"estimate", "zoo:resnet20", "--hardware", "isaac"};
  const double full = number(json_of(words), "energy_per_image");
  const double one =
      number(json_of(joined(words, {"--activity", scratch.path("activity.json"), "--input-density", "1"})),
             "energy_per_image");
  const double all = number(json_of(joined(words, {"--input-density", "0.1"})), "energy_per_image");
  EXPECT_LT(one, full);
  EXPECT_LT(all, one);
}

TEST(Estimate, TrafficIsChargedPerUse) {
  const Scratch scratch;
  scratch.write("chip.yaml", R"(schema: bitline-hardware/1
name: ISAAC with energies of uses
summary: ISAAC-CE, where eDRAM, bus and router are charged for what they move
extends: isaac
tile:
  components:
    edram: {energy: 64.6 pJ, cite: "2.02 pJ a byte, 32 bytes"}
    bus: {energy: 32.8 pJ, cite: "0.684 pJ a byte, 48 bytes"}
    router: {energy: 4.4 pJ, cite: "a flit and hop"}
)");
  const result::Record record =
      json_of({"estimate", "zoo:resnet20", "--hardware", scratch.path("chip.yaml")});
  EXPECT_EQ(record.find("sums_are"), nullptr);
  const double energy = number(record, "energy_per_image");
  const result::Table& parts = table(record, "energy_by_component");
  EXPECT_NEAR(sum_of(parts, "chip0"), energy, 1e-12 * energy);
  EXPECT_NEAR(sum_of(table(record, "energy_by_layer"), "energy"), energy, 1e-12 * energy);
  for (const auto& row : parts.rows) {
    const std::string& part = std::get<std::string>(row[0]);
    if (part == "tile.edram" || part == "tile.bus" || part == "tile.router") {
      EXPECT_GT(std::get<double>(row[1]), 0.0) << part;
    }
  }
}

// Digits of a calibrated network on ISAAC's arrays.
class CountedEstimate : public ::testing::Test {
 protected:
  void SetUp() override {
    const Outcome o = run_program({"calibrate", "--quiet", "--model", "zoo:digits-cnn", "--untrained",
                                   "--data", "digits", "--hardware", "isaac", "--calibration-images", "16",
                                   "--on-array", "first", "--out", artefact_});
    ASSERT_EQ(o.exit_code, 0) << o.err;
  }
  Words words(const Words& more) const {
    return joined({"estimate", artefact_, "--hardware", "isaac"}, more);
  }

  Scratch scratch_;
  std::string artefact_ = scratch_.path("digits.safetensors");
  std::string file_ = scratch_.path("activity.json");
};

TEST_F(CountedEstimate, DensitiesComeFromPictures) {
  const result::Record counted = json_of(words({"--images", "40", "--activity-out", file_}));
  expect_documented(counted);
  EXPECT_LT(number(counted, "energy_per_image"), number(json_of(words({})), "energy_per_image"));
  const result::Table& layers = table(counted, "energy_by_layer");
  for (const char* key : {"input_density", "weight_density"}) {
    EXPECT_GT(sum_of(layers, key), 0.0);
    EXPECT_LT(sum_of(layers, key), static_cast<double>(layers.rows.size()));
  }
  const result::Record read = json_of(words({"--activity", file_}));
  EXPECT_EQ(number(read, "energy_per_image"), number(counted, "energy_per_image"));
  EXPECT_EQ(json_of(words({"--data", "digits", "--images", "40", "--threads", "1"})).tables[0].rows,
            counted.tables[0].rows);
}

const std::string& mapped_on(const result::Table& chips, std::size_t row) {
  return std::get<std::string>(chips.rows[row][1]);
}

// The last layer is in float: no chip has figures of it, and ratios are of the same layers.
TEST_F(CountedEstimate, AnArtefactBesideChipsWithOtherArrays) {
  const result::Record record = json_of(words({"--vs", "cascade,rram-128,sram-1b", "--images", "10"}));
  expect_documented(record);
  EXPECT_EQ(text(record, "sums_are"), "without 1 layer that the chip does not run (table elsewhere)");
  EXPECT_EQ(text(record, "activity"), "counted on 10 images");
  EXPECT_EQ(table(record, "elsewhere").rows.size(), 4u);
  const result::Table& chips = table(record, "comparison");
  ASSERT_EQ(chips.rows.size(), 4u);
  EXPECT_EQ(mapped_on(chips, 0).find("costs alone"), std::string::npos);
  EXPECT_NE(mapped_on(chips, 1).find("costs alone"), std::string::npos);
  EXPECT_EQ(mapped_on(chips, 2).find("costs alone"), std::string::npos) << "ISAAC's arrays";
  EXPECT_NE(mapped_on(chips, 3).find("costs alone"), std::string::npos);
  for (const auto& row : chips.rows) {
    EXPECT_GT(std::get<double>(row[5]), 0.0) << "energy ratio";
    EXPECT_GT(std::get<double>(row[9]), 0.0) << "rate ratio";
  }
  expect_error(run_program({"estimate", artefact_, "--hardware", "cascade"}), 3,
               {"conv1", "quantized for arrays of 128", "quantize it for this hardware"});
}

// What the file states is complete; how often such a component is used, nothing says.
TEST(Estimate, ConstantsAreMissingOnlyWhereTheyAre) {
  const Scratch scratch;
  scratch.write("uncounted.yaml", R"(schema: bitline-hardware/1
name: uncounted
extends: isaac
tile: {components: {watch: {kind: controller, energy: 1 pJ, area: 1 um2, cite: x}}}
)");
  scratch.write("absent.yaml", R"(schema: bitline-hardware/1
name: absent
extends: isaac
tile: {components: {watch: {kind: controller, area: 1 um2, cite: x}}}
)");
  EXPECT_EQ(
      text(json_of({"estimate", "zoo:resnet20", "--hardware", scratch.path("uncounted.yaml")}), "sums_are"),
      "lower bounds: not all is counted (table absent)");
  EXPECT_EQ(
      text(json_of({"estimate", "zoo:resnet20", "--hardware", scratch.path("absent.yaml")}), "sums_are"),
      "lower bounds: constants are missing (table absent)");
}

// One chip has logic for the first and last layer, the other has not.
TEST(Estimate, ComparisonsAreOfLayersThatAllChipsRun) {
  const Scratch scratch;
  const std::string artefact = scratch.path("digits.safetensors");
  const Outcome o = run_program({"calibrate", "--quiet", "--model", "zoo:digits-cnn", "--untrained", "--data",
                                 "digits", "--hardware", "rram-128", "--calibration-images", "16",
                                 "--digital", "first", "--digital", "last", "--out", artefact});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const result::Record alone = json_of({"estimate", artefact, "--hardware", "rram-128"});
  EXPECT_EQ(alone.find("sums_are"), nullptr);
  EXPECT_EQ(text(alone, "activity"), "full, assumed: all bits and cells are ones");
  const result::Record beside = json_of({"estimate", artefact, "--hardware", "rram-128", "--vs", "isaac"});
  EXPECT_EQ(number(beside, "energy_per_image"), number(alone, "energy_per_image"));
  const result::Table& chips = table(beside, "comparison");
  EXPECT_NE(chips.title.find("that all of them run"), std::string::npos);
  EXPECT_LT(std::get<double>(chips.rows[0][4]), number(alone, "energy_per_image"));
  EXPECT_GT(std::get<double>(chips.rows[1][5]), 0.0);
}

TEST_F(CountedEstimate, ErrorsSayWhatIsMissing) {
  scratch_.write("few.json", R"({"conv1": {"input": 0.1}})");
  expect_error(run_program(words({"--activity", scratch_.path("few.json")})), 3,
               {"few.json", "conv2", "no densities", "--input-density"});
  expect_error(run_program(words({"--activity", scratch_.path("few.json"), "--images", "3"})), 2,
               {"read or counted"});
  expect_error(run_program(words({"--activity-out", file_})), 2, {"nothing to write"});
  expect_error(run_program({"estimate", "zoo:digits-cnn", "--hardware", "isaac", "--images", "3"}), 3,
               {"no scales", "conv1", "calibrate"});
  expect_error(run_program(words({"--data", "digits", "--images", "0"})), 2, {"--images"});
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Nothing says how long a read of its arrays takes.
constexpr const char* kTimeless = R"(schema: bitline-hardware/1
name: timeless
cell: {bits: 2, cite: x}
array: {rows: 128, columns: 128, cite: x}
chip: {tiles: 16128, cite: x}
)";

TEST(Estimate, PipelineBesideTheSteadyState) {
  const Scratch scratch;
  scratch.write("timeless.yaml", kTimeless);
  const Words words = {"estimate", "zoo:resnet20", "--hardware", "isaac", "--pipeline"};
  const result::Record record = json_of(words);
  expect_documented(record);
  EXPECT_LT(number(record, "pipeline_latency"), number(record, "latency"));
  EXPECT_GE(number(record, "pipeline_period"), number(record, "period") * (1.0 - 1e-9));
  EXPECT_NEAR(number(record, "pipeline_edp"),
              number(record, "pipeline_energy") * number(record, "pipeline_latency"),
              1e-9 * number(record, "pipeline_edp"));
  EXPECT_EQ(table(record, "pipeline_by_layer").rows.size(), table(record, "energy_by_layer").rows.size());
  EXPECT_EQ(json_of({"estimate", "zoo:resnet20", "--hardware", "isaac"}).find("pipeline_latency"), nullptr);
  const result::Record others = json_of(joined(
      words, {"--vs", "rram-128," + scratch.path("timeless.yaml") + ",cascade,rtx2080", "--pictures", "2"}));
  expect_documented(others);
  const result::Table& chips = table(others, "pipeline_comparison");
  ASSERT_EQ(chips.rows.size(), 5u);
  EXPECT_LT(std::get<double>(chips.rows[1][2]), 1.0);
  EXPECT_GT(std::get<double>(chips.rows[3][2]), 0.0);
  EXPECT_EQ(std::get<std::string>(chips.rows[2][1]), "") << "what has no time is not zero";
  bool named = false;
  for (const auto& row : table(others, "pipeline_notes").rows)
    named = named || std::get<std::string>(row[1]).find("array.cycle") != std::string::npos;
  EXPECT_TRUE(named);
}

// ISAAC's links draw 10.4 W all the time, also while the pipeline is held up.
TEST(Estimate, PipelinesPayForTheirOwnPeriod) {
  const result::Record record = json_of({"estimate", "zoo:resnet20", "--hardware", "isaac", "--pipeline"});
  const double longer = number(record, "pipeline_period") - number(record, "period");
  EXPECT_GT(longer, 0.0);
  EXPECT_NEAR(number(record, "pipeline_energy") - number(record, "energy_per_image"), 10.4 * longer,
              1e-6 * number(record, "pipeline_energy"));
}

TEST(Estimate, PipelinesHaveLayersInLogic) {
  const result::Record record = json_of({"estimate", "zoo:digits-cnn", "--hardware", "rram-tile", "--digital",
                                         "first", "--digital", "last", "--pipeline"});
  EXPECT_GE(number(record, "pipeline_period"), number(record, "period") * (1.0 - 1e-9));
  const result::Table& layers = table(record, "pipeline_by_layer");
  EXPECT_EQ(layers.rows.size(), table(record, "energy_by_layer").rows.size() + 2);
  EXPECT_EQ(std::get<std::string>(layers.rows.front()[0]), "conv1");
  EXPECT_EQ(std::get<std::string>(layers.rows.front()[1]), "") << "no replicas";
  EXPECT_GT(std::get<double>(layers.rows.front()[2]), 0.0);
  EXPECT_GE(number(record, "pipeline_latency"), std::get<double>(layers.rows.front()[2]) / 4.0);
}

// A chip of one's own, with tile buffers that never hold a picture up.
TEST(Estimate, APipelineOnAChipFile) {
  const Scratch scratch;
  scratch.write("roomy.yaml",
                "schema: bitline-hardware/1\nextends: isaac\nname: roomy\n"
                "tile: {components: {edram: {kind: buffer, capacity: 16 MiB, cite: x}}}\n");
  const auto period = [](const std::string& hardware) {
    return number(json_of({"estimate", "zoo:resnet20", "--hardware", hardware, "--pipeline"}),
                  "pipeline_period");
  };
  EXPECT_LT(period(scratch.path("roomy.yaml")), period("isaac"));
}

TEST(Estimate, PipelineAsAPicture) {
  const Scratch scratch;
  const auto draw = [&](const char* name) {
    const std::string path = scratch.path(name);
    json_of({"estimate", "zoo:resnet20", "--hardware", "isaac", "--pipeline", "--gantt", path});
    return text_of(path);
  };
  const std::string picture = draw("a.svg");
  EXPECT_EQ(picture.substr(0, 4), "<svg");
  EXPECT_NE(picture.find("</svg>"), std::string::npos);
  for (const char* text : {"conv1", "picture 3", "time in us", "latency", "period"})
    EXPECT_NE(picture.find(text), std::string::npos) << text;
  EXPECT_EQ(picture, draw("b.svg"));
}

TEST(Estimate, ErrorsSayWhere) {
  const Scratch scratch;
  scratch.write("activity.json", R"({"conv9": {"input": 0.1}})");
  scratch.write("wrong.json", R"({"conv1": {"inputs": 0.1}})");
  const Words words = {"estimate", "zoo:resnet20", "--hardware", "isaac"};
  expect_error(run_program(joined(words, {"--activity", scratch.path("activity.json")})), 3,
               {"'conv9'", "not on arrays"});
  expect_error(run_program(joined(words, {"--activity", scratch.path("wrong.json")})), 3,
               {"wrong.json", "conv1", "densities"});
  expect_error(run_program({"estimate", "zoo:resnet20", "--hardware", "128x128:2b"}), 3, {"no costs"});
  expect_error(run_program(joined(words, {"--input-density", "2"})), 2, {"--input-density"});
  expect_error(run_program(joined(words, {"--gantt", "x.svg"})), 2, {"--pipeline"});
  scratch.write("timeless.yaml", kTimeless);
  expect_error(
      run_program({"estimate", "zoo:resnet20", "--hardware", scratch.path("timeless.yaml"), "--pipeline"}), 3,
      {"array.cycle"});
  scratch.write("bare.yaml", kBare);
  expect_error(
      run_program({"estimate", "zoo:resnet20", "--hardware", scratch.path("bare.yaml"), "--pipeline"}), 3,
      {"weights.bandwidth"});
}

}  // namespace
}  // namespace bitline::cli
