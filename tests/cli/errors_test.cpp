// Bad input: one clear line, the right exit code, nothing half-written.
#include <algorithm>
#include <string>

#include "digits.h"
#include <gtest/gtest.h>

namespace bitline::cli {
namespace {

TEST(Errors, UsageIsTwo) {
  expect_error(run_program({}), 2, {"bitline:", "subcommand"});
  expect_error(run_program({"simulat"}), 2, {"unknown command 'simulat' (did you mean 'simulate'?)"});
  expect_error(run_program({"info", "--modle", "x"}), 2,
               {"unknown option '--modle' of info (did you mean '--model'?)"});
  expect_error(run_program({"info", "--modle=x"}), 2, {"unknown option '--modle' of info"});
  expect_error(run_program({"info", "--model"}), 2, {"--model"});
  expect_error(run_program({"info"}), 2, {"--model is required"});
  const std::vector<std::string> info = {"info", "--model", "zoo:digits-cnn"};
  expect_error(run_program(joined(info, {"--format", "xml"})), 2, {"xml"});
  expect_error(run_program(joined(info, {"--seed", "-1"})), 2, {"--seed"});
  expect_error(run_program(joined(info, {"--threads", "two"})), 2, {"--threads"});
}

TEST(Errors, QuantizersOfTraining) {
  const Scratch scratch;
  const Words words = {"quantize",    "--quiet", "--model",    "zoo:digits-cnn",
                       "--data",      "digits",  "--hardware", "64x64:1b",
                       "--precision", "W3A3P3",  "--out",      scratch.path("q.safetensors")};
  expect_error(run_program(joined(words, {"--quantizer", "sgg"})), 3,
               {"unknown quantizer part 'sgg' (did you mean 'ssg'?)"});
  expect_error(run_program(joined(words, {"--weight-quantizer", "asr:0"})), 3, {"0.001 to 64"});
  expect_error(run_program(joined(words, {"--activation-quantizer", "blend"})), 4, {"--cim-operator float"});
  expect_error(run_program(joined(words, {"--quantizer", "strict"})), 4, {"--encoding differential"});
  expect_error(run_program(joined(words, {"--cim-operator", "flot"})), 3, {"did you mean 'float'?"});
  expect_error(run_program(joined(words, {"--cim-operator", "float"})), 4, {"W3A3Pideal"});
  EXPECT_FALSE(scratch.exists("q.safetensors"));
}

TEST(Errors, ChoicesOfSimulate) {
  const Words words = {"simulate", "--quiet", "--model", "zoo:digits-cnn", "--untrained", "--data", "digits"};
  expect_error(run_program(joined(words, {"--images", "-5"})), 2, {"--images"});
  expect_error(run_program(joined(words, {"--verify", "--verify-images", "0"})), 2, {"--verify-images"});
  expect_error(run_program(joined(words, {"--variation", "lognormal:0.1"})), 3, {"float"});
  expect_error(run_program(joined(words, {"--data", "digts"})), 2, {"--data"});
  const Scratch scratch;
  const std::string model = scratch.path("q.safetensors");
  ASSERT_EQ(run_program({"calibrate", "--quiet", "--model", "zoo:digits-cnn", "--untrained", "--data",
                         "digits", "--calibration-images", "16", "--test-images", "-1", "--hardware",
                         "64x64:1b", "--out", model})
                .exit_code,
            0);
  const Words quantized = {"simulate", "--quiet", "--model", model, "--images", "4"};
  expect_error(run_program(joined(quantized, {"--variation", "lognorml:0.1"})), 2,
               {"did you mean 'lognormal'"});
  expect_error(run_program(joined(quantized, {"--variation", "lognormal:-1"})), 2, {"lognormal:-1"});
  expect_error(run_program(joined(quantized, {"--variation", "lognormal:nan"})), 2, {"lognormal:nan"});
  expect_error(run_program(joined(quantized, {"--chips", "0"})), 2, {"--chips"});
  expect_error(run_program(joined(quantized, {"--kernel", "fast"})), 3, {"'fast'", "blocked"});
}

TEST(Errors, ChoicesOfTraining) {
  const Scratch scratch;
  const Words words = train_words(scratch, "f.safetensors");
  expect_error(run_program(joined(words, {"--augment", "flp"})), 2, {"did you mean 'flip'"});
  expect_error(run_program(joined(words, {"--input-scaling", "unt"})), 2, {"did you mean 'unit'"});
  expect_error(run_program(joined(words, {"--lr", "nan"})), 3, {"learning_rate"});
  expect_error(run_program(joined(words, {"--device", "tpu"})), 3, {"'tpu'", "cpu"});
  expect_error(run_program(joined(words, {"--compute", "float16"})), 3, {"'float16'", "'bfloat16'"});
  expect_error(run_program(joined(words, {"--stages", "2"})), 2, {"--stages"});
  EXPECT_TRUE(scratch.names().empty());
  ASSERT_EQ(train(scratch, "f.safetensors").exit_code, 0);
  const Words two = joined(quantize_words(scratch, "f.safetensors", "q.safetensors"), {"--stages", "2"});
  Words once = two;
  *(std::find(once.begin(), once.end(), "--epochs") + 1) = "1";
  expect_error(run_program(once), 3, {"two stages take at least two epochs"});
  Words ideal = two;
  *(std::find(ideal.begin(), ideal.end(), "--precision") + 1) = "W4A4Pideal";
  expect_error(run_program(ideal), 3, {"ideal ones", "--stages 1"});
  const auto early = run_program(joined(two, {"--psum-quantizer", "blend"}));
  expect_error(early, 4, {"'blend' is not for partial sums"});
  EXPECT_EQ(early.err.find("epoch 1"), std::string::npos) << early.err;
  Words wide = joined(quantize_words(scratch, "f.safetensors", "q.safetensors"), {"--dac-bits", "4"});
  *(std::find(wide.begin(), wide.end(), "--precision") + 1) = "W4A12P4";
  expect_error(run_program(wide), 4, {"more than 8 bits", "W16A16Pideal"});
}

TEST(Errors, MissingAndUnknownModels) {
  expect_error(run_program({"info", "--model", "/nowhere/net.onnx"}), 3, {"/nowhere/net.onnx"});
  expect_error(run_program({"info", "--model", "zoo:resnet21"}), 3, {"resnet21", "did you mean"});
}

TEST(Errors, ImpossibleGeometryNamesTheLayer) {
  const Scratch scratch;
  const Outcome o = run_program({"calibrate", "--quiet", "--model", "zoo:digits-cnn", "--untrained", "--data",
                                 "digits", "--hardware", "8x8:1b", "--out", scratch.path("q.safetensors")});
  expect_error(o, 3, {"node '", "rows"});
  EXPECT_TRUE(scratch.names().empty());
}

TEST(Errors, DataThatDoesNotFit) {
  expect_error(
      run_program({"calibrate", "--quiet", "--model", "zoo:resnet20", "--untrained", "--data", "digits"}), 3,
      {"digits", "does not fit", "32"});
  expect_error(run_program({"quantize", "--quiet", "--model", "zoo:resnet20", "--data", "digits", "--out",
                            "/nowhere/q.safetensors"}),
               3, {"digits", "does not fit", "32"});
}

TEST(Errors, PrecisionGranularityVariation) {
  const std::vector<std::string> base = {"calibrate",   "--quiet", "--model", "zoo:digits-cnn",
                                         "--untrained", "--data",  "digits"};
  const auto with = [&base](const std::string& flag, const std::string& value) {
    std::vector<std::string> words = base;
    words.insert(words.end(), {flag, value});
    return run_program(words);
  };
  expect_error(with("--precision", "W4A4"), 3, {"W4A4P4"});
  expect_error(with("--precision", "W0A4P4"), 3, {"weight_bits"});
  expect_error(with("--precision", "W17A4P4"), 3, {"weight_bits = 17", "1 to 16"});
  expect_error(with("--precision", "W4A9P4"), 3, {"--dac-bits"});
  expect_error(with("--cell-bits", "0"), 3, {"cell_bits = 0", "1 to 8"});
  expect_error(with("--dac-bits", "-1"), 3, {"dac_bits = -1", "0 to 8"});
  expect_error(with("--granularity", "colum"), 3, {"did you mean 'column'"});
  expect_error(with("--hardware", "big"), 3, {"big"});
  expect_error(with("--weight-range", "minmx"), 3, {"did you mean 'minmax'"});
  expect_error(with("--adc-range", "percentile:20"), 3, {"expected percentile:50 to 100"});
  expect_error(with("--rounding", "adaround"), 2, {"nearest"});
}

TEST(Errors, BatchNormOptionsThatContradict) {
  const std::vector<std::string> base = {"calibrate",   "--quiet", "--model", "zoo:digits-cnn",
                                         "--untrained", "--data",  "digits"};
  const auto with = [&base](std::vector<std::string> words) {
    words.insert(words.begin(), base.begin(), base.end());
    return run_program(words);
  };
  expect_error(with({"--keep-batch-norm", "--equalize"}), 2, {"leave --keep-batch-norm out"});
  expect_error(with({"--re-estimate-batch-norm"}), 2, {"add --keep-batch-norm"});
}

TEST(Errors, HardwareFileHasItsPlace) {
  const Scratch scratch;
  scratch.write("chip.yaml", "schema: bitline-array/1\narray: {rows: 64, colums: 64}\n");
  expect_error(run_program({"calibrate", "--quiet", "--model", "zoo:digits-cnn", "--untrained", "--data",
                            "digits", "--hardware", scratch.path("chip.yaml")}),
               3, {"chip.yaml:2:19", "did you mean 'columns'"});
}

TEST(Errors, ModelFilesAreNamedSoThatTheyLoadAgain) {
  expect_error(run_program({"train", "--model", "zoo:digits-cnn", "--data", "digits", "--out", "net.bin"}), 2,
               {"--out", "'net.bin' does not end in .safetensors"});
}

TEST(Errors, AFolderThatCannotBeWrittenIsOne) {
  const Scratch scratch;
  scratch.write("file", "not a folder");
  const Outcome o =
      run_program({"info", "--quiet", "--model", "zoo:digits-cnn", "--result", scratch.path("file/result")});
  EXPECT_EQ(o.exit_code, 1);
  EXPECT_NE(o.err.find(scratch.path("file/result")), std::string::npos) << o.err;
  EXPECT_EQ(scratch.names(), std::vector<std::string>{"file"});
}

}  // namespace
}  // namespace bitline::cli
