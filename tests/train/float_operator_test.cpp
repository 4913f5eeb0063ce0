// The float operator against the composed one with an ideal converter, and what only it can do.
#include "bitline/train/float_operator.h"

#include "base/error_of.h"
#include "random_layer.h"
#include <gtest/gtest.h>

#include "bitline/base/error.h"

namespace bitline::train {
namespace {

using torch::Tensor;

LayerCase float_layer(std::uint64_t seed) {
  LayerCase c = random_layer(seed);
  quant::CimConfig& q = c.spec.config;
  q.adc_levels = quant::kIdealAdc;
  q.dac_bits = 0;
  q.slice_scales = false;
  q.weight_granularity = seed % 2 == 0 ? quant::Granularity::kLayer : quant::Granularity::kChannel;
  const auto count =
      static_cast<std::size_t>(weight_groups(mapping::tile_layer(c.spec.shape, q, "layer"), q).count());
  Dice dice(seed + 77);
  std::vector<float> scales;
  for (std::size_t i = 0; i < count; ++i)
    scales.push_back(1.2f / static_cast<float>(1 << (q.weight_bits - 1)) * std::exp(0.2f * dice.normal()));
  c.tensors.weight_s0 = to_torch(scales);
  c.tensors.weight_u = leaf(std::vector<float>(count, 0.003f));
  c.tensors.step_s0 = c.tensors.step_u = c.tensors.centre = Tensor();
  return c;
}

std::vector<Tensor> gradients(const LayerCase& c, const Tensor& y, const Tensor& upstream) {
  torch::autograd::variable_list inputs = {c.x, c.tensors.weight, c.tensors.activation_u, c.tensors.weight_u};
  if (c.tensors.bias.defined()) inputs.push_back(c.tensors.bias);
  if (c.tensors.activation_offset.defined()) inputs.push_back(c.tensors.activation_offset);
  return torch::autograd::grad({(y * upstream).sum()}, inputs);
}

// With an offset (every other layer) the float operator quantizes the padded image and convolves it.
TEST(FloatOperator, EqualsTheComposedOperatorWithAnIdealConverter) {
  const char* const texts[] = {"lsq", "asr:2", "ssg+asr+mde:0.2+pass", "ewgs:0.2", "pow2"};
  for (std::uint64_t seed = 1; seed <= 160; ++seed) {
    LayerCase c = float_layer(seed);
    if (seed / 2 % 2 == 0) add_offset(c, 0.4f, seed);
    c.spec.quantizers.weights = quant::parse_quantizer(texts[seed % 5]);
    const bool offset = c.tensors.activation_offset.defined();
    c.spec.quantizers.activations = quant::parse_quantizer(texts[seed / 5 % 5]);
    if (offset) c.spec.quantizers.activations.policy = &quant::scale_policy("lsq-offset");
    if (seed % 3 == 0) put_on_grid(c);
    check_float_operator(c.spec);
    const Tensor y = float_cim(c.spec, c.tensors, c.x), expected = composed_cim(c.spec, c.tensors, c.x);
    const double largest = expected.abs().max().item<double>() + 1e-3;
    ASSERT_LT((y - expected).abs().max().item<double>() / largest, 1e-5) << seed;
    Dice dice(seed + 1000);
    const Tensor upstream = random_tensor(dice, y.sizes().vec(), 1.0f, false);
    const std::vector<Tensor> a = gradients(c, y, upstream), b = gradients(c, expected, upstream);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double scale = b[i].abs().max().item<double>() + 0.1;
      EXPECT_LT((a[i] - b[i]).abs().max().item<double>() / scale, 1e-3)
          << "seed " << seed << " input " << i << " " << c.spec.quantizers.weights.text();
    }
  }
}

// Places of a grid with few bits and a step that is a power of two are bfloat16 values, so only the results
// are rounded; whether the input comes as float32 or bfloat16 is no difference then.
TEST(FloatOperator, Bfloat16RoundsOnlyResults) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    LayerCase c = float_layer(seed);
    c.spec.quantizers.weights = c.spec.quantizers.activations = quant::parse_quantizer("pow2");
    const torch::NoGradGuard no_gradient;
    c.x.copy_(c.x.to(torch::kBFloat16));
    if (c.tensors.bias.defined()) c.tensors.bias.copy_(c.tensors.bias.to(torch::kBFloat16));
    const Tensor expected = float_cim(c.spec, c.tensors, c.x).to(torch::kBFloat16);
    c.spec.compute = torch::kBFloat16;
    for (const torch::ScalarType type : {torch::kFloat32, torch::kBFloat16})
      EXPECT_TRUE(torch::equal(float_cim(c.spec, c.tensors, c.x.to(type)), expected)) << seed;
  }
}

