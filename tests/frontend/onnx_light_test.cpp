// The light networks through ONNX: what an exporter makes of ReLU6, channel split and channel shuffle comes
// back as the network of the zoo.
#include <string>

#include "onnx_writer.h"
#include <gtest/gtest.h>

#include "bitline/frontend/zoo.h"
#include "bitline/ir/interpreter.h"

namespace bitline::frontend {
namespace {

class LightNetwork : public testing::TestWithParam<const char*> {};

TEST_P(LightNetwork, ComesBackFromOnnxAsItWas) {
  ir::Graph graph = zoo(GetParam(), 10, 5);
  randomize_batch_norms(graph);
  const ir::Graph imported = write_as_pytorch(graph).import();
  ir::Shape shape = graph.input_shape();
  shape[0] = 2;
  const ir::Tensor images = lcg_tensor(shape);
  EXPECT_EQ(imported.nodes().size(), graph.nodes().size());
  EXPECT_EQ(ir::run_graph(imported, images).data, ir::run_graph(graph, images).data);
}

INSTANTIATE_TEST_SUITE_P(Zoo, LightNetwork,
                         testing::Values("mobilenet_v1_x0_25_cifar", "mobilenet_v2_x0_25_cifar",
                                         "shufflenet_v2_x0_5_cifar"),
                         [](const auto& param_info) { return std::string(param_info.param); });

}  // namespace
}  // namespace bitline::frontend
