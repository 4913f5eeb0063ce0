// Damaged and unsupported files: refused with the file's name, and nothing is left behind.
#include <cmath>
#include <filesystem>
#include <string>

#include "digits.h"
#include "onnx_builder.h"
#include <gtest/gtest.h>

#include "bitline/frontend/graph_json.h"
#include "bitline/frontend/zoo.h"

namespace bitline::cli {
namespace {

std::string text_of(const frontend::OnnxBuilder& net) {
  const std::vector<std::byte> bytes = net.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Outcome info(const Scratch& s, const std::string& name) {
  return run_program({"info", "--model", s.path(name)});
}

TEST(Damage, TruncatedOnnx) {
  const Scratch s;
  const std::string whole = text_of(frontend::small_network());
  s.write("whole.onnx", whole);
  ASSERT_EQ(info(s, "whole.onnx").exit_code, 0);
  for (const std::size_t part : {0, 1, 4, 7}) {
    s.write("cut.onnx", whole.substr(0, whole.size() * part / 8));
    expect_error(info(s, "cut.onnx"), 3, {"cut.onnx: "});
  }
}

TEST(Damage, NoiseInsteadOfOnnx) {
  const Scratch s;
  s.write("noise.onnx", "this is not a protobuf");
  expect_error(info(s, "noise.onnx"), 3, {"noise.onnx: "});
  std::string bytes = text_of(frontend::small_network());
  for (std::size_t i = 5; i < bytes.size(); i += 37) bytes[i] = static_cast<char>(bytes[i] ^ 0x55);
  s.write("bits.onnx", bytes);
  expect_error(info(s, "bits.onnx"), 3, {"bits.onnx: "});
}

TEST(Damage, UnsupportedOperatorsAreAllNamed) {
  frontend::OnnxBuilder net({-1, 2, 6, 6});
  net.node("Sigmoid", {"x"}, "gate");
  net.node("Relu", {"gate"}, "after");
  net.node("Resize", {"after"}, "big");
  net.node("Relu", {"big"}, "y");
  const Scratch s;
  s.write("net.onnx", text_of(net));
  expect_error(info(s, "net.onnx"), 4,
               {"net.onnx", "'gate'", "Sigmoid", "'big'", "Resize", "docs/networks.md"});
  const Outcome o = run_program({"calibrate", "--quiet", "--model", s.path("net.onnx"), "--data", "digits",
                                 "--out", s.path("q.safetensors")});
  expect_error(o, 4, {"'gate'", "'big'"});
  EXPECT_EQ(s.names(), std::vector<std::string>{"net.onnx"});
}

TEST(Damage, TruncatedSafetensors) {
  const Scratch s;
  frontend::save_graph(io::posix(), s.path("net.safetensors"), frontend::zoo("digits-cnn", 10, 1));
  const std::string whole = s.read("net.safetensors");
  for (const std::size_t part : {0, 1, 4, 7}) {
    s.write("cut.safetensors", whole.substr(0, whole.size() * part / 8));
    expect_error(info(s, "cut.safetensors"), 3, {"cut.safetensors: "});
  }
}

TEST(Damage, NanWeights) {
  const Scratch s;
  ir::Graph graph = frontend::zoo("digits-cnn", 10, 1);
  graph.constant(graph.nodes().front().inputs[1]).data[3] = std::nanf("");
  frontend::save_graph(io::posix(), s.path("nan.safetensors"), graph);
  expect_error(info(s, "nan.safetensors"), 3, {"nan.safetensors", "NaN"});
}

TEST(Damage, WeightsOfAnotherNetwork) {
  const Scratch s;
  frontend::save_graph(io::posix(), s.path("net.safetensors"), frontend::zoo("digits-cnn", 10, 1));
  expect_error(run_program({"info", "--model", "zoo:resnet20=" + s.path("net.safetensors")}), 3,
               {"net.safetensors"});
}

TEST(Damage, TruncatedCifar) {
  const Scratch s;
  s.write("test_batch.bin", std::string(3073 * 2 + 100, '\1'));
  const Outcome o = run_program({"simulate", "--quiet", "--model", "zoo:resnet20", "--untrained", "--data",
                                 "cifar10", "--data-dir", s.path("")});
  expect_error(o, 3, {"test_batch.bin", "3073"});
}

TEST(Damage, ALabelThatIsNoClass) {
  const Scratch s;
  std::string record(3073, '\1');
  record[0] = '\x0b';
  s.write("test_batch.bin", std::string(3073, '\1') + record);
  const Outcome o = run_program({"simulate", "--quiet", "--model", "zoo:resnet20", "--untrained", "--data",
                                 "cifar10", "--data-dir", s.path("")});
  expect_error(o, 3, {"test_batch.bin", "11"});
}

TEST(Damage, ACheckpointThatWasCut) {
  const Scratch s;
  s.write("checkpoint", std::string(100, 'x'));
  const Outcome o = train(s, "f.safetensors", {"--checkpoint", s.path("checkpoint")});
  expect_error(o, 3, {"checkpoint: "});
  EXPECT_EQ(s.names(), std::vector<std::string>{"checkpoint"});
}

TEST(Damage, AFinishedStepsFileThatWasCut) {
  const Scratch s;
  s.write("r.yaml", "schema: bitline-recipe/1\nname: r\nsteps:\n  - info: {model: \"zoo:digits-cnn\"}\n");
  std::filesystem::create_directory(s.path("run"));
  s.write("run/steps.json", "{\"info\": {\"title\": ");
  const Words words = {"run", s.path("r.yaml"), "--quiet", "--out", s.path("run")};
  expect_error(run_program(words), 3, {"run/steps.json:1:"});
  EXPECT_EQ(run_program(joined(words, {"--fresh"})).exit_code, 0);
}

}  // namespace
}  // namespace bitline::cli
