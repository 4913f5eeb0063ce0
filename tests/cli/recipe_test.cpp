// Recipes: what is taken over from an earlier run, what is not, and what is refused before the first step.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "digits.h"
#include "figures.h"
#include <gtest/gtest.h>

#include "bitline/io/json.h"

namespace bitline::cli {
namespace {

constexpr const char* kHead = "schema: bitline-recipe/1\nname: r\nsteps:\n";
constexpr const char* kTrain =
    "  - name: float\n    train: {model: \"zoo:digits-cnn\", data: digits, train-images: 256, epochs: 1, "
    "batch: 32, shards: 2, epoch-test-images: 64, out: \"{out}/float.safetensors\"}\n";
constexpr const char* kCalibrate =
    "  - name: \"{granularity}\"\n    for: {granularity: [layer/layer, column/column]}\n"
    "    calibrate: {model: \"{out}/float.safetensors\", data: digits, hardware: \"64x64:1b\", "
    "calibration-images: 32, test-images: 64, granularity: \"{granularity}\", "
    "out: \"{out}/{granularity/}.safetensors\"}\n";

class Recipes : public testing::Test {
 protected:
  void write(const std::string& steps) { scratch_.write("r.yaml", kHead + steps); }
  Outcome run(const Words& more = {}) {
    return run_program(joined({"run", scratch_.path("r.yaml"), "--out", scratch_.path("run")}, more));
  }
  void expect_refused(const std::string& steps, int code, const std::string& part) {
    write(steps);
    const Outcome o = run();
    EXPECT_EQ(o.exit_code, code) << steps;
    EXPECT_NE(o.err.find(part), std::string::npos) << "'" << part << "' in: " << o.err;
    EXPECT_EQ(scratch_.names(), std::vector<std::string>{"r.yaml"});
  }
  static bool done_before(const Outcome& o, const std::string& step) {
    return o.err.find(": " + step + "  (done before)\n") != std::string::npos;
  }

  Words summary() const {  // names of its rows
    Words names;
    const result::Record record = record_of(scratch_.read("run/result.json"));
    for (const auto& row : table(record, "summary").rows) names.push_back(std::get<std::string>(row[0]));
    return names;
  }

