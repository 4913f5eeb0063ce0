// SGD, its schedule, and what training may never do to a scale.
#include "bitline/train/optimizer.h"

#include <limits>

#include "random_layer.h"
#include "training_case.h"

#include "bitline/train/graph_net.h"
#include "bitline/train/schedule.h"

namespace bitline::train {
namespace {

using torch::Tensor;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Sgd, TwoStepsByHand) {
  const Tensor decayed = leaf({1.0f}), plain = leaf({1.0f}), unused = leaf({7.0f}), direct = leaf({1.0f});
  Sgd sgd({{"decayed", decayed, true, 1.0},
           {"plain", plain, false, 0.5},
           {"unused", unused, true, 1.0},
           {"direct", direct, false, 1.0, false}},
          0.9, 0.1);
  sgd.step({torch::full({1}, 0.5f), torch::full({1}, 0.5f), Tensor(), torch::full({1}, 0.5f)}, 0.1);
  EXPECT_FLOAT_EQ(sgd.velocities()[0].item<float>(), 0.6f);  // 0.5 + 0.1 * 1
  EXPECT_FLOAT_EQ(decayed.item<float>(), 0.94f);             // 1 - 0.1 * 0.6
  EXPECT_FLOAT_EQ(plain.item<float>(), 0.975f);              // 1 - 0.1 * 0.5 * 0.5
  sgd.step({torch::full({1}, -0.2f), torch::full({1}, -0.2f), Tensor(), torch::full({1}, -0.2f)}, 0.1);
  EXPECT_FLOAT_EQ(sgd.velocities()[0].item<float>(), 0.434f);  // 0.9 * 0.6 - 0.2 + 0.1 * 0.94
  EXPECT_FLOAT_EQ(decayed.item<float>(), 0.8966f);
  EXPECT_FLOAT_EQ(plain.item<float>(), 0.9625f);  // velocity 0.9 * 0.5 - 0.2
  EXPECT_EQ(unused.item<float>(), 7.0f);
  EXPECT_FLOAT_EQ(direct.item<float>(), 0.97f);  // 1 - 0.1 * 0.5 + 0.1 * 0.2: no momentum
}

TEST(Sgd, ALongestStepHoldsForWhatGathersToo) {
  const Tensor value = leaf({1.0f, 1.0f});
  Sgd sgd({{"scale", value, false, 0.5, true, torch::full({2}, 0.2f)}}, 0.5, 0.0);
  sgd.step({torch::tensor({1.0f, 1e20f})}, 0.1);
  EXPECT_FLOAT_EQ(value[0].item<float>(), 0.95f);  // 1 - 0.1 * 0.5 * 1: shorter
  EXPECT_FLOAT_EQ(value[1].item<float>(), 0.8f);
  EXPECT_FLOAT_EQ(sgd.velocities()[0][1].item<float>(), 4.0f);  // 0.2 / (0.1 * 0.5)
  sgd.step({torch::tensor({0.0f, -1e20f})}, 0.1);
  EXPECT_FLOAT_EQ(value[0].item<float>(), 0.925f);
  EXPECT_FLOAT_EQ(value[1].item<float>(), 1.0f);
  sgd.step({torch::tensor({0.0f, 0.0f})}, 0.0);
  EXPECT_FLOAT_EQ(value[1].item<float>(), 1.0f);
}

TEST(Sgd, ClippingKeepsTheDirection) {
  std::vector<Tensor> gradients = {torch::full({1}, 3.0f), Tensor(), torch::full({1}, -4.0f)};
  EXPECT_DOUBLE_EQ(clip_gradients(gradients, 10.0), 5.0);
  EXPECT_EQ(gradients[0].item<float>(), 3.0f);
  EXPECT_DOUBLE_EQ(clip_gradients(gradients, 1.0), 5.0);
  EXPECT_FLOAT_EQ(gradients[0].item<float>(), 0.6f);
  EXPECT_FALSE(gradients[1].defined());
  EXPECT_FLOAT_EQ(gradients[2].item<float>(), -0.8f);
}

TEST(Schedule, WarmsUpLinearlyThenFollowsACosine) {
  const Schedule s{104, 4};
  EXPECT_DOUBLE_EQ(s.factor(0), 0.2);
  EXPECT_DOUBLE_EQ(s.factor(3), 0.8);
  EXPECT_DOUBLE_EQ(s.factor(4), 1.0);
  EXPECT_NEAR(s.factor(29), 0.5 + std::sqrt(0.125), 1e-12);  // a quarter of the cosine
  EXPECT_NEAR(s.factor(54), 0.5, 1e-12);
  EXPECT_NEAR(s.factor(79), 0.5 - std::sqrt(0.125), 1e-12);
  EXPECT_GT(s.factor(103), 0.0);
  EXPECT_LT(s.factor(103), 1e-3);
  EXPECT_DOUBLE_EQ((Schedule{100, 0}.factor(0)), 1.0);
}

std::string decaying(const GraphNet& net) {
  std::string names;
  for (const Parameter& p : net.parameters()) names += p.decays ? p.name + " " : "";
  return names;
}

TEST(GraphNetParameters, OnlyWeightsDecay) {
  const Digits digits(64, 16);
  const quant::QuantizedModel quantized =
      calibrated(float_start().graph, small_array("W4A4P3"), digits.images(32));
  const GraphNet net(quantized, {"cpu", "auto"}, {0.25, 0.5});
  EXPECT_EQ(decaying(net), "conv1.weight conv2.weight conv3.weight linear.weight ");
  int scales = 0;
  for (const Parameter& p : net.parameters()) {
    const bool scale =
        p.name.ends_with("_scale") || p.name.ends_with("psum_step") || p.name.ends_with("psum_centre");
    const bool weight_scale = p.name.ends_with(".weight_scale");
    EXPECT_EQ(p.rate_factor, weight_scale ? 0.25 : scale ? 0.5 : 1.0) << p.name;
    EXPECT_FALSE(p.name.find("running") != std::string::npos) << p.name;
    scales += scale ? 1 : 0;
  }
  EXPECT_EQ(scales, 8);  // four in each of two layers on arrays
}

TEST(GraphNetParameters, AConstantThatIsAddedOrMultipliedDoesNotDecay) {
  ir::Graph graph;
  ir::ValueId x = graph.add_input("x", {ir::kBatch, 3});
  x = graph.add_node("m", ir::Mul{}, {x, graph.add_constant("gain", ir::Tensor({3}, {1, 2, 3}))});
  x = graph.add_node("a", ir::Add{}, {x, graph.add_constant("shift", ir::Tensor({3}, {1, 2, 3}))});
  x = graph.add_node("fc", ir::Linear{}, {x, graph.add_constant("w", ir::Tensor({2, 3}))});
  graph.set_output(x);
  const GraphNet net({graph, {}, {}}, {"cpu", "auto"});
  EXPECT_EQ(net.parameters().size(), 3u);
  EXPECT_EQ(decaying(net), "w ");
}

bool is_scale(float s) {
  return std::isfinite(s) && s > 0.0f;
}

void expect_scales(const quant::CimLayer& layer, const std::string& what) {
  ASSERT_TRUE(is_scale(layer.activation_scale)) << what;
  for (const float s : layer.weight_scale) ASSERT_TRUE(is_scale(s)) << what;
  for (const float s : layer.psum_step) ASSERT_TRUE(is_scale(s)) << what;
}

float wild(Dice& dice) {
  return dice.pick({0.0f, 1e-30f, 1.0f, 1e10f, 1e38f, kInfinity, kNan}) *
         (dice.between(0, 1) == 1 ? 1.0f : -1.0f);
}

// Gradients that no loss would give, straight into the optimizer.
TEST(Scales, StayPositiveWhateverTheOptimizerIsGiven) {
  const Digits digits(64, 16);
  const quant::QuantizedModel start =
      calibrated(float_start().graph, small_array("W4A4P3"), digits.images(32));
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Dice dice(seed);
    const GraphNet net(start, {"cpu", "auto"});
    Sgd sgd(net.parameters(), 0.9, 0.1);
    for (int step = 0; step < 30; ++step) {
      std::vector<Tensor> gradients;
      for (const Parameter& p : net.parameters()) {
        Tensor g = torch::zeros_like(p.value).detach();
        float* values = g.data_ptr<float>();
        for (std::int64_t i = 0; i < g.numel(); ++i) values[i] = wild(dice);
        gradients.push_back(g);
      }
      sgd.step(gradients, dice.pick({1e-3, 1.0, 1e6}));
      for (const auto& [name, layer] : net.export_model().layers)
        expect_scales(layer, "seed " + std::to_string(seed) + " step " + std::to_string(step) + " " + name);
    }
  }
}

