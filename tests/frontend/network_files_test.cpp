// Networks of the zoo through what a model meets before it is quantized: an ONNX file with ReLU6, channel
// split and channel shuffle as exporters write them, batch-norm folding, and a saved graph.
#include <algorithm>
#include <cmath>
#include <string>

#include "zoo_onnx.h"
#include <gtest/gtest.h>

#include "bitline/frontend/graph_json.h"
#include "bitline/frontend/weights.h"
#include "bitline/frontend/zoo.h"
#include "bitline/ir/fold.h"
#include "bitline/ir/interpreter.h"

namespace bitline::frontend {
namespace {

class NetworkFiles : public testing::TestWithParam<const char*> {
 protected:
  NetworkFiles() : graph_(zoo(GetParam(), 10, 5)) {
    randomize_batch_norms(graph_);
    ir::Shape shape = graph_.input_shape();
    shape[0] = shape[3] > 32 ? 1 : 2;
    images_ = lcg_tensor(shape);
    logits_ = ir::run_graph(graph_, images_).data;
  }

  ir::Graph graph_;
  ir::Tensor images_;
  std::vector<float> logits_;
};

TEST_P(NetworkFiles, ComesBackFromOnnxAsItWas) {
  const ir::Graph imported = write_as_pytorch(graph_).import();
  EXPECT_EQ(imported.nodes().size(), graph_.nodes().size());
  EXPECT_EQ(ir::run_graph(imported, images_).data, logits_);
}

TEST_P(NetworkFiles, FoldsEveryBatchNorm) {
  const ir::Graph folded = ir::fold_batch_norm(graph_);
  for (const ir::Node& node : folded.nodes())
    EXPECT_FALSE(std::holds_alternative<ir::BatchNorm>(node.op)) << node.name;
  const std::vector<float> logits = ir::run_graph(folded, images_).data;
  ASSERT_EQ(logits.size(), logits_.size());
  float largest = 0.0f, worst = 0.0f;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    largest = std::max(largest, std::fabs(logits_[i]));
    worst = std::max(worst, std::fabs(logits[i] - logits_[i]));
  }
  EXPECT_LT(worst, 1e-4f * largest);
}

TEST_P(NetworkFiles, SurvivesAWriteAndARead) {
  const io::Json saved = graph_to_json(graph_);
  const ir::Graph loaded = graph_from_json(saved, state_dict(graph_));
  EXPECT_EQ(graph_to_json(loaded).dump(), saved.dump());
  EXPECT_EQ(ir::run_graph(loaded, images_).data, logits_);
}

INSTANTIATE_TEST_SUITE_P(Zoo, NetworkFiles,
                         testing::Values("mobilenet_v1_x0_25_cifar", "mobilenet_v2_x0_25_cifar",
                                         "shufflenet_v2_x0_5_cifar", "resnet34", "resnet50"),
                         [](const auto& param_info) { return std::string(param_info.param); });

}  // namespace
}  // namespace bitline::frontend
