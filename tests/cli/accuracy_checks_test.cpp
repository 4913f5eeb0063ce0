// No accuracy in silence, artefacts that remember what changed pixels, options without effect.
#include <string>

#include "digits.h"
#include "program.h"
#include <gtest/gtest.h>

#include "bitline/frontend/graph_json.h"
#include "bitline/frontend/zoo.h"

namespace bitline::cli {
namespace {

const Words kCalibrate = {
    "calibrate", "--quiet",       "--model",    "zoo:digits-cnn", "--untrained",
    "--data",    "digits",        "--hardware", "64x64:2b",       "--calibration-images",
    "16",        "--test-images", "64"};

Words simulate(const Scratch& scratch, const Words& more) {
  return joined({"simulate", "--quiet", "--model", scratch.path("q.safetensors"), "--images", "64"}, more);
}

TEST(AccuracyChecks, ZooNetworkWithoutWeightsIsRefused) {
  const Scratch scratch;
  for (const Words& words :
       {Words{"calibrate", "zoo:digits-cnn"}, Words{"simulate", "zoo:digits-cnn"},
        Words{"quantize", "zoo:digits-cnn", "--method", "ptq", "--out", scratch.path("q.safetensors")},
        Words{"export", "zoo:digits-cnn", "--to", "packed", "--out", scratch.path("p.safetensors")}})
    expect_error(run_program(words), 3, {"no trained weights", "zoo:digits-cnn=WEIGHTS", "--untrained"});
}

TEST(AccuracyChecks, ChanceIsSaid) {
  const Outcome o = run_program(kCalibrate);
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(shown_figure(o.out, "accuracy_note"), "") << o.out;
}

TEST(AccuracyChecks, ArtefactKeepsMeanAndStd) {
  const Scratch scratch;
  const Outcome made = run_program(
      joined(kCalibrate, {"--mean", "0.25", "--std", "0.5", "--out", scratch.path("q.safetensors")}));
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const Outcome repeated = run_program(simulate(scratch, {}));
  ASSERT_EQ(repeated.exit_code, 0) << repeated.err;
  EXPECT_EQ(shown_figure(repeated.out, "input_scaling"), "mean 0.25, std 0.5");
  EXPECT_EQ(shown_figure(repeated.out, "accuracy"), shown_figure(made.out, "accuracy"));
  Words loud = simulate(scratch, {"--input-scaling", "raw"});
  std::erase(loud, "--quiet");
  EXPECT_NE(
      run_program(loud).err.find("input scaling is raw, but the model was made with mean 0.25, std 0.5"),
      std::string::npos);
}

TEST(AccuracyChecks, OptionsWithoutEffectAreRefused) {
  const Scratch scratch;
  ASSERT_EQ(run_program(joined(kCalibrate, {"--out", scratch.path("q.safetensors")})).exit_code, 0);
  expect_error(run_program(simulate(scratch, {"--chips", "3"})), 2, {"--chips", "--variation"});
  expect_error(run_program(simulate(scratch, {"--verify-images", "3"})), 2, {"--verify-images"});
  expect_error(run_program(simulate(scratch, {"--resize", "30"})), 2, {"--resize", "image-folder"});
  expect_error(run_program(simulate(scratch, {"--mean", "0.5", "--input-scaling", "raw"})), 2, {"--mean"});
  expect_error(run_program(joined(kCalibrate, {"--precision", "W4A4Pideal", "--adc-range", "kl"})), 2,
               {"--adc-range"});
  expect_error(run_program(joined(kCalibrate, {"--precision", "W4A4Pideal", "--adc-levels", "lloyd-max"})), 3,
               {"ideal converter"});
  expect_error(run_program(joined(kCalibrate, {"--reconstruction-steps", "10"})), 2, {"reconstructed"});
}

TEST(AccuracyChecks, IgnoredOutputsLeaveAsManyAsClasses) {
  expect_error(run_program(joined(kCalibrate, {"--ignore-output", "0"})), 3,
               {"has 10 classes, the model tells 9 apart"});
  expect_error(run_program(joined(kCalibrate, {"--ignore-output", "10"})), 3,
               {"output 10 cannot be ignored: the network has 10 outputs"});
  expect_error(run_program(joined(kCalibrate, {"--ignore-output", "x"})), 2, {"--ignore-output"});
}

// As many outputs as classes, or no accuracy; logits all the same.
TEST(AccuracyChecks, MoreOutputsThanClassesGiveNoAccuracy) {
  const Scratch scratch;
  frontend::save_graph(io::posix(), scratch.path("net.safetensors"), frontend::zoo("digits-cnn", 12, 1));
  const Outcome o = run_program({"simulate", scratch.path("net.safetensors"), "--data", "digits", "--images",
                                 "16", "--logits", scratch.path("l.safetensors")});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(shown_figure(o.out, "accuracy"), "");
  EXPECT_NE(o.out.find("none: 12 outputs, 10 classes"), std::string::npos) << o.out;
  EXPECT_NE(o.err.find("--ignore-output"), std::string::npos) << o.err;
  EXPECT_TRUE(scratch.exists("l.safetensors"));
  const Outcome cut = run_program({"simulate", "--quiet", scratch.path("net.safetensors"), "--data", "digits",
                                   "--images", "16", "--ignore-output", "0,11"});
  EXPECT_NE(shown_figure(cut.out, "accuracy"), "") << cut.err;
}

TEST(AccuracyChecks, ClassesThatAPartLacksAreNamed) {
  const Scratch scratch;
  const std::string q = scratch.path("q.safetensors");
  const Words words = {"calibrate",     "--quiet", "zoo:digits-cnn",       "--untrained",
                       "--data",        "digits",  "--calibration-images", "4",
                       "--test-images", "3",       "--hardware",           "rram-128",
                       "--out",         q};
  const Outcome calibrated = run_program(words);
  ASSERT_EQ(calibrated.exit_code, 0) << calibrated.err;
  EXPECT_NE(shown_figure(calibrated.out, "calibration_classes_missing_names"), "") << calibrated.out;
  EXPECT_NE(shown_figure(calibrated.out, "classes_missing_names"), "") << calibrated.out;
  const Outcome cost =
      run_program({"estimate", "--quiet", q, "--hardware", "rram-128", "--data", "digits", "--images", "3"});
  EXPECT_NE(shown_figure(cost.out, "classes_missing_names"), "") << cost.out;
  EXPECT_EQ(shown_figure(run_program(simulate(scratch, {})).out, "classes_missing_names"), "");
}

}  // namespace
}  // namespace bitline::cli