TEST(Scales, OfWeightsAndActivationsMoveByATenthAStep) {
  const Digits digits(64, 16);
  const quant::QuantizedModel start =
      calibrated(float_start().graph, small_array("W8A8P8"), digits.images(32));
  const GraphNet net(start, {"cpu", "auto"});
  Sgd sgd(net.parameters(), 0.9, 0.1);
  const auto expect_share = [&](double logarithm) {
    for (const auto& [name, layer] : net.export_model().layers) {
      const quant::CimLayer& before = start.layers.at(name);
      EXPECT_NEAR(std::log(layer.activation_scale / before.activation_scale), logarithm, 1e-3) << name;
      for (std::size_t i = 0; i < layer.weight_scale.size(); ++i)
        EXPECT_NEAR(std::log(layer.weight_scale[i] / before.weight_scale[i]), logarithm, 1e-3) << name;
    }
  };
  for (const auto& [gradient, logarithm] : {std::pair{1e6f, -0.1}, {1e6f, -0.2}, {-1e6f, -0.1}}) {
    std::vector<Tensor> gradients;
    for (const Parameter& p : net.parameters())
      gradients.push_back(p.name.ends_with("_scale") ? torch::full_like(p.value, gradient).detach()
                                                     : Tensor());
    sgd.step(gradients, 1.0);
    expect_share(logarithm);
  }
}

