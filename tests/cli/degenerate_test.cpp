// Networks with dead layers and channels: quantized with and without training, exported, and read back.
#include <functional>
#include <string>
#include <vector>

#include "figures.h"
#include <gtest/gtest.h>

#include "bitline/frontend/artefact.h"
#include "bitline/io/filesystem.h"

namespace bitline::cli {
namespace {

// The tensor that the first node of this kind and name reads as its operand.
template <class Op>
std::vector<float>& operand(ir::Graph& graph, const std::string& name, std::size_t input) {
  for (const ir::Node& node : graph.nodes()) {
    if (std::holds_alternative<Op>(node.op) && (name.empty() || node.name == name))
      return graph.constant(node.inputs[input]).data;
  }
  throw std::runtime_error("no such node");
}

struct Damage {
  const char* name;
  std::function<void(ir::Graph&)> apply;
};

const std::vector<Damage>& damages() {
  static const std::vector<Damage> all = {
      {"AllZeroWeights",
       [](ir::Graph& g) {
         std::vector<float>& weights = operand<ir::Conv>(g, "conv2", 1);
         weights.assign(weights.size(), 0.0f);
       }},
      {"AChannelOfZeros",
       [](ir::Graph& g) {
         std::vector<float>& weights = operand<ir::Conv>(g, "conv2", 1);
         std::fill_n(weights.begin(), 16 * 3 * 3, 0.0f);
       }},
      {"TinyWeights",
       [](ir::Graph& g) {
         for (float& w : operand<ir::Conv>(g, "conv2", 1)) w = 1e-37f;
       }},
      {"TinyInputsAndWeights",
       [](ir::Graph& g) {
         for (const std::size_t input : {1u, 2u}) {
           std::vector<float>& of_norm = operand<ir::BatchNorm>(g, "", input);
           of_norm.assign(of_norm.size(), 1e-30f);
         }
         for (float& w : operand<ir::Conv>(g, "conv2", 1)) w = 1e-7f;
       }},
      {"ZeroVariance", [](ir::Graph& g) { operand<ir::BatchNorm>(g, "", 4)[0] = 0.0f; }},
      {"ZeroGamma", [](ir::Graph& g) { operand<ir::BatchNorm>(g, "", 1)[0] = 0.0f; }}};
  return all;
}

class Degenerate : public testing::TestWithParam<Damage> {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new Scratch;
    const Outcome o = train(*scratch_, "float.safetensors");
    ASSERT_EQ(o.exit_code, 0) << o.err;
  }
  static void TearDownTestSuite() { delete scratch_; }

  void SetUp() override {
    quant::QuantizedModel model = frontend::load_artefact(io::posix(), scratch_->path("float.safetensors"));
    GetParam().apply(model.graph);
    frontend::save_artefact(io::posix(), scratch_->path("dead.safetensors"), model);
  }

  static double accuracy_of(const std::string& file) {
    return number(json_of({"simulate", "--quiet", "--model", scratch_->path(file), "--data", "digits",
                           "--images", "64"}),
                  "accuracy");
  }

  // Quantizes, exports in two formats, and reads both back.
  static void expect_quantizes(const Words& more) {
    const std::string out = scratch_->path("q.safetensors");
    const Outcome o = run_program(joined(
        {"quantize", "--quiet", "--model", scratch_->path("dead.safetensors"), "--data", "digits",
         "--calibration-images", "32", "--hardware", "64x64:2b", "--precision", "W3A3P4", "--out", out},
        more));
    ASSERT_EQ(o.exit_code, 0) << o.err;
    const quant::QuantizedModel model =
        frontend::load_artefact(io::posix(), out);  // refuses NaN and infinity
    for (const auto& [name, layer] : model.layers) {
      for (const float s : layer.weight_scale) EXPECT_GT(s, 0.0f) << name;
      for (const float s : layer.psum_step) EXPECT_GT(s, 0.0f) << name;
    }
    const double accuracy = accuracy_of("q.safetensors");
    for (const char* format : {"qonnx", "packed"}) {
      const std::string file =
          std::string(format) + (format == std::string("qonnx") ? ".onnx" : ".safetensors");
      const Outcome e = run_program({"export", out, "--to", format, "--out", scratch_->path(file)});
      ASSERT_EQ(e.exit_code, 0) << e.err;
      EXPECT_EQ(accuracy_of(file), accuracy) << format;
    }
  }

  static inline Scratch* scratch_ = nullptr;
};

TEST_P(Degenerate, QuantizesWithoutTraining) {
  expect_quantizes({"--method", "ptq", "--reconstruction-steps", "3"});
}

TEST_P(Degenerate, Trains) {
  expect_quantizes({"--epochs", "1", "--batch", "16", "--train-images", "64", "--epoch-test-images", "32",
                    "--quantizer", "lg-lsq"});
}

INSTANTIATE_TEST_SUITE_P(Networks, Degenerate, testing::ValuesIn(damages()),
                         [](const auto& damage) { return std::string(damage.param.name); });

}  // namespace
}  // namespace bitline::cli