  Scratch scratch_;
};

TEST_F(Recipes, ASecondRunTakesOverFinishedSteps) {
  write(kTrain);
  const Outcome first = run();
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_FALSE(done_before(first, "float"));
  write(std::string(kTrain) + kCalibrate);
  const Outcome grown = run();
  ASSERT_EQ(grown.exit_code, 0) << grown.err;
  EXPECT_TRUE(done_before(grown, "float")) << grown.err;
  EXPECT_FALSE(done_before(grown, "layer/layer"));
  EXPECT_TRUE(scratch_.exists("run/column-column.safetensors"));
  const std::string result = scratch_.read("run/result.json");
  const Outcome again = run();
  for (const char* step : {"float", "layer/layer", "column/column"}) EXPECT_TRUE(done_before(again, step));
  EXPECT_EQ(scratch_.read("run/result.json"), result);
  EXPECT_FALSE(done_before(run({"--fresh"}), "float"));
}

TEST_F(Recipes, OnlySomeSteps) {
  write(std::string(kTrain) + kCalibrate);
  ASSERT_EQ(run({"--only", "float"}).exit_code, 0);
  EXPECT_FALSE(scratch_.exists("run/layer-layer.safetensors"));
  const Outcome second = run({"--only", "column*"});
  ASSERT_EQ(second.exit_code, 0) << second.err;
  EXPECT_EQ(second.err.find("train: float"), std::string::npos) << second.err;
  EXPECT_TRUE(scratch_.exists("run/column-column.safetensors"));
  EXPECT_FALSE(scratch_.exists("run/layer-layer.safetensors"));
  EXPECT_EQ(summary(), (Words{"float", "column/column"}));
  EXPECT_TRUE(done_before(run({"--only", "column*"}), "column/column"));
  EXPECT_FALSE(done_before(run({"--only", "column*", "--fresh"}), "column/column"));
  EXPECT_EQ(summary(), (Words{"float", "column/column"}));
}

// Files that steps wrote and read may be gone, as from a clone: what was measured still stands beside the
// others.
TEST_F(Recipes, OnlySomeStepsWithoutTheFilesOfOthers) {
  write(std::string(kTrain) + kCalibrate);
  ASSERT_EQ(run().exit_code, 0);
  const std::string before = scratch_.read("run/result.json");
  std::filesystem::remove(scratch_.path("run/column-column.safetensors"));
  const Outcome o = run({"--only", "layer/layer"});
  EXPECT_TRUE(done_before(o, "layer/layer")) << o.err;
  EXPECT_EQ(scratch_.read("run/result.json"), before);
  EXPECT_FALSE(scratch_.exists("run/column-column.safetensors"));
  std::filesystem::remove(scratch_.path("run/float.safetensors"));
  ASSERT_EQ(run({"--only", "float"}).exit_code, 0);
  EXPECT_EQ(summary(), (Words{"float", "layer/layer", "column/column"}));
  EXPECT_NE(scratch_.read("run/manifest.json").find("run/float.safetensors"), std::string::npos);
  const Outcome other = run({"--only", "float", "--seed", "2"});
  EXPECT_NE(other.err.find("layer/layer  (not run)"), std::string::npos) << other.err;
  EXPECT_EQ(summary(), Words{"float"});
  const Outcome wrong = run({"--only", "layer/layers"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_NE(wrong.err.find("no step is 'layer/layers'"), std::string::npos) << wrong.err;
  EXPECT_NE(wrong.err.find("did you mean 'layer/layer'?"), std::string::npos) << wrong.err;
}

TEST_F(Recipes, CostsStandBesideTheAccuracyOfTheSameModel) {
  write(std::string(kTrain) +
        "  - name: other\n    calibrate: {model: \"{out}/float.safetensors\", data: digits, hardware: "
        "rram-tile, "
        "calibration-images: 32, test-images: 32, precision: W2A2P2, out: \"{out}/other.safetensors\"}\n"
        "  - name: quantized\n    calibrate: {model: \"{out}/float.safetensors\", data: digits, hardware: "
        "rram-tile, "
        "calibration-images: 32, test-images: 64, out: \"{out}/q.safetensors\"}\n"
        "  - name: measured\n    simulate: {model: \"{out}/q.safetensors\", images: 128}\n"
        "  - name: cost\n    estimate: {model: \"{out}/q.safetensors\", hardware: rram-tile}\n"
        "  - name: cost of other\n    estimate: {model: \"{out}/other.safetensors\", hardware: rram-tile}\n");
  const Outcome o = run();
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const result::Record record = record_of(scratch_.read("run/result.json"));
  const auto& summary = table(record, "summary").rows;
  const auto& costs = table(record, "chip").rows;
  ASSERT_EQ(summary.size(), 4u);  // estimates have their own table
  ASSERT_EQ(costs.size(), 2u);
  EXPECT_EQ(costs[0][1], result::Value(std::string("rram-tile")));
  EXPECT_EQ(costs[0][2], summary[3][2]);  // of the step that measured it last
  EXPECT_EQ(costs[1][2], summary[1][2]);
  for (const char* key : {"energy_per_image", "latency", "area"}) {
    const auto& columns = table(record, "chip").columns;
    const auto at = std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return c.key == key; });
    ASSERT_NE(at, columns.end()) << key;
    EXPECT_GT(std::get<double>(costs[0][static_cast<std::size_t>(at - columns.begin())]), 0.0) << key;
  }
}

// What the README runs, with its seed and another: training behind two-bit converters gets there. Which of
// the two granularities is ahead is within what the seed changes.
TEST_F(Recipes, TheDigitsOfTheReadme) {
  for (const char* seed : {"1", "7"}) {
    const Outcome o = run_program(
        {"run", BITLINE_SOURCE_DIR "/recipes/digits.yaml", "--out", scratch_.path("run"), "--seed", seed});
    ASSERT_EQ(o.exit_code, 0) << o.err;
    const result::Record record = record_of(scratch_.read("run/result.json"));
    std::vector<double> trained;
    for (const auto& row : table(record, "summary").rows) {
      if (std::get<std::string>(row[0]).ends_with(" train")) trained.push_back(std::get<double>(row[2]));
    }
    ASSERT_EQ(trained.size(), 2u);
    EXPECT_GT(trained[0], 92.0) << "layer/layer, seed " << seed;
    EXPECT_GT(trained[1], 95.0) << "column/column, seed " << seed;
  }
}

TEST_F(Recipes, AStepWhoseInputChangedRunsAgain) {
  write(std::string(kTrain) + kCalibrate);
  ASSERT_EQ(run().exit_code, 0);
  const Outcome changed = run({"--set", "epochs=2"});
  ASSERT_EQ(changed.exit_code, 0) << changed.err;
  for (const char* step : {"float", "layer/layer", "column/column"})
    EXPECT_FALSE(done_before(changed, step)) << step;
  // The first setting again: its files were overwritten by the second.
  const Outcome back = run();
  EXPECT_FALSE(done_before(back, "float")) << back.err;
}

TEST_F(Recipes, AStepWhoseExtendedHardwareChangedRunsAgain) {
  const auto base = [this](int bits) {
    scratch_.write("base.yaml", "schema: bitline-hardware/1\nname: base\nextends: rram-tile\nadc: {bits: " +
                                    std::to_string(bits) + ", cite: x}\n");
  };
  base(3);
  scratch_.write("chip.yaml", "schema: bitline-hardware/1\nname: chip\nextends: base\n");
  scratch_.write("densities.json", R"({"conv1": {"input": 0.5}, "conv2": {"input": 0.5}})");
  const std::string step =
      "  - name: cost\n    estimate: {model: \"zoo:digits-cnn\", float-layers: [linear], vs: \"rram-tile," +
      scratch_.path("chip.yaml") + "\", hardware: " + scratch_.path("chip.yaml") +
      ", activity: " + scratch_.path("densities.json") + ", input-density: \"1\"}\n";
  write(step);
  const Outcome first = run();
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_TRUE(done_before(run(), "cost"));
  EXPECT_NE(scratch_.read("run/manifest.json").find("builtin:specs/generic-rram-tile.yaml"),
            std::string::npos);
  base(4);
  EXPECT_FALSE(done_before(run(), "cost"));
  EXPECT_TRUE(done_before(run(), "cost"));
  scratch_.write("densities.json", R"({"conv1": {"input": 0.25}, "conv2": {"input": 0.5}})");
  EXPECT_FALSE(done_before(run(), "cost"));
}

TEST_F(Recipes, HardwareAndFlagsAreCheckedBeforeTheFirstStep) {
  expect_refused(std::string(kTrain) + "  - estimate: {model: \"zoo:digits-cnn\", hardware: rram-tlie}\n", 3,
                 "did you mean 'rram-tile'");
  expect_refused(std::string(kTrain) +
                     "  - estimate: {model: \"zoo:digits-cnn\", hardware: isaac, vs: \"puma,csacade\"}\n",
                 3, "r.yaml:6");
  expect_refused(
      std::string(kTrain) + "  - estimate: {model: \"zoo:digits-cnn\", hardware: isaac, pipeline: maybe}\n",
      3, "expected true or false");
}

TEST_F(Recipes, AStepWhoseModelIsGoneRunsAgain) {
  write(std::string(kTrain) + kCalibrate);
  ASSERT_EQ(run().exit_code, 0);
  const std::string bytes = scratch_.read("run/layer-layer.safetensors");
  scratch_.remove("run/layer-layer.safetensors");
  const Outcome o = run();
  EXPECT_TRUE(done_before(o, "float"));
  EXPECT_FALSE(done_before(o, "layer/layer"));
  EXPECT_TRUE(done_before(o, "column/column"));
  EXPECT_EQ(scratch_.read("run/layer-layer.safetensors"), bytes);
}

// A value of a loop that is a map binds names that change together; it may use what loops before it bound.
TEST_F(Recipes, NamesThatChangeTogether) {
  write(
      "  - name: \"{images} as {what}\"\n    for:\n      size: [{images: 32, half: 16}, {images: 64, half: "
      "48}]\n"
      "      row: [{what: all, take: \"{images}\"}, {what: part, take: \"{half}\"}]\n"
      "    simulate: {model: \"zoo:digits-cnn\", untrained: true, data: digits, images: \"{take}\"}\n");
  const Outcome o = run();
  ASSERT_EQ(o.exit_code, 0) << o.err;
  std::map<std::string, std::int64_t> images;
  const io::Json steps = io::parse_json(scratch_.read("run/steps.json"), "steps");
  for (const auto& [key, step] : steps.as_object())
    images[key.substr(0, key.rfind(' '))] = step.at("figures").at("test_images").at("value").as_int();
  EXPECT_EQ(images, (std::map<std::string, std::int64_t>{
                        {"32 as all", 32}, {"32 as part", 16}, {"64 as all", 64}, {"64 as part", 48}}));
}

TEST_F(Recipes, SetReplacesAnOption) {
  write("  - simulate: {model: \"zoo:digits-cnn\", untrained: true, data: digits, images: 64}\n");
  ASSERT_EQ(run().exit_code, 0);
  ASSERT_EQ(run({"--set", "images=32"}).exit_code, 0);
  const io::Json steps = io::parse_json(scratch_.read("run/steps.json"), "steps");
  std::set<std::int64_t> counts;
  for (const auto& [key, step] : steps.as_object())
    counts.insert(step.at("figures").at("test_images").at("value").as_int());
  EXPECT_EQ(steps.as_object().size(), 2u);
  EXPECT_EQ(counts, (std::set<std::int64_t>{32, 64}));
  EXPECT_EQ(run({"--set", "nothing=1"}).exit_code, 2);
  EXPECT_EQ(run({"--set", "images"}).exit_code, 2);
}

TEST_F(Recipes, WrongStepsAreRefusedBeforeTheFirstOneRuns) {
  const std::string train = kTrain;
  expect_refused(train + "  - simulate: {model: x, chip: 3}\n", 3, "r.yaml:6:26: 'chip' is not an option");
  expect_refused(train + "  - simulat: {}\n", 3, "r.yaml:6:5: 'simulat' is not a step (did you mean");
  expect_refused(train + "  - run: {recipe: x}\n", 3, "r.yaml:6:5: 'run' is not a step");
  expect_refused(train + "  - info: {}\n", 3, "r.yaml:6:5: info: --model is required");
  expect_refused(train + "  - info: {model: x, help: true}\n", 3, "r.yaml:6:22: 'help' is not an option");
  expect_refused(train + "  - simulate: {model: x, images: many}\n", 3, "r.yaml:6:5: simulate:");
  expect_refused(train + "  - simulate: {model: x, images: -1}\n", 3, "--images");
  expect_refused(train + "  - name: lonely\n", 3, "r.yaml:6:5: a step needs a command");
  expect_refused(train + "  - info: {model: \"{granularty}\"}\n", 3, "nothing is called '{granularty}'");
}

// What is only known wrong after hours must not be found out then.
TEST_F(Recipes, ChoicesOfTrainingAreCheckedBeforeTheFirstStep) {
  const std::string train = kTrain;
  expect_refused(train + "  - train: {model: x, augment: flp}\n", 3, "r.yaml:6:5: train:");
  expect_refused(train + "  - quantize: {model: x, quantizer: sgg}\n", 3,
                 "r.yaml:6:5: quantize: unknown quantizer part 'sgg' (did you mean 'ssg'?)");
}

TEST_F(Recipes, TheFolderOfDataMustBeSet) {
  const char* before = std::getenv("BITLINE_DATA");
  const std::string kept = before == nullptr ? "" : before;
  unsetenv("BITLINE_DATA");
  expect_refused("  - info: {model: \"{data}/x.onnx\"}\n", 3, "r.yaml:4:19: '{data}' is $BITLINE_DATA");
  if (before != nullptr) setenv("BITLINE_DATA", kept.c_str(), 1);
}

TEST_F(Recipes, WrongLoopsAndHeads) {
  expect_refused("  - for: [1, 2]\n    info: {model: x}\n", 3, "r.yaml:4:10: 'for' is a map");
  expect_refused("  - for: {a: []}\n    info: {model: x}\n", 3, "r.yaml:4:14: 'a' has no value");
  expect_refused("  - for: {a: [{}]}\n    info: {model: x}\n", 3,
                 "r.yaml:4:15: a value of 'a' names nothing");
  expect_refused("  - for: {a: [[b]]}\n    info: {model: x}\n", 3, "r.yaml:4:15:");
  expect_refused("  - for: {a: [{b: [1]}]}\n    info: {model: x}\n", 3, "r.yaml:4:19:");
  expect_refused("  - for: {a: [{b: 1}, {c: 1}]}\n    info: {model: \"{b}\"}\n", 3,
                 "nothing is called '{b}'");
  scratch_.write("r.yaml", "schema: bitline-recipe/1\nname: r\nstep: []\nsteps:\n  - info: {model: x}\n");
  Outcome o = run();
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_NE(o.err.find("r.yaml:3:1"), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("did you mean 'steps'"), std::string::npos) << o.err;
  scratch_.write("r.yaml", "schema: bitline-recipe/9\nname: r\nsteps: []\n");
  o = run();
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_NE(o.err.find("r.yaml:1:9"), std::string::npos) << o.err;
}

TEST_F(Recipes, AFailedStepKeepsTheStepsBeforeIt) {
  write(std::string(kTrain) + "  - simulate: {model: \"{out}/nothing.safetensors\", data: digits}\n");
  const Outcome failed = run();
  EXPECT_EQ(failed.exit_code, 3);
  EXPECT_EQ(failed.out, "");
  EXPECT_FALSE(scratch_.exists("run/result.json"));
  write(std::string(kTrain) + kCalibrate);
  const Outcome mended = run();
  ASSERT_EQ(mended.exit_code, 0) << mended.err;
  EXPECT_TRUE(done_before(mended, "float"));
}

}  // namespace
}  // namespace bitline::cli
