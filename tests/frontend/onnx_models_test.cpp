// The ONNX files of the development data against logits that ONNX Runtime computed
// (scripts/onnx_expected.py).
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "onnx_builder.h"
#include <gtest/gtest.h>

#include "bitline/frontend/graph_json.h"
#include "bitline/frontend/onnx.h"
#include "bitline/frontend/weights.h"
#include "bitline/frontend/zoo.h"
#include "bitline/io/safetensors.h"
#include "bitline/ir/fold.h"
#include "bitline/ir/interpreter.h"
#include "bitline/ir/shapes.h"

namespace bitline::frontend {
namespace {

constexpr std::int64_t kBatchSize = 2;

std::string model_path(const std::string& file) {
  const char* root = std::getenv("BITLINE_DATA");
  if (root == nullptr) return {};
  const std::string path = std::string(root) + "/models/" + file;
  return std::filesystem::exists(path) ? path : std::string{};
}

std::vector<float> expected_logits(const std::string& name) {
  const std::string path =
      std::string(BITLINE_SOURCE_DIR) + "/tests/frontend/expected/" + name + ".safetensors";
  return io::as_floats(io::read_safetensors(io::posix(), path).tensors.at("logits"), "logits");
}

ir::Tensor model_input(const ir::Graph& graph, const std::string& name) {
  ir::Shape shape = graph.input_shape();
  shape[0] = kBatchSize;
  return name.starts_with("mlperf") ? lcg_tensor(shape, 255.0f, 0.0f) : lcg_tensor(shape);
}

// The largest difference, relative to the largest expected value.
double relative_error(const std::vector<float>& got, const std::vector<float>& expected) {
  EXPECT_EQ(got.size(), expected.size());
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(got[i]) - static_cast<double>(expected[i])));
    largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
  }
  return worst / largest;
}

class OnnxModel : public testing::TestWithParam<const char*> {};

TEST_P(OnnxModel, ComputesWhatOnnxRuntimeComputes) {
  const std::string path = model_path(std::string(GetParam()) + ".onnx");
  if (path.empty()) GTEST_SKIP() << "BITLINE_DATA has no models/" << GetParam() << ".onnx";
  const ir::Graph graph = import_onnx(io::posix(), path).graph;
  const std::vector<float> expected = expected_logits(GetParam());
  const ir::Tensor input = model_input(graph, GetParam());
  const double error = relative_error(ir::run_graph(graph, input).data, expected);
  RecordProperty("relative_error", std::to_string(error));
  EXPECT_LT(error, 1e-4);
  EXPECT_LT(relative_error(ir::run_graph(ir::fold_batch_norm(graph), input).data, expected), 1e-4);
}

TEST_P(OnnxModel, SavesAndLoadsTheSameGraph) {
  const std::string path = model_path(std::string(GetParam()) + ".onnx");
  if (path.empty()) GTEST_SKIP() << "BITLINE_DATA has no models/" << GetParam() << ".onnx";
  const ir::Graph graph = import_onnx(io::posix(), path).graph;
  const io::Json saved = graph_to_json(graph);
  const ir::Graph loaded = graph_from_json(saved, state_dict(graph));
  EXPECT_EQ(graph_to_json(loaded).dump(), saved.dump());
  EXPECT_EQ(ir::infer_shapes(loaded), ir::infer_shapes(graph));
}

INSTANTIATE_TEST_SUITE_P(Data, OnnxModel,
                         testing::Values("resnet20_akamaster_bn", "resnet20_akamaster_bnfold",
                                         "resnet20_akamaster_bn_torchraw", "mlperf_tiny_resnet8_cifar10",
                                         "squeezenet1.1_imagenet", "mobilenet_v1_0.75_224_imagenet_bn",
                                         "mobilenet_v2_1.0_224_imagenet_deq_perchannel"),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           std::erase(name, '.');
                           return name;
                         });

TEST(PytorchWeights, MakeTheZooNetworkEqualToTheOnnxOne) {
  const std::string weights = model_path("resnet20_akamaster.safetensors");
  if (weights.empty()) GTEST_SKIP() << "BITLINE_DATA has no models/resnet20_akamaster.safetensors";
  ir::Graph graph = zoo("resnet20", 10, 1);
  load_state_dict(graph, io::read_safetensors(io::posix(), weights), weights);
  const ir::Tensor input = model_input(graph, "resnet20");
  EXPECT_LT(relative_error(ir::run_graph(graph, input).data, expected_logits("resnet20_akamaster_bn")), 1e-4);
  const ir::Graph onnx = import_onnx(io::posix(), model_path("resnet20_akamaster_bn.onnx")).graph;
  EXPECT_EQ(ir::run_graph(graph, input).data, ir::run_graph(onnx, input).data);
}

}  // namespace
}  // namespace bitline::frontend
