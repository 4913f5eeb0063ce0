#include "bitline/frontend/zoo.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "base/error_of.h"
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

TEST_P(ZooNetworkTest, HasTheKnownNumberOfParametersUnderNamesOfTheirOwn) {
  const ir::Graph graph = zoo(GetParam().name, GetParam().classes, 1);
  EXPECT_EQ(parameter_count(graph), GetParam().parameters);
  std::set<std::string> names;
  for (int id = 0; id < graph.value_count(); ++id) EXPECT_TRUE(names.insert(graph.value_name(id)).second);
}

TEST_P(ZooNetworkTest, GivesOneLogitAClass) {
  const ir::Graph graph = zoo(GetParam().name, 7, 1);
  EXPECT_EQ(graph.input_shape(), GetParam().input);
  EXPECT_EQ(ir::infer_shapes(graph)[static_cast<std::size_t>(graph.output())], (ir::Shape{ir::kBatch, 7}));
}

// Published or computed by hand: He et al. 2016 (0.27 M, 0.46 M, 0.66 M, 0.85 M); torchvision (resnet18,
// resnet34, resnet50, mobilenet_v2, shufflenet_v2_x0_5 and x1_0); Howard et al. 2017 (4.2 M, 2.6 M, 1.3 M,
// 0.5 M). With 10 classes instead of 1000, MobileNet 1 and ShuffleNet have 990 * 1025 and MobileNet 2 990 *
// 1281 fewer.
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
                                         Known{"resnet18", 1000, 11'689'512, {-1, 3, 224, 224}},
                                         Known{"resnet34", 1000, 21'797'672, {-1, 3, 224, 224}},
                                         Known{"resnet50", 1000, 25'557'032, {-1, 3, 224, 224}},
                                         Known{"mobilenet_v1", 1000, 4'231'976, {-1, 3, 224, 224}},
                                         Known{"mobilenet_v1_x0_75", 1000, 2'585'560, {-1, 3, 224, 224}},
                                         Known{"mobilenet_v1_x0_5", 1000, 1'331'592, {-1, 3, 224, 224}},
                                         Known{"mobilenet_v1_x0_25", 1000, 470'072, {-1, 3, 224, 224}},
                                         Known{"mobilenet_v1_cifar", 10, 3'217'226, {-1, 3, 32, 32}},
                                         Known{"mobilenet_v1_x0_25_cifar", 10, 215'642, {-1, 3, 32, 32}},
                                         Known{"mobilenet_v2", 1000, 3'504'872, {-1, 3, 224, 224}},
                                         Known{"mobilenet_v2_cifar", 10, 2'236'682, {-1, 3, 32, 32}},
                                         Known{"mobilenet_v2_x0_25_cifar", 10, 250'922, {-1, 3, 32, 32}},
                                         Known{"shufflenet_v2_x1_0", 1000, 2'278'604, {-1, 3, 224, 224}},
                                         Known{"shufflenet_v2_x0_5", 1000, 1'366'792, {-1, 3, 224, 224}},
                                         Known{"shufflenet_v2_cifar", 10, 1'263'854, {-1, 3, 32, 32}},
                                         Known{"shufflenet_v2_x0_5_cifar", 10, 352'042, {-1, 3, 32, 32}}),
                         [](const auto& param_info) {
                           std::string name = param_info.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Zoo, ListsEveryNetwork) {
  const std::vector<std::string> names = zoo_names();
  EXPECT_EQ(names.size(), 27u);
  EXPECT_NE(std::find(names.begin(), names.end(), "resnet18-cifar"), names.end());
}

TEST(Zoo, IsTheOneOfTheDocumentation) {
  std::ifstream file(BITLINE_SOURCE_DIR "/docs/networks.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  for (const std::string& name : zoo_names())
    EXPECT_NE(page.find("`" + name + "`"), std::string::npos) << name;
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

TEST_P(ZooNetworkTest, RunsWithFiniteOutputsThatDiffer) {
  const ir::Graph graph = zoo(GetParam().name, 0, 1);
  ir::Shape shape = graph.input_shape();
  shape[0] = 1;
  const ir::Tensor out = ir::run_graph(graph, lcg_tensor(shape));
  EXPECT_EQ(out.shape, (ir::Shape{1, GetParam().classes}));
  EXPECT_TRUE(std::all_of(out.data.begin(), out.data.end(), [](float x) { return std::isfinite(x); }));
  EXPECT_NE(*std::min_element(out.data.begin(), out.data.end()),
            *std::max_element(out.data.begin(), out.data.end()));
}

// Names and shapes of a PyTorch state_dict.
void expect_constants(const ir::Graph& graph, std::size_t count,
                      const std::vector<std::pair<std::string, ir::Shape>>& expected) {
  EXPECT_EQ(graph.constants().size(), count);
  std::map<std::string, ir::Shape> shapes;
  for (const auto& [id, value] : graph.constants()) shapes.emplace(graph.value_name(id), value.shape);
  for (const auto& [name, shape] : expected) {
    ASSERT_EQ(shapes.count(name), 1u) << name;
    EXPECT_EQ(shapes.at(name), shape) << name;
  }
}

TEST(Zoo, LightNetworksHaveTheNamesOfTorchvision) {
  expect_constants(zoo("mobilenet_v2", 0, 1), 52 * 5 + 2,
                   {{"features.0.0.weight", {32, 3, 3, 3}},
                    {"features.0.1.running_var", {32}},
                    {"features.1.conv.0.0.weight", {32, 1, 3, 3}},
                    {"features.1.conv.1.weight", {16, 32, 1, 1}},
                    {"features.1.conv.2.bias", {16}},
                    {"features.2.conv.0.0.weight", {96, 16, 1, 1}},
                    {"features.2.conv.1.0.weight", {96, 1, 3, 3}},
                    {"features.2.conv.1.1.weight", {96}},
                    {"features.17.conv.2.weight", {320, 960, 1, 1}},
                    {"features.17.conv.3.running_mean", {320}},
                    {"features.18.0.weight", {1280, 320, 1, 1}},
                    {"classifier.1.weight", {1000, 1280}}});
  expect_constants(zoo("shufflenet_v2_x1_0", 0, 1), 56 * 5 + 2,
                   {{"conv1.0.weight", {24, 3, 3, 3}},
                    {"stage2.0.branch1.0.weight", {24, 1, 3, 3}},
                    {"stage2.0.branch1.2.weight", {58, 24, 1, 1}},
                    {"stage2.0.branch2.0.weight", {58, 24, 1, 1}},
                    {"stage2.1.branch2.3.weight", {58, 1, 3, 3}},
                    {"stage3.7.branch2.5.weight", {116, 116, 1, 1}},
                    {"stage4.3.branch2.6.running_var", {232}},
                    {"conv5.1.bias", {1024}},
                    {"fc.bias", {1000}}});
}

TEST(Zoo, BottlenecksHaveTheNamesAndStridesOfTorchvision) {
  const ir::Graph graph = zoo("resnet50", 0, 1);
  expect_constants(graph, 53 * 5 + 2,
                   {{"layer1.0.conv1.weight", {64, 64, 1, 1}},
                    {"layer1.0.downsample.0.weight", {256, 64, 1, 1}},
                    {"layer2.0.conv2.weight", {128, 128, 3, 3}},
                    {"layer4.2.bn3.running_mean", {2048}},
                    {"fc.weight", {1000, 2048}}});
  const auto stride = [&](const char* node) {
    return std::get<ir::Conv>(graph.find_node(node)->op).window.stride[0];
  };
  EXPECT_EQ(stride("layer2.0.conv1"), 1);
  EXPECT_EQ(stride("layer2.0.conv2"), 2);
  EXPECT_EQ(stride("layer2.0.downsample.0"), 2);
  EXPECT_EQ(stride("layer1.0.conv2"), 1);
}

ir::Shape output_of(const ir::Graph& graph, const char* node) {
  return ir::infer_shapes(graph)[static_cast<std::size_t>(graph.find_node(node)->output)];
}

TEST(Zoo, NetworksForSmallImagesKeepTheirSizeForLonger) {
  EXPECT_EQ(output_of(zoo("mobilenet_v1_cifar", 0, 1), "blocks.4.1.act2"), (ir::Shape{-1, 1024, 2, 2}));
  const ir::Graph version2 = zoo("mobilenet_v2_cifar", 0, 1);
  EXPECT_EQ(output_of(version2, "features.3.add"), (ir::Shape{-1, 24, 32, 32}));
  EXPECT_EQ(output_of(version2, "features.18.2"), (ir::Shape{-1, 1280, 4, 4}));
  EXPECT_EQ(output_of(zoo("shufflenet_v2_cifar", 0, 1), "conv5.2"), (ir::Shape{-1, 1024, 4, 4}));
  EXPECT_EQ(output_of(zoo("mobilenet_v1", 0, 1), "blocks.4.1.act2"), (ir::Shape{-1, 1024, 7, 7}));
  EXPECT_EQ(output_of(zoo("mobilenet_v2", 0, 1), "features.18.2"), (ir::Shape{-1, 1280, 7, 7}));
  EXPECT_EQ(output_of(zoo("shufflenet_v2_x1_0", 0, 1), "conv5.2"), (ir::Shape{-1, 1024, 7, 7}));
}

// Channel c of one half and channel c of the other become neighbours.
TEST(Zoo, ShufflesTheTwoHalvesOfTheChannels) {
  const ir::Graph net = zoo("shufflenet_v2_x0_5_cifar", 0, 1);
  const std::string unit = "stage2.0";
  ir::Graph graph;
  const ir::Node& halves = *net.find_node(unit + ".shuffle.halves");
  ir::Shape shape = output_of(net, (unit + ".concat").c_str());
  ir::ValueId x = graph.add_input("x", shape);
  x = graph.add_node("halves", halves.op, {x});
  x = graph.add_node("transpose", net.find_node(unit + ".shuffle.transpose")->op, {x});
  graph.set_output(graph.add_node("shuffle", net.find_node(unit + ".shuffle")->op, {x}));
  shape[0] = 2;
  const ir::Tensor in = lcg_tensor(shape);
  const ir::Tensor out = ir::run_graph(graph, in);
  ASSERT_EQ(out.shape, shape);
  const auto channels = static_cast<std::size_t>(shape[1]), pixels = in.size() / (2 * channels);
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::size_t image = i / (channels * pixels), channel = i / pixels % channels;
    const std::size_t from = channel / 2 + (channel % 2) * (channels / 2);
    EXPECT_EQ(out.data[i], in.data[(image * channels + from) * pixels + i % pixels]);
  }
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
