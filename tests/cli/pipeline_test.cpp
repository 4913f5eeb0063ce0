// The commands one after the other on the digits, with small budgets.
#include <string>

#include "figures.h"
#include <gtest/gtest.h>

#include "bitline/io/json.h"

namespace bitline::cli {
namespace {

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

TEST_F(Pipeline, TheIntegerProgramEqualsTheTrainingGraph) {
  const Outcome o = run_program({"simulate", "--quiet", "--model", scratch_->path("q.safetensors"),
                                 "--images", "16", "--verify", "--format", "json"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const io::Json json = io::parse_json(o.out, "stdout");
  EXPECT_EQ(json.at("figures").at("verification").at("value").as_text(), "equal");
  EXPECT_EQ(json.at("figures").at("mismatches").at("value").as_int(), 0);
  EXPECT_GT(json.at("figures").at("verified_codes").at("value").as_int(), 10000);
}

TEST_F(Pipeline, AModelsOwnScalingIsTakenUnlessOneIsNamed) {
  const std::string model = scratch_->path("signed.safetensors");
  ASSERT_EQ(train(*scratch_, "signed.safetensors", {"--input-scaling", "signed"}).exit_code, 0);
  const auto shown = [&](const Words& more) {
    const Outcome o = run_program(joined({"simulate", "--quiet", "--model", model}, more));
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return shown_figure(o.out, "accuracy");
  };
  EXPECT_EQ(shown({}), shown({"--input-scaling", "signed"}));
  EXPECT_NE(shown({}), shown({"--input-scaling", "auto"}));
}

TEST_F(Pipeline, KernelsAgree) {
  const auto accuracy = [&](const char* kernel) {
    const Outcome o =
        run_program({"simulate", "--quiet", "--model", scratch_->path("q.safetensors"), "--images", "48",
                     "--kernel", kernel, "--variation", "lognormal:0.2", "--chips", "2"});
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return o.out;
  };
  const std::string expected = accuracy("reference");
  for (const char* kernel : {"auto", "blocked", "portable"}) EXPECT_EQ(accuracy(kernel), expected) << kernel;
}

TEST_F(Pipeline, VerboseNamesTheKernelOfEveryLayer) {
  const Outcome o = run_program({"simulate", "--verbose", "--model", scratch_->path("q.safetensors"),
                                 "--images", "16", "--kernel", "reference"});
  EXPECT_EQ(o.exit_code, 0);
  EXPECT_NE(o.err.find(": kernel reference"), std::string::npos) << o.err;
}

TEST_F(Pipeline, SameSeedSameBytesForAnyThreadCount) {
  ASSERT_EQ(quantize(*scratch_, "float.safetensors", "one.safetensors", {"--threads", "1"}).exit_code, 0);
  ASSERT_EQ(quantize(*scratch_, "float.safetensors", "two.safetensors", {"--threads", "2"}).exit_code, 0);
  ASSERT_EQ(quantize(*scratch_, "float.safetensors", "other.safetensors", {"--seed", "2"}).exit_code, 0);
  EXPECT_EQ(scratch_->read("one.safetensors"), scratch_->read("two.safetensors"));
  EXPECT_EQ(scratch_->read("one.safetensors"), scratch_->read("q.safetensors"));
  EXPECT_NE(scratch_->read("other.safetensors"), scratch_->read("q.safetensors"));
}

TEST_F(Pipeline, FloatTrainingIsTheSameForAnyThreadCountToo) {
  ASSERT_EQ(train(*scratch_, "f1.safetensors", {"--threads", "1"}).exit_code, 0);
  ASSERT_EQ(train(*scratch_, "f2.safetensors", {"--threads", "2"}).exit_code, 0);
  ASSERT_EQ(train(*scratch_, "f3.safetensors", {"--seed", "2"}).exit_code, 0);
  EXPECT_EQ(scratch_->read("f1.safetensors"), scratch_->read("f2.safetensors"));
  EXPECT_NE(scratch_->read("f1.safetensors"), scratch_->read("f3.safetensors"));
}

TEST_F(Pipeline, ThreadsAndSeedOfSimulatedChips) {
  const auto chips = [&](const std::string& option, const std::string& value) {
    return run_program({"simulate", "--quiet", "--model", scratch_->path("q.safetensors"), "--images", "64",
                        "--variation", "lognormal:0.3", "--chips", "4", option, value})
        .out;
  };
  EXPECT_EQ(chips("--threads", "1"), chips("--threads", "2"));
  EXPECT_NE(chips("--seed", "1"), chips("--seed", "2"));
}

TEST_F(Pipeline, TrainGoesOnWithAQuantizedModelAsWhatItIs) {
  Words words = train_words(*scratch_, "more.safetensors");
  words[2] = scratch_->path("q.safetensors");
  const Outcome o = run_program(joined(words, {"--epochs=1", "--format", "json"}));
  EXPECT_EQ(o.exit_code, 2) << "an option given twice";
  std::erase(words, "--epochs");
  std::erase(words, "3");
  const Outcome once = run_program(joined(words, {"--epochs", "1", "--format", "json"}));
  ASSERT_EQ(once.exit_code, 0) << once.err;
  EXPECT_EQ(text(record_of(once.out), "configuration"), "W3A4P2 column/column 64x64 1b");
}

TEST_F(Pipeline, TwoStagesAndDistillation) {
  const Outcome o = quantize(*scratch_, "float.safetensors", "two.safetensors",
                             {"--stages", "2", "--distill", "0.5", "--compute", "auto", "--format", "json"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const result::Record record = record_of(o.out);
  const auto& rows = table(record, "epochs").rows;
  ASSERT_EQ(rows.size(), 3u);
  for (std::size_t i = 0; i < rows.size(); ++i)  // both stages count on
    EXPECT_EQ(rows[i][0], result::Value(static_cast<std::int64_t>(i) + 1));
  const Outcome one = quantize(*scratch_, "float.safetensors", "one.safetensors", {"--format", "json"});
  EXPECT_EQ(count(record, "steps"), count(record_of(one.out), "steps"));
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

TEST_F(Pipeline, QuantizeWithoutTraining) {
  const auto ptq = [&](const std::string& out, const Words& more) {
    return run_program(
        joined({"quantize", "--quiet", "--method", "ptq", "--model", scratch_->path("float.safetensors"),
                "--data", "digits", "--calibration-images", "64", "--hardware", "64x64:2b", "--precision",
                "W3A3P3", "--format", "json", "--out", scratch_->path(out)},
               more));
  };
  const auto accuracy = [](const Outcome& o) {
    EXPECT_EQ(o.exit_code, 0) << o.err;
    return number(record_of(o.out), "accuracy");
  };
  const Words plain = {"--rounding", "nearest"};
  const double nearest = accuracy(ptq("nearest.safetensors", plain));
  const Words reconstructed = {"--reconstruction-steps", "40"};  // the usual rounding
  const double fitted = accuracy(ptq("one.safetensors", joined(reconstructed, {"--threads", "1"})));
  EXPECT_GE(fitted, nearest - 2.0);
  accuracy(ptq("two.safetensors", joined(reconstructed, {"--threads", "2"})));
  EXPECT_EQ(scratch_->read("one.safetensors"), scratch_->read("two.safetensors"));
  accuracy(ptq("ranges.safetensors", joined(plain, {"--weight-range", "minmax", "--activation-range",
                                                    "percentile:99.5", "--adc-range", "kl", "--equalize"})));
  accuracy(ptq("norm.safetensors", joined(plain, {"--keep-batch-norm", "--re-estimate-batch-norm"})));
  EXPECT_NE(scratch_->read("ranges.safetensors"), scratch_->read("nearest.safetensors"));
  EXPECT_NE(scratch_->read("norm.safetensors"), scratch_->read("nearest.safetensors"));
}

TEST_F(Pipeline, TheUsualRoundingIsTheBestThatConvertersTake) {
  const auto rounding = [&](const char* command, const Words& more, const char* precision = "W3A3P3") {
    const Words words = {"--quiet",     "--model",    scratch_->path("float.safetensors"),
                         "--data",      "digits",     "--calibration-images",
                         "16",          "--hardware", "64x64:2b",
                         "--precision", precision,    "--reconstruction-steps",
                         "2",           "--out",      scratch_->path("out.safetensors")};
    return text(json_of(joined(joined({command}, words), more)), "rounding");
  };
  EXPECT_EQ(rounding("quantize", {"--method", "ptq"}), "reconstructed");
  EXPECT_EQ(rounding("quantize", {"--method", "ptq", "--adc-levels", "lloyd-max"}), "compensated");
  EXPECT_EQ(rounding("quantize", {"--method", "ptq", "--dac-bits", "4"}, "W4A12P4"), "compensated");
  EXPECT_EQ(rounding("quantize", {"--method", "ptq", "--dac-bits", "4"}, "W4A12Pideal"), "reconstructed");
  EXPECT_EQ(rounding("calibrate", {"--rounding", "reconstructed"}), "reconstructed");
}

}  // namespace
}  // namespace bitline::cli
