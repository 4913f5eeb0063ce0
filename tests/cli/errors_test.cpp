// Bad input: one clear line, the right exit code, nothing half-written.
#include <algorithm>
#include <cmath>
#include <string>

#include "program.h"
#include <gtest/gtest.h>

#include "bitline/frontend/graph_json.h"
#include "bitline/frontend/zoo.h"

namespace bitline::cli {
namespace {

void expect_error(const Outcome& o, int code, const std::vector<std::string>& parts) {
  EXPECT_EQ(o.exit_code, code) << o.err;
  EXPECT_EQ(o.out, "");
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  for (const std::string& part : parts)
    EXPECT_NE(o.err.find(part), std::string::npos) << "'" << part << "' in: " << o.err;
}

TEST(Errors, UsageIsTwo) {
  expect_error(run_program({"simulat"}), 2, {"bitline:"});
  expect_error(run_program({"info", "--modle", "x"}), 2, {"bitline:"});
  expect_error(run_program({"info", "--model", "zoo:digits-cnn", "--format", "xml"}), 2, {"xml"});
}

TEST(Errors, MissingAndUnknownModels) {
  expect_error(run_program({"info", "--model", "/nowhere/net.onnx"}), 3, {"/nowhere/net.onnx"});
  expect_error(run_program({"info", "--model", "zoo:resnet21"}), 3, {"resnet21", "did you mean"});
}

TEST(Errors, DamagedFiles) {
  const Scratch scratch;
  scratch.write("noise.onnx", "this is not a protobuf");
  expect_error(run_program({"info", "--model", scratch.path("noise.onnx")}), 3, {"noise.onnx"});
  frontend::save_graph(io::posix(), scratch.path("net.safetensors"), frontend::zoo("digits-cnn", 10, 1));
  const std::string whole = scratch.read("net.safetensors");
  scratch.write("cut.safetensors", whole.substr(0, whole.size() / 2));
  expect_error(run_program({"info", "--model", scratch.path("cut.safetensors")}), 3, {"cut.safetensors"});
}

TEST(Errors, NanWeightsAreRefused) {
  const Scratch scratch;
  ir::Graph graph = frontend::zoo("digits-cnn", 10, 1);
  graph.constant(graph.nodes().front().inputs[1]).data[3] = std::nanf("");
  frontend::save_graph(io::posix(), scratch.path("nan.safetensors"), graph);
  expect_error(run_program({"info", "--model", scratch.path("nan.safetensors")}), 3,
               {"nan.safetensors", "NaN"});
}

TEST(Errors, ImpossibleGeometryNamesTheLayer) {
  const Scratch scratch;
  const Outcome o = run_program({"calibrate", "--quiet", "--model", "zoo:digits-cnn", "--data", "digits",
                                 "--hardware", "8x8:1b", "--out", scratch.path("q.safetensors")});
  expect_error(o, 3, {"node '", "rows"});
  EXPECT_TRUE(scratch.names().empty());
}

TEST(Errors, DataThatDoesNotFit) {
  expect_error(run_program({"calibrate", "--quiet", "--model", "zoo:resnet20", "--data", "digits"}), 3,
               {"digits", "does not fit", "32"});
}

TEST(Errors, PrecisionGranularityVariation) {
  const std::vector<std::string> base = {"calibrate",      "--quiet", "--model",
                                         "zoo:digits-cnn", "--data",  "digits"};
  const auto with = [&base](const std::string& flag, const std::string& value) {
    std::vector<std::string> words = base;
    words.insert(words.end(), {flag, value});
    return run_program(words);
  };
  expect_error(with("--precision", "W4A4"), 3, {"W4A4P4"});
  expect_error(with("--precision", "W0A4P4"), 3, {"weight_bits"});
  expect_error(with("--granularity", "colum"), 3, {"did you mean 'column'"});
  expect_error(with("--hardware", "big"), 3, {"big"});
}

TEST(Errors, HardwareFileHasItsPlace) {
  const Scratch scratch;
  scratch.write("chip.yaml", "schema: bitline-array/1\narray: {rows: 64, colums: 64}\n");
  expect_error(run_program({"calibrate", "--quiet", "--model", "zoo:digits-cnn", "--data", "digits",
                            "--hardware", scratch.path("chip.yaml")}),
               3, {"chip.yaml:2:19", "did you mean 'columns'"});
}

TEST(Errors, RecipesAreCheckedBeforeTheFirstStep) {
  const Scratch scratch;
  scratch.write("bad.yaml",
                "schema: bitline-recipe/1\nname: bad\nsteps:\n"
                "  - train: {model: \"zoo:digits-cnn\", epochs: 1, out: \"" +
                    scratch.path("f.safetensors") +
                    "\"}\n"
                    "  - simulate: {model: x, chip: 3}\n");
  expect_error(run_program({"run", scratch.path("bad.yaml"), "--out", scratch.path("run"), "--quiet"}), 3,
               {"bad.yaml:5:", "did you mean 'chips'"});
  EXPECT_EQ(scratch.names(), std::vector<std::string>{"bad.yaml"});
  scratch.write("worse.yaml", "schema: bitline-recipe/1\nname: bad\nsteps:\n  - simulat: {}\n");
  expect_error(run_program({"run", scratch.path("worse.yaml"), "--quiet"}), 3, {"worse.yaml:4:", "simulate"});
}

}  // namespace
}  // namespace bitline::cli
