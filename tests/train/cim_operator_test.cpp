// The fused training operator against the composed one: same codes, same outputs, same gradients.
#include "random_layer.h"
#include <gtest/gtest.h>

namespace bitline::train {
namespace {

using torch::Tensor;

std::vector<std::pair<std::string, Tensor>> leaves(const LayerCase& c) {
  const CimTensors& t = c.tensors;
  return {{"x", c.x},
          {"weight", t.weight},
          {"bias", t.bias},
          {"activation_u", t.activation_u},
          {"weight_u", t.weight_u},
          {"step_u", t.step_u},
          {"centre", t.centre},
          {"activation_offset", t.activation_offset}};
}

std::vector<Tensor> gradients(const LayerCase& c, const Tensor& y, const Tensor& upstream) {
  torch::autograd::variable_list inputs;
  for (const auto& [name, tensor] : leaves(c)) {
    if (tensor.defined()) inputs.push_back(tensor);
  }
  return torch::autograd::grad({(y * upstream).sum()}, inputs, {}, false, false, true);
}

double noise_floor(const quant::CimConfig& config) {
  return 0.01 * static_cast<double>(1 << (config.weight_bits + config.activation_bits));
}

TEST(CimOperator, FusedForwardEqualsComposedBitForBit) {
  for (std::uint64_t seed = 1; seed <= 190; ++seed) {
    const LayerCase c = random_layer(seed, seed > 150);
    const Tensor fused = fused_cim(c.spec, c.tensors, c.x);
    const Tensor composed = composed_cim(c.spec, c.tensors, c.x);
    ASSERT_TRUE(torch::equal(fused, composed))
        << "seed " << seed << " " << c.spec.config.text() << " largest difference "
        << (fused - composed).abs().max().item<float>();
  }
}

TEST(CimOperator, FusedGradientsEqualComposed) {
  for (std::uint64_t seed = 1; seed <= 190; ++seed) {
    const LayerCase c = random_layer(seed, seed > 150);
    const Tensor fused = fused_cim(c.spec, c.tensors, c.x);
    Dice dice(seed + 1000);
    const Tensor upstream = random_tensor(dice, fused.sizes().vec(), 1.0f, false);
    const std::vector<Tensor> a = gradients(c, fused, upstream);
    const std::vector<Tensor> b = gradients(c, composed_cim(c.spec, c.tensors, c.x), upstream);
    std::size_t i = 0;
    for (const auto& [name, tensor] : leaves(c)) {
      if (!tensor.defined()) continue;
      ASSERT_EQ(a[i].defined(), b[i].defined()) << name;
      if (a[i].defined()) {
        // Terms of opposite sign cancel where no sum is clipped: what is left is rounding.
        const double scale = b[i].abs().max().item<double>() + noise_floor(c.spec.config);
        EXPECT_LT((a[i] - b[i]).abs().max().item<double>() / scale, 4e-4)
            << "seed " << seed << " " << name << " " << c.spec.config.text();
      }
      ++i;
    }
  }
}

// Surrogates, corrections, passing clipped gradients and scales of powers of two.
TEST(CimOperator, EveryQuantizerGivesTheSameGradientsAsTheComposedOperator) {
  const char* const texts[] = {"asr:2",       "tanh:3",   "ewgs:0.3", "asr:1..4+mde:0.2",
                               "lg-lsq+pass", "ste+pow2", "ste+pass"};
  const char* const sums[] = {"ste", "asr:3+pass", "tanh:2+mde:0.3", "ewgs:0.5+pow2", "mde:0.1..0.4", "pass"};
  for (std::uint64_t seed = 1; seed <= 105; ++seed) {
    LayerCase c = random_layer(seed);
    c.spec.quantizers.weights = quant::parse_quantizer(texts[seed % 7]);
    c.spec.quantizers.activations = quant::parse_quantizer(texts[seed / 7 % 7]);
    c.spec.quantizers.psums = quant::parse_quantizer(sums[seed % 6]);
    c.spec.progress = 0.4;
    if (seed % 3 == 0 && !c.spec.config.slice_scales) put_on_grid(c);
    const Tensor fused = fused_cim(c.spec, c.tensors, c.x), composed = composed_cim(c.spec, c.tensors, c.x);
    ASSERT_TRUE(torch::equal(fused, composed)) << "seed " << seed;
    Dice dice(seed + 1000);
    const Tensor upstream = random_tensor(dice, fused.sizes().vec(), 1.0f, false);
    const std::vector<Tensor> a = gradients(c, fused, upstream), b = gradients(c, composed, upstream);
    std::size_t i = 0;
    for (const auto& [name, tensor] : leaves(c)) {
      if (!tensor.defined()) continue;
      if (a[i].defined()) {
        const double scale = b[i].abs().max().item<double>() + noise_floor(c.spec.config);
        EXPECT_LT((a[i] - b[i]).abs().max().item<double>() / scale, 1e-3)
            << "seed " << seed << " " << name << " " << c.spec.quantizers.weights.text() << " / "
            << c.spec.quantizers.activations.text() << " " << c.spec.config.text();
      }
      ++i;
    }
  }
}

// LSQ+, also where the offset is zero and where zero lies outside the range.
TEST(CimOperator, AnOffsetGivesTheSameOutputsAndGradientsAsTheComposedOperator) {
  const char* const texts[] = {"lsq-offset", "lsq-offset+asr:2+mde:0.2", "lsq-offset+pass",
                               "lsq-offset+pow2"};
  const char* const sums[] = {"lsq", "asr:3", "ewgs:0.4", "pass+pow2", "tanh+mde"};
  int gradients_seen = 0;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    LayerCase c = random_layer(seed);
    add_offset(c, seed % 4 == 0 ? 0.0f : 0.4f, seed);
    if (seed % 2 == 0) c.spec.quantizers.weights = quant::parse_quantizer("lg-lsq");
    c.spec.quantizers.activations = quant::parse_quantizer(texts[seed % 4]);
    c.spec.quantizers.psums = quant::parse_quantizer(sums[seed % 5]);
    const Tensor fused = fused_cim(c.spec, c.tensors, c.x), composed = composed_cim(c.spec, c.tensors, c.x);
    ASSERT_TRUE(torch::equal(fused, composed)) << "seed " << seed << " " << c.spec.config.text();
    Dice dice(seed + 1000);
    const Tensor upstream = random_tensor(dice, fused.sizes().vec(), 1.0f, false);
    const std::vector<Tensor> a = gradients(c, fused, upstream), b = gradients(c, composed, upstream);
    std::size_t i = 0;
    for (const auto& [name, tensor] : leaves(c)) {
      if (!tensor.defined()) continue;
      const double scale = b[i].abs().max().item<double>() + noise_floor(c.spec.config);
      EXPECT_LT((a[i] - b[i]).abs().max().item<double>() / scale, 1e-3)
          << "seed " << seed << " " << name << " " << c.spec.config.text();
      if (name == "activation_offset") gradients_seen += a[i].abs().item<double>() > 1e-3 ? 1 : 0;
      ++i;
    }
  }
  EXPECT_GT(gradients_seen, 60);
}

// The loss of a penalty comes on top of what the upstream gradient says; here that says nothing.
TEST(CimOperator, PenaltiesAloneGiveTheGradientsOfTheComposedOperator) {
  int weights_seen = 0, activations_seen = 0;
  for (std::uint64_t seed = 1; seed <= 90; ++seed) {
    LayerCase c = random_layer(seed);
    if (seed % 3 == 0) add_offset(c, 0.4f, seed);
    const std::string policy = c.tensors.activation_offset.defined() ? "lsq-offset" : "lsq";
    c.spec.quantizers.weights = quant::parse_quantizer(seed % 2 == 0 ? "penalty:7" : "lsq");
    c.spec.quantizers.activations = quant::parse_quantizer(policy + (seed % 5 == 0 ? "" : "+penalty:3"));
    c.spec.share = 0.25;
    const Tensor fused = fused_cim(c.spec, c.tensors, c.x), composed = composed_cim(c.spec, c.tensors, c.x);
    const Tensor upstream = torch::zeros_like(fused);
    const std::vector<Tensor> a = gradients(c, fused, upstream), b = gradients(c, composed, upstream);
    std::size_t i = 0;
    for (const auto& [name, tensor] : leaves(c)) {
      if (!tensor.defined()) continue;
      if (a[i].defined()) {
        const double scale = b[i].abs().max().item<double>();
        EXPECT_LE((a[i] - b[i]).abs().max().item<double>(), 1e-4 * scale + 1e-9)
            << "seed " << seed << " " << name << " " << c.spec.config.text();
        weights_seen += name == "weight" && scale > 0.0 ? 1 : 0;
        activations_seen += name == "activation_u" && scale > 0.0 ? 1 : 0;
      }
      ++i;
    }
  }
  EXPECT_GT(weights_seen, 40);
  EXPECT_GT(activations_seen, 60);
}

TEST(CimOperator, ComposedTraceEqualsKernelTrace) {
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    LayerCase c = random_layer(seed, seed > 90);
    if (seed % 3 == 0) add_offset(c, 0.4f, seed);
    sim::LayerTrace composed, integer;
    composed_cim(c.spec, c.tensors, c.x, &composed);
    const quant::CimLayer layer = current_layer(c.spec, c.tensors);
    const std::vector<float> weight = to_floats(c.tensors.weight);
    const std::vector<float> bias =
        c.tensors.bias.defined() ? to_floats(c.tensors.bias) : std::vector<float>{};
    const sim::LayerProgram program = sim::compile_layer("layer", c.spec.shape, weight, bias, layer);
    sim::run_layer(program, *sim::choose_kernel("reference", program).prepare(program), to_ir(c.x), &integer);
    EXPECT_EQ(composed.input_codes, integer.input_codes) << "seed " << seed;
    EXPECT_EQ(composed.adc_codes, integer.adc_codes) << "seed " << seed << " " << c.spec.config.text();
  }
}

}  // namespace
}  // namespace bitline::train
