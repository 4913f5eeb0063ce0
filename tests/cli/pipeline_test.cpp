// The commands one after the other on the digits, with small budgets.
#include <string>

#include "program.h"
#include <gtest/gtest.h>

#include "bitline/io/json.h"

namespace bitline::cli {
namespace {

using Words = std::vector<std::string>;

const Words kBudget = {"--data",   "digits", "--train-images",      "512", "--epochs", "3", "--batch", "32",
                       "--shards", "2",      "--epoch-test-images", "64",  "--quiet"};

Outcome train(const Scratch& s, const std::string& out, const Words& more = {}) {
  Words words = {"train", "--model", "zoo:digits-cnn", "--out", s.path(out)};
  words.insert(words.end(), kBudget.begin(), kBudget.end());
  words.insert(words.end(), more.begin(), more.end());
  return run_program(words);
}

Outcome quantize(const Scratch& s, const std::string& from, const std::string& out, const Words& more = {}) {
  Words words = {"quantize", "--model",     s.path(from), "--out", s.path(out), "--hardware",
                 "64x64:1b", "--precision", "W3A4P2",     "--lr",  "0.02"};
  words.insert(words.end(), kBudget.begin(), kBudget.end());
  words.insert(words.end(), more.begin(), more.end());
  return run_program(words);
}

class Pipeline : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new Scratch;
    const Outcome o = train(*scratch_, "float.safetensors");
    ASSERT_EQ(o.exit_code, 0) << o.err;
    const Outcome q = quantize(*scratch_, "float.safetensors", "q.safetensors");
    ASSERT_EQ(q.exit_code, 0) << q.err;
  }
  static void TearDownTestSuite() { delete scratch_; }
  static inline Scratch* scratch_ = nullptr;
};

TEST_F(Pipeline, TextAndJsonShowTheSameFigures) {
  const Words words = {"simulate", "--quiet", "--model",     scratch_->path("q.safetensors"),
                       "--images", "64",      "--variation", "lognormal:0.1",
                       "--chips",  "3"};
  Words json_words = words;
  json_words.insert(json_words.end(), {"--format", "json"});
  const Outcome text = run_program(words);
  const Outcome json = run_program(json_words);
  ASSERT_EQ(text.exit_code, 0) << text.err;
  const io::Json parsed = io::parse_json(json.out, "stdout");
  for (const auto& [key, figure] : parsed.at("figures").as_object()) {
    EXPECT_NE(text.out.find(key), std::string::npos) << key;
  }
  EXPECT_EQ(parsed.at("figures").at("chips").at("value").as_int(), 3);
  EXPECT_EQ(parsed.at("tables").at("variation").at("rows").as_array().size(), 1u);
}

