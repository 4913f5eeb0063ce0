// The engine against the one-page example: the same ADC codes, the same outputs.
#define TINY_CIM_NO_MAIN
#include "tiny_cim.cpp"

#include "sim/emulated_kernels.h"
#include "sim/random_layer.h"
#include <gtest/gtest.h>

#include "bitline/sim/kernel.h"

namespace bitline::sim {
namespace {

struct Pair {
  tiny_cim::Layer tiny;
  mapping::LayerShape shape;
  std::vector<float> weight;  // [outputs][k]
  quant::CimLayer layer;
  std::vector<int> activations;
};

void copy_state(Pair& pair, int act_bits, int adc_bits) {
  quant::CimConfig& c = pair.layer.config;
  c.weight_bits = static_cast<int>(pair.tiny.weight_bits);
  c.cell_bits = static_cast<int>(pair.tiny.cell_bits);
  c.activation_bits = act_bits;
  c.array_rows = static_cast<int>(pair.tiny.array_rows);
  c.adc_levels = adc_bits == 0 ? quant::kIdealAdc : 1 << adc_bits;
  c.weight_granularity = quant::Granularity::kChannel;
  pair.layer.activation_scale = pair.tiny.act_scale;
  pair.layer.weight_scale = pair.tiny.weight_scales;
  for (const tiny_cim::Adc& adc : pair.tiny.adcs) {
    pair.layer.psum_step.push_back(adc.step);
    pair.layer.psum_centre.push_back(adc.centre);
  }
}

std::size_t size(int n) {
  return static_cast<std::size_t>(n);
}

Pair random_pair(std::uint64_t seed) {
  Dice dice(seed);
  Pair pair;
  const int k = dice.between(1, 50), outputs = dice.between(1, 9), act_bits = dice.between(1, 6);
  const int adc_bits = dice.pick({0, 1, 2, 4, 8});
  tiny_cim::Rows<float> weights(size(outputs));
  for (std::vector<float>& w : weights) {
    for (int row = 0; row < k; ++row) {
      w.push_back(dice.normal());
      pair.weight.push_back(w.back());
    }
  }
  pair.tiny = tiny_cim::make_layer(weights, 0.1f + dice.uniform(), size(dice.between(2, 8)),
                                   size(dice.between(1, 8)), size(dice.between(1, 60)));
  std::vector<std::vector<int>> samples(6);
  for (std::vector<int>& sample : samples) {
    for (int row = 0; row < k; ++row) sample.push_back(dice.between(0, (1 << act_bits) - 1));
  }
  if (adc_bits != 0) tiny_cim::calibrate(pair.tiny, samples, size(adc_bits), dice.coin());
  pair.activations = samples[0];
  pair.shape.in_channels = k;
  pair.shape.out_channels = outputs;
  copy_state(pair, act_bits, adc_bits);
  return pair;
}

std::vector<float> tiny_codes(const tiny_cim::Layer& layer, const std::vector<int>& activations) {
  std::vector<float> codes;
  for_each_column(layer, [&](std::size_t tile, std::size_t slice, std::size_t o) {
    const int sum = partial_sum(layer, activations, tile, slice, o);
    const tiny_cim::Adc& adc = layer.adcs[layer.column(tile, slice, o)];
    codes.push_back(static_cast<float>(adc.bits == 0 ? sum : adc_code(adc, sum, layer.sum_scale(o))));
  });
  return codes;
}

TEST(TinyCim, EveryKernelEqualsTheExample) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const Pair pair = random_pair(seed);
    const LayerProgram program = compile_layer("layer", pair.shape, pair.weight, {}, pair.layer);
    const std::vector<quant::Code> inputs(pair.activations.begin(), pair.activations.end());
    const std::vector<float> expected = tiny_cim::run(pair.tiny, pair.activations);
    for (const CimKernel* kernel : all_kernels()) {
      if (!kernel->decline(program).empty()) continue;
      std::vector<float> y(expected.size()), trace;
      kernel->prepare(program)->run({inputs, {}}, y, &trace);
      ASSERT_EQ(trace, tiny_codes(pair.tiny, pair.activations)) << "seed " << seed << " " << kernel->name();
      for (std::size_t o = 0; o < y.size(); ++o) {
        ASSERT_NEAR(y[o], expected[o], 1e-3f * (1.0f + std::abs(expected[o]))) << "seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace bitline::sim
