// Narrow MobileNets and ShuffleNets, calibrated for arrays: every kernel gives the codes of the reference,
// through depthwise layers, linear bottlenecks, splits and shuffles. Deep ResNets on the kernels that are
// fast.
#include <cmath>
#include <string>

#include "sim/random_layer.h"
#include <gtest/gtest.h>

#include "bitline/frontend/zoo.h"
#include "bitline/ir/fold.h"
#include "bitline/ir/interpreter.h"
#include "bitline/sim/calibrate.h"
#include "bitline/sim/network.h"

namespace bitline::sim {
namespace {

ir::Tensor images(std::int64_t count, std::uint64_t seed, std::int64_t side = 32) {
  Dice dice(seed);
  return ir::Tensor({count, 3, side, side}, dice.normals(count * 3 * side * side, 1.0f));
}

quant::QuantizedModel quantized(const std::string& network, const std::string& precision) {
  const ir::Graph graph = ir::fold_batch_norm(frontend::zoo(network, 10, 4));
  CalibrateOptions options;
  quant::parse_precision(precision, options.config);
  return calibrate(graph, images(4, 1), options, {});
}

struct Execution {
  ir::Tensor logits;
  Trace trace;
};

Execution run(const quant::QuantizedModel& model, std::string_view kernel, const ir::Tensor& x) {
  Execution out;
  out.logits = Network(model, kernel).forward(x, &out.trace);
  return out;
}

bool runs_every_layer(const CimKernel& kernel, const Network& network) {
  for (const LayerProgram* program : network.programs()) {
    if (!kernel.decline(*program).empty()) return false;
  }
  return true;
}

void expect_equal(const Execution& actual, const Execution& expected, const std::string& kernel) {
  ASSERT_EQ(actual.trace.size(), expected.trace.size());
  for (std::size_t i = 0; i < actual.trace.size(); ++i) {
    EXPECT_EQ(actual.trace[i].name, expected.trace[i].name);
    EXPECT_FALSE(expected.trace[i].adc_codes.empty());
    EXPECT_TRUE(actual.trace[i].input_codes == expected.trace[i].input_codes)
        << kernel << ": " << actual.trace[i].name;
    EXPECT_TRUE(actual.trace[i].adc_codes == expected.trace[i].adc_codes)
        << kernel << ": " << actual.trace[i].name;
  }
  EXPECT_EQ(actual.logits.data, expected.logits.data) << kernel;
}

double norm(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += d * d;
  }
  return std::sqrt(sum);
}

class LightNetworks : public testing::TestWithParam<const char*> {};

TEST_P(LightNetworks, EveryKernelGivesTheCodesOfTheReference) {
  const quant::QuantizedModel model = quantized(GetParam(), "W4A4P4");
  const ir::Tensor x = images(1, 2);
  const Execution expected = run(model, "reference", x);
  EXPECT_EQ(expected.trace.size(), model.layers.size());
  expect_equal(run(model, "auto", x), expected, "auto");
  const Network network(model);
  int kernels = 0;
  for (const CimKernel* kernel : cim_kernels()) {
    if (kernel->name() == "reference" || !runs_every_layer(*kernel, network)) continue;
    expect_equal(run(model, kernel->name(), x), expected, kernel->name());
    ++kernels;
  }
  EXPECT_GE(kernels, 2);
}

// With eight bits and ideal converters little is lost; a channel in the wrong place would lose everything.
TEST_P(LightNetworks, ManyBitsComeCloseToTheFloatNetwork) {
  const quant::QuantizedModel model = quantized(GetParam(), "W8A8Pideal");
  const ir::Tensor x = images(4, 3);
  const std::vector<float> exact = ir::run_graph(model.graph, x).data;
  const std::vector<float> zeros(exact.size(), 0.0f);
  const double error = norm(Network(model).forward(x).data, exact) / norm(exact, zeros);
  RecordProperty("relative_error", std::to_string(error));
  EXPECT_LT(error, 0.1);
}

INSTANTIATE_TEST_SUITE_P(Zoo, LightNetworks,
                         testing::Values("mobilenet_v1_x0_25_cifar", "mobilenet_v2_x0_25_cifar",
                                         "shufflenet_v2_x0_5_cifar"),
                         [](const auto& param_info) { return std::string(param_info.param); });

// The deep ones take minutes on the kernels that are slow, so two that are fast stand for all.
class DeepNetworks : public testing::TestWithParam<const char*> {};

TEST_P(DeepNetworks, RunOnArraysCloseToTheFloatNetwork) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "takes minutes with sanitizers; the light networks take the same code";
#endif
  const ir::Graph graph = ir::fold_batch_norm(frontend::zoo(GetParam(), 10, 4));
  const ir::Tensor x = images(1, 2, 224);
  CalibrateOptions options;
  quant::parse_precision("W8A8Pideal", options.config);
  const quant::QuantizedModel model = calibrate(graph, x, options, {});
  const std::vector<float> exact = ir::run_graph(model.graph, x).data;
  const Execution codes = run(model, "auto", x);
  const double error = norm(codes.logits.data, exact) / norm(exact, std::vector<float>(exact.size(), 0.0f));
  RecordProperty("relative_error", std::to_string(error));
  EXPECT_LT(error, 0.1);
  expect_equal(run(model, "blocked", x), codes, "blocked");
}

INSTANTIATE_TEST_SUITE_P(Zoo, DeepNetworks, testing::Values("resnet34", "resnet50"),
                         [](const auto& param_info) { return std::string(param_info.param); });

TEST(LightNetworksPolicy, LayersOnArraysAreAllButTheEnds) {
  const quant::QuantizedModel model = quantized("mobilenet_v2_x0_25_cifar", "W4A4P4");
  EXPECT_EQ(model.layers.size(), 51U);  // 52 convolutions, the first one in float, and the classifier
  EXPECT_EQ(model.layers.count("features.0.0"), 0U);
  EXPECT_EQ(model.layers.count("classifier.1"), 0U);
  EXPECT_TRUE(model.layers.at("features.2.conv.0.0").activation_signed);  // behind a linear bottleneck
  EXPECT_FALSE(model.layers.at("features.2.conv.1.0").activation_signed);
  EXPECT_TRUE(quantized("shufflenet_v2_x0_5_cifar", "W4A4P4")
                  .layers.at("stage2.0.branch2.5")
                  .activation_signed);  // behind a depthwise layer without activation
}

}  // namespace
}  // namespace bitline::sim
