// One arithmetic, two users: the training graph and the integer simulator give the same codes.
#include "sim/random_layer.h"
#include "training_case.h"

namespace bitline::train {
namespace {

quant::CimConfig random_config(sim::Dice& dice) {
  quant::CimConfig c;
  c.encoding = dice.pick({"twos-complement", "differential"});
  c.weight_bits = dice.between(2, 8);
  c.activation_bits = dice.between(1, 8);
  c.cell_bits = dice.between(1, 4);
  c.dac_bits = dice.pick({0, 1, 2, 3});
  c.adc_levels = dice.pick({quant::kIdealAdc, 2, 3, 4, 16, 256});
  c.weight_granularity = static_cast<quant::Granularity>(dice.between(0, 3));
  c.psum_granularity = static_cast<quant::Granularity>(dice.between(0, 3));
  c.array_rows = dice.pick({9, 40, 128});
  c.array_columns = dice.pick({7, 128});
  c.slice_scales = dice.coin();
  return c;
}

std::int64_t mismatches(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  std::int64_t count = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) count += a[i] != b[i] ? 1 : 0;
  return count;
}

void expect_equal_codes(const quant::QuantizedModel& model, const ir::Tensor& images) {
  sim::Trace trained, integer;
  const ir::Tensor a = bitline_trainer()->trace(model, images, trained);
  const ir::Tensor b = sim::Network(model).forward(images, &integer);
  ASSERT_EQ(trained.size(), 2u);
  ASSERT_EQ(integer.size(), 2u);
  for (std::size_t i = 0; i < trained.size(); ++i) {
    EXPECT_EQ(trained[i].name, integer[i].name);
    EXPECT_FALSE(trained[i].adc_codes.empty());
    EXPECT_EQ(mismatches(trained[i].input_codes, integer[i].input_codes), 0) << trained[i].name;
    EXPECT_EQ(mismatches(trained[i].adc_codes, integer[i].adc_codes), 0) << trained[i].name;
  }
  EXPECT_EQ(a.shape, b.shape);
  EXPECT_TRUE(same_bits(a.data, b.data));
}

TEST(Trace, TrainingGraphAndSimulatorGiveTheSameCodes) {
  const Digits digits(64, 16);
  const ir::Tensor images = digits.images(8);
  TrainOptions options = short_run();
  options.epochs = 1;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    sim::Dice dice(seed);
    const quant::CimConfig config = random_config(dice);
    SCOPED_TRACE("seed " + std::to_string(seed) + " " + config.text());
    const quant::QuantizedModel start = calibrated(float_start(seed).graph, config, digits.images(32));
    expect_equal_codes(start, images);
    expect_equal_codes(run(start, digits.sets(), options).last, images);
  }
}

// LSQ+ on arrays and in the float domain: the trained offsets are in the model, and both users apply them.
TEST(Trace, OffsetsOfActivationsGiveTheSameCodes) {
  const Digits digits(64, 16);
  const ir::Tensor images = digits.images(8);
  TrainOptions options = short_run();
  options.epochs = 1;
  options.range_learning_rate = 10.0;
  options.quantizers.activations = quant::parse_quantizer("lsq-offset");
  for (const char* precision : {"W3A3P4", "W3A3Pideal"}) {
    SCOPED_TRACE(precision);
    quant::CimConfig config = small_array(precision);
    config.weight_granularity = quant::Granularity::kChannel;
    config.dac_bits = config.adc_levels == quant::kIdealAdc ? 0 : 2;
    const quant::QuantizedModel start = calibrated(float_start().graph, config, digits.images(32));
    for (const char* cim_operator : {"fused", "float"}) {
      if (config.adc_levels != quant::kIdealAdc && std::string(cim_operator) == "float") continue;
      options.backend.cim_operator = cim_operator;
      const quant::QuantizedModel trained = run(start, digits.sets(), options).last;
      for (const auto& [name, layer] : trained.layers) EXPECT_NE(layer.activation_offset, 0.0f) << name;
      expect_equal_codes(trained, images);
      // Kept, not moved, by a quantizer without offsets.
      TrainOptions plain = options;
      plain.quantizers = Quantizers();
      const quant::QuantizedModel more = run(trained, digits.sets(), plain).last;
      for (const auto& [name, layer] : more.layers)
        EXPECT_EQ(layer.activation_offset, trained.layers.at(name).activation_offset) << name;
      expect_equal_codes(more, images);
    }
  }
}

}  // namespace
}  // namespace bitline::train