// Wild upstream gradients through both operators, many steps with a huge rate.
TEST(Scales, StayPositiveUnderWildUpstreamGradients) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const LayerCase c = random_layer(seed);
    Dice dice(seed + 500);
    std::vector<Parameter> parameters = {{"a", c.tensors.activation_u, false, 1.0},
                                         {"w", c.tensors.weight_u, false, 1.0}};
    if (c.tensors.step_u.defined()) parameters.push_back({"s", c.tensors.step_u, false, 1.0});
    Sgd sgd(parameters, 0.9, 0.0);
    for (int step = 0; step < 15; ++step) {
      const Tensor y =
          step % 2 == 0 ? fused_cim(c.spec, c.tensors, c.x) : composed_cim(c.spec, c.tensors, c.x);
      Tensor upstream = torch::empty_like(y).detach();
      float* values = upstream.data_ptr<float>();
      const float size = wild(dice);
      for (std::int64_t i = 0; i < upstream.numel(); ++i) values[i] = size * dice.normal();
      torch::autograd::variable_list leaves;
      for (const Parameter& p : parameters) leaves.push_back(p.value);
      sgd.step(torch::autograd::grad({y}, leaves, {upstream}), 10.0);
      expect_scales(current_layer(c.spec, c.tensors), "seed " + std::to_string(seed));
    }
  }
}

TEST(Scales, BothOperatorsAgreeOnScalesThatAreNotNumbers) {
  for (const float u : {kNan, kInfinity, -kInfinity, 1e38f}) {
    const LayerCase c = random_layer(7);
    {
      const torch::NoGradGuard no_gradient;
      for (const Tensor& t : {c.tensors.activation_u, c.tensors.weight_u}) Tensor(t).fill_(u);
    }
    const Tensor fused = fused_cim(c.spec, c.tensors, c.x);
    EXPECT_TRUE(torch::isfinite(fused).all().item<bool>()) << u;
    EXPECT_TRUE(torch::equal(fused, composed_cim(c.spec, c.tensors, c.x))) << u;
  }
}

}  // namespace
}  // namespace bitline::train
