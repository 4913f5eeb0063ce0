// Every command: text and JSON show the same, JSON is all there is on stdout, --quiet is quiet.
#include <set>
#include <string>

#include "figures.h"
#include <gtest/gtest.h>

#include "bitline/base/hash.h"
#include "bitline/io/json.h"

namespace bitline::cli {
namespace {

// Figures that the clock or the machine decides.
const std::set<std::string> kMeasured = {"training_seconds", "peak_memory", "step_seconds"};

class Commands : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new Scratch;
    ASSERT_EQ(train(*scratch_, "float.safetensors").exit_code, 0);
    ASSERT_EQ(quantize(*scratch_, "float.safetensors", "q.safetensors").exit_code, 0);
  }
  static void TearDownTestSuite() { delete scratch_; }

  // Runs the command three times: as text, as JSON, and with --result.
  static void expect_one_record(const Words& words) {
    const Outcome text = run_program(words);
    const Outcome json = run_program(joined(words, {"--format", "json"}));
    const Outcome kept = run_program(joined(words, {"--result", scratch_->path("kept")}));
    ASSERT_EQ(text.exit_code, 0) << text.err;
    ASSERT_EQ(json.exit_code, 0) << json.err;
    ASSERT_EQ(kept.exit_code, 0) << kept.err;
    EXPECT_EQ(text.err + json.err + kept.err, "");
    const result::Record record = record_of(json.out);
    EXPECT_TRUE(text.out.starts_with(record.title + "\n")) << text.out;
    expect_shown(record, text.out);
    expect_documented(record);
    expect_same(record, record_of(scratch_->read("kept/result.json")));
    expect_manifest(words);
  }

  static std::string person_reads(const result::Figure& figure) {
    return result::value_text(figure.value, figure.decimals) + (figure.unit.empty() ? "" : " " + figure.unit);
  }

  static void expect_shown(const result::Record& record, const std::string& text) {
    EXPECT_FALSE(record.figures.empty());
    for (const result::Figure& figure : record.figures) {
      const std::string shown = shown_figure(text, figure.key);
      EXPECT_NE(shown, "") << figure.key << " in:\n" << text;
      if (kMeasured.contains(figure.key)) continue;
      EXPECT_EQ(shown, person_reads(figure)) << figure.key;
    }
    for (const result::Table& table : record.tables) {
      EXPECT_NE(text.find(table.title), std::string::npos) << table.key;
      for (const result::Column& column : table.columns)
        EXPECT_NE(text.find(column.title), std::string::npos) << column.key;
    }
  }

  static void expect_same(const result::Record& a, const result::Record& b) {
    EXPECT_EQ(a.title, b.title);
    ASSERT_EQ(a.figures.size(), b.figures.size());
    for (std::size_t i = 0; i < a.figures.size(); ++i) {
      EXPECT_EQ(a.figures[i].key, b.figures[i].key);
      EXPECT_EQ(a.figures[i].unit, b.figures[i].unit);
      if (kMeasured.contains(a.figures[i].key)) continue;
      EXPECT_EQ(a.figures[i].value, b.figures[i].value) << a.figures[i].key;
    }
    EXPECT_EQ(a.tables.size(), b.tables.size());
  }

  static void expect_manifest(const Words& words) {
    const io::Json manifest = io::parse_json(scratch_->read("kept/manifest.json"), "manifest.json");
    EXPECT_NE(manifest.at("command_line").as_text().find(" " + words.front() + " "), std::string::npos);
    EXPECT_EQ(manifest.at("version").as_text(), "bitline 0.1.0");
    EXPECT_EQ(manifest.at("seed").as_int(), 1);
    EXPECT_EQ(manifest.at("result_hash").as_text(),
              hash_text(hash_bytes(scratch_->read("kept/result.json"))));
  }

  static inline Scratch* scratch_ = nullptr;
};

TEST_F(Commands, Info) {
  expect_one_record({"info", "--quiet", "--model", "zoo:resnet20"});
  expect_one_record({"info", "--quiet", "--model", scratch_->path("q.safetensors")});
  const result::Record record =
      record_of(run_program({"info", "--model", "zoo:resnet20", "--format", "json"}).out);
  EXPECT_EQ(text(record, "input"), "[N, 3, 32, 32]");
  EXPECT_EQ(text(record, "output"), "[N, 10]");
}

TEST_F(Commands, Train) {
  expect_one_record(train_words(*scratch_, "again.safetensors"));
}

TEST_F(Commands, Quantize) {
  expect_one_record(quantize_words(*scratch_, "float.safetensors", "q2.safetensors"));
}

TEST_F(Commands, Calibrate) {
  expect_one_record({"calibrate", "--quiet", "--model", scratch_->path("float.safetensors"), "--data",
                     "digits", "--calibration-images", "32", "--test-images", "64", "--hardware",
                     "64x64:2b"});
}

TEST_F(Commands, Simulate) {
  expect_one_record({"simulate", "--quiet", "--model", scratch_->path("q.safetensors"), "--images", "64",
                     "--variation", "lognormal:0.1", "--chips", "3", "--verify", "--converters", "8"});
}

TEST_F(Commands, Export) {
  expect_one_record({"export", "--quiet", scratch_->path("q.safetensors"), "--to", "packed", "--out",
                     scratch_->path("p.safetensors")});
}

TEST_F(Commands, RunWithItsOwnFolder) {
  scratch_->write("r.yaml",
                  "schema: bitline-recipe/1\nname: r\nsteps:\n"
                  "  - simulate: {model: \"" +
                      scratch_->path("q.safetensors") + "\", images: 16}\n");
  const Words words = {"run", scratch_->path("r.yaml"), "--out", scratch_->path("r"), "--quiet"};
  const Outcome text = run_program(words);
  const Outcome json = run_program(joined(words, {"--format", "json"}));
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_EQ(text.err + json.err, "");
  expect_shown(record_of(json.out), text.out);
  expect_documented(record_of(json.out));
  expect_same(record_of(json.out), record_of(scratch_->read("r/result.json")));
  const io::Json manifest = io::parse_json(scratch_->read("r/manifest.json"), "manifest.json");
  EXPECT_NE(manifest.at("inputs").find(scratch_->path("q.safetensors")), nullptr);
}

TEST_F(Commands, ProgressGoesToStandardErrorOnly) {
  Words words = train_words(*scratch_, "loud.safetensors");
  std::erase(words, "--quiet");
  const Outcome o = run_program(joined(words, {"--format", "json"}));
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(o.err.find("epoch 3"), std::string::npos) << o.err;
  EXPECT_NE(record_of(o.out).find("accuracy"), nullptr);
}

}  // namespace
}  // namespace bitline::cli
