#include "quantized_net.h"

#include "sim/random_layer.h"
#include "sim/small_net.h"
#include <gtest/gtest.h>

#include "bitline/sim/calibrate.h"

namespace bitline::differential {

using quant::Granularity;

quant::CimConfig random_config(std::uint64_t seed) {
  sim::Dice dice(seed);
  const auto granularity = [&dice] {
    return dice.pick({Granularity::kLayer, Granularity::kChannel, Granularity::kArray, Granularity::kColumn});
  };
  quant::CimConfig config;
  config.encoding = dice.coin() ? "twos-complement" : "differential";
  config.weight_bits = dice.between(2, 8);
  config.activation_bits = dice.between(1, 8);
  config.adc_levels = dice.pick({quant::kIdealAdc, 2, 3, 16, 256});
  config.weight_granularity = granularity();
  config.psum_granularity = granularity();
  config.array_rows = dice.pick({27, 36, 128});
  config.array_columns = dice.pick({4, 128});
  config.cell_bits = dice.between(1, 3);
  config.dac_bits = dice.between(0, 2);
  const bool converts = config.adc_levels != quant::kIdealAdc;
  config.cycle_ranges = converts && dice.coin();
  config.free_levels = converts && dice.coin();
  return config;
}

quant::QuantizedModel quantized_net(const quant::CimConfig& config, std::uint64_t seed) {
  sim::CalibrateOptions options;
  options.config = config;
  options.policy.first = options.policy.last = mapping::Placement::kArray;
  return sim::calibrate(sim::small_net(seed), sim::random_images(6, seed), options, {});
}

quant::QuantizedModel behind_ideal_adcs(quant::QuantizedModel model) {
  for (auto& [name, layer] : model.layers) {
    layer.config.adc_levels = quant::kIdealAdc;
    layer.psum_step.clear();
    layer.psum_centre.clear();
    layer.psum_levels.clear();
    layer.config.cycle_ranges = layer.config.free_levels = false;
  }
  return model;
}

Answer answer_of(const quant::QuantizedModel& model, const ir::Tensor& images) {
  Answer out;
  out.logits = sim::Network(model).forward(images, &out.trace);
  return out;
}

void expect_equal(const Answer& a, const Answer& b) {
  EXPECT_EQ(a.logits.data, b.logits.data);
  ASSERT_EQ(a.trace.size(), b.trace.size());
  for (std::size_t i = 0; i < a.trace.size(); ++i) {
    EXPECT_EQ(a.trace[i].name, b.trace[i].name);
    EXPECT_EQ(a.trace[i].input_codes, b.trace[i].input_codes) << a.trace[i].name;
    EXPECT_EQ(a.trace[i].adc_codes, b.trace[i].adc_codes) << a.trace[i].name;
  }
}

}  // namespace bitline::differential