TEST_F(Pipeline, TheIntegerProgramEqualsTheTrainingGraph) {
  const Outcome o = run_program({"simulate", "--quiet", "--model", scratch_->path("q.safetensors"),
                                 "--images", "16", "--verify", "--format", "json"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const io::Json json = io::parse_json(o.out, "stdout");
  EXPECT_EQ(json.at("figures").at("verification").at("value").as_text(), "equal");
  EXPECT_EQ(json.at("figures").at("mismatches").at("value").as_int(), 0);
  EXPECT_GT(json.at("figures").at("verified_codes").at("value").as_int(), 10000);
}

TEST_F(Pipeline, KernelsAgree) {
  const auto accuracy = [&](const char* kernel) {
    const Outcome o =
        run_program({"simulate", "--quiet", "--model", scratch_->path("q.safetensors"), "--images", "48",
                     "--kernel", kernel, "--variation", "lognormal:0.2", "--chips", "2"});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return o.out;
  };
  EXPECT_EQ(accuracy("blocked"), accuracy("reference"));
}

TEST_F(Pipeline, SameSeedSameBytesForAnyThreadCount) {
  ASSERT_EQ(quantize(*scratch_, "float.safetensors", "one.safetensors", {"--threads", "1"}).exit_code, 0);
  ASSERT_EQ(quantize(*scratch_, "float.safetensors", "other.safetensors", {"--seed", "2"}).exit_code, 0);
  EXPECT_EQ(scratch_->read("one.safetensors"), scratch_->read("q.safetensors"));
  EXPECT_NE(scratch_->read("other.safetensors"), scratch_->read("q.safetensors"));
}

TEST_F(Pipeline, AnInterruptedRunEndsWithTheSameBytes) {
  const Words stop = {
      "--checkpoint", scratch_->path("c"), "--checkpoint-steps", "3", "--stop-after-steps", "7"};
  EXPECT_EQ(quantize(*scratch_, "float.safetensors", "resumed.safetensors", stop).exit_code, 130);
  EXPECT_EQ(scratch_->read("resumed.safetensors"), "");
  ASSERT_EQ(quantize(*scratch_, "float.safetensors", "resumed.safetensors",
                     {"--checkpoint", scratch_->path("c"), "--checkpoint-steps", "3"})
                .exit_code,
            0);
  EXPECT_EQ(scratch_->read("resumed.safetensors"), scratch_->read("q.safetensors"));
}

TEST_F(Pipeline, TwoStagesAndDistillation) {
  const Outcome o = quantize(*scratch_, "float.safetensors", "two.safetensors",
                             {"--stages", "2", "--distill", "0.5", "--format", "json"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(io::parse_json(o.out, "stdout").at("tables").at("epochs").at("rows").as_array().size(), 3u);
}

TEST_F(Pipeline, CalibrateWritesAnArtefactAndAManifest) {
  const Outcome o =
      run_program({"calibrate", "--quiet", "--model", scratch_->path("float.safetensors"), "--data", "digits",
                   "--calibration-images", "64", "--hardware", "64x64:2b", "--precision", "W4A4P6", "--out",
                   scratch_->path("ptq.safetensors"), "--result", scratch_->path("result")});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const io::Json result = io::parse_json(scratch_->read("result/result.json"), "result.json");
  const io::Json manifest = io::parse_json(scratch_->read("result/manifest.json"), "manifest.json");
  EXPECT_GT(result.at("figures").at("accuracy").at("value").as_number(), 30.0);
  EXPECT_NE(manifest.at("command_line").as_text().find("calibrate"), std::string::npos);
  EXPECT_EQ(run_program({"info", "--model", scratch_->path("ptq.safetensors")}).exit_code, 0);
}

TEST_F(Pipeline, ARecipeGoesOnWhereItStopped) {
  const std::string step = "  - info: {model: \"zoo:digits-cnn\"}\n";
  scratch_->write("r.yaml", "schema: bitline-recipe/1\nname: r\nsteps:\n" + step);
  const Words words = {"run", scratch_->path("r.yaml"), "--out", scratch_->path("r")};
  const Outcome first = run_program(words);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(first.err.find("done before"), std::string::npos);
  scratch_->write("r.yaml", "schema: bitline-recipe/1\nname: r\nsteps:\n" + step +
                                "  - name: big\n    info: {model: \"zoo:resnet20\"}\n");
  const Outcome second = run_program(words);
  ASSERT_EQ(second.exit_code, 0) << second.err;
  EXPECT_NE(second.err.find("[1/2] info: info  (done before)"), std::string::npos) << second.err;
  EXPECT_EQ(second.err.find("[2/2] info: big  (done before)"), std::string::npos);
  EXPECT_EQ(io::parse_json(scratch_->read("r/result.json"), "r")
                .at("tables")
                .at("summary")
                .at("rows")
                .as_array()
                .size(),
            2u);
  EXPECT_EQ(run_program({"run", scratch_->path("r.yaml"), "--out", scratch_->path("r"), "--set", "nothing=1"})
                .exit_code,
            2);
}

}  // namespace
}  // namespace bitline::cli