TEST(FloatOperator, BlendsInTrainingAndRoundsAtItsEnd) {
  LayerCase c = float_layer(4);
  const Tensor hard = float_cim(c.spec, c.tensors, c.x);
  c.spec.quantizers.activations = quant::parse_quantizer("asr:2+blend:1..0");
  c.spec.progress = 0.0;
  EXPECT_FALSE(torch::equal(float_cim(c.spec, c.tensors, c.x), hard));
  c.spec.progress = 1.0;
  EXPECT_TRUE(torch::equal(float_cim(c.spec, c.tensors, c.x), hard));
}

TEST(FloatOperator, PenaltyPullsWeightsToTheirCodes) {
  LayerCase c = float_layer(6);
  const Tensor upstream = torch::zeros_like(float_cim(c.spec, c.tensors, c.x));
  c.spec.quantizers.weights = quant::parse_quantizer("penalty:10");
  const Tensor dw = gradients(c, float_cim(c.spec, c.tensors, c.x), upstream)[1];
  const quant::CimLayer layer = current_layer(c.spec, c.tensors);
  const quant::CodeRange range = quant::weight_range(c.spec.config);
  const std::vector<float> w = to_floats(c.tensors.weight), d = to_floats(dw);
  ASSERT_EQ(layer.weight_scale.size(), 1U);
  int pulled = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const float v = w[i] / layer.weight_scale[0];
    if (v < static_cast<float>(range.low) || v > static_cast<float>(range.high)) continue;
    const float error = v - std::nearbyint(v);
    EXPECT_GE(d[i] * error, 0.0f);  // downhill is towards the code
    pulled += d[i] != 0.0f ? 1 : 0;
  }
  EXPECT_GT(pulled, 0);
}

// A penalty is a mean over the batch, however many shards add their gradients up.
TEST(FloatOperator, PenaltyOfAShardIsItsShareOfTheBatch) {
  LayerCase c = float_layer(6);
  const Tensor upstream = torch::zeros_like(float_cim(c.spec, c.tensors, c.x));
  c.spec.quantizers.weights = c.spec.quantizers.activations = quant::parse_quantizer("penalty:10");
  const auto whole = gradients(c, float_cim(c.spec, c.tensors, c.x), upstream);
  c.spec.share = 0.25;
  const auto part = gradients(c, float_cim(c.spec, c.tensors, c.x), upstream);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (!whole[i].defined()) continue;
    EXPECT_TRUE(torch::equal(part[i] * 4.0, whole[i])) << i;
  }
}

TEST(FloatOperator, RefusesWhatNeedsAnArray) {
  LayerCase c = float_layer(2);
  c.spec.config.adc_levels = 16;
  EXPECT_EQ(error_of([&] { check_float_operator(c.spec); }, ErrorCode::kUnsupported),
            "node 'layer': the float operator has no partial sums (use an ideal ADC, as in W3A3Pideal)");
  c = float_layer(2);
  c.spec.config.weight_granularity = quant::Granularity::kColumn;
  EXPECT_NE(error_of([&] { check_float_operator(c.spec); }, ErrorCode::kUnsupported), "");
}

}  // namespace
}  // namespace bitline::train
