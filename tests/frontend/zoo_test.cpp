#include "bitline/frontend/zoo.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "error_of.h"
#include "onnx_builder.h"
#include <gtest/gtest.h>

#include "bitline/frontend/weights.h"
#include "bitline/ir/interpreter.h"
#include "bitline/ir/shapes.h"

namespace bitline::frontend {
namespace {

struct Known {
  const char* name;
  int classes;
  std::int64_t parameters;
  ir::Shape input;
};

class ZooNetworkTest : public testing::TestWithParam<Known> {};

TEST_P(ZooNetworkTest, HasTheKnownNumberOfParameters) {
  EXPECT_EQ(parameter_count(zoo(GetParam().name, GetParam().classes, 1)), GetParam().parameters);
}

TEST_P(ZooNetworkTest, GivesOneLogitAClass) {
  const ir::Graph graph = zoo(GetParam().name, 7, 1);
  EXPECT_EQ(graph.input_shape(), GetParam().input);
  EXPECT_EQ(ir::infer_shapes(graph)[static_cast<std::size_t>(graph.output())], (ir::Shape{ir::kBatch, 7}));
}

TEST_P(ZooNetworkTest, HasUniqueNames) {
  const ir::Graph graph = zoo(GetParam().name, 0, 1);
  std::set<std::string> names;
  for (int id = 0; id < graph.value_count(); ++id) EXPECT_TRUE(names.insert(graph.value_name(id)).second);
}

// Published or computed by hand: He et al. 2016 (0.27 M, 0.46 M, 0.66 M, 0.85 M), torchvision (11,689,512).
INSTANTIATE_TEST_SUITE_P(Zoo, ZooNetworkTest,
                         testing::Values(Known{"digits-cnn", 10, 14'458, {-1, 1, 8, 8}},
                                         Known{"resnet20", 10, 269'722, {-1, 3, 32, 32}},
                                         Known{"resnet32", 10, 464'154, {-1, 3, 32, 32}},
                                         Known{"resnet44", 10, 658'586, {-1, 3, 32, 32}},
                                         Known{"resnet56", 10, 853'018, {-1, 3, 32, 32}},
                                         Known{"resnet20-b", 10, 272'474, {-1, 3, 32, 32}},
                                         Known{"resnet32-b", 10, 466'906, {-1, 3, 32, 32}},
                                         Known{"resnet56-b", 10, 855'770, {-1, 3, 32, 32}},
                                         Known{"vgg8", 10, 12'978'058, {-1, 3, 32, 32}},
                                         Known{"vgg16", 10, 14'728'266, {-1, 3, 32, 32}},
                                         Known{"resnet18-cifar", 10, 11'173'962, {-1, 3, 32, 32}},
                                         Known{"resnet18", 1000, 11'689'512, {-1, 3, 224, 224}}),
                         [](const auto& param_info) {
                           std::string name = param_info.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Zoo, ListsEveryNetwork) {
  const std::vector<std::string> names = zoo_names();
  EXPECT_EQ(names.size(), 12u);
  EXPECT_NE(std::find(names.begin(), names.end(), "resnet18-cifar"), names.end());
}

TEST(Zoo, InitialisesConvolutionsKaimingNormalWithFanOut) {
  const ir::Graph graph = zoo("resnet18-cifar", 10, 3);
  const ir::Tensor& weight = graph.constant(graph.find_node("layer4.1.conv1")->inputs[1]);
  double sum = 0, squares = 0;
  for (const float w : weight.data) {
    sum += static_cast<double>(w);
    squares += static_cast<double>(w) * static_cast<double>(w);
  }
  const double count = static_cast<double>(weight.size());
  const double deviation = std::sqrt(2.0 / (512 * 9));
  EXPECT_NEAR(sum / count, 0.0, 5 * deviation / std::sqrt(count));
  EXPECT_NEAR(std::sqrt(squares / count), deviation, 0.01 * deviation);
}

TEST(Zoo, DependsOnTheSeedAndOnNothingElse) {
  const auto weights = [](std::uint64_t seed) {
    const ir::Graph graph = zoo("digits-cnn", 10, seed);
    return graph.constant(graph.find_node("conv2")->inputs[1]).data;
  };
  EXPECT_EQ(weights(1), weights(1));
  EXPECT_NE(weights(1), weights(2));
}

TEST(Zoo, GivesEveryLayerItsOwnNumbers) {
  const ir::Graph graph = zoo("resnet20", 10, 1);
  const auto weight = [&](const char* node) { return graph.constant(graph.find_node(node)->inputs[1]).data; };
  EXPECT_NE(weight("layer1.0.conv1"), weight("layer1.0.conv2"));
}

TEST(Zoo, RunsWithFiniteOutputs) {
  const ir::Tensor out = ir::run_graph(zoo("digits-cnn", 10, 1), lcg_tensor({3, 1, 8, 8}));
  EXPECT_EQ(out.shape, (ir::Shape{3, 10}));
  EXPECT_TRUE(std::all_of(out.data.begin(), out.data.end(), [](float x) { return std::isfinite(x); }));
  EXPECT_NE(*std::min_element(out.data.begin(), out.data.end()),
            *std::max_element(out.data.begin(), out.data.end()));
}

TEST(Zoo, RefusesUnknownNamesWithASuggestion) {
  EXPECT_EQ(error_of([] { zoo("resnet21", 10, 1); }),
            "unknown network 'resnet21' (did you mean 'resnet20'?)");
}

TEST(Zoo, RefusesANegativeNumberOfClasses) {
  EXPECT_EQ(error_of([] { zoo("resnet20", -1, 1); }), "-1 classes, expected 1 to 100000");
}

}  // namespace
}  // namespace bitline::frontend
