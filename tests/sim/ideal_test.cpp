// The limits in which the array must equal ordinary arithmetic.
#include <algorithm>
#include <cmath>

#include "ir/reference.h"
#include "sim/random_layer.h"
#include <gtest/gtest.h>

#include "bitline/sim/calibrate.h"
#include "bitline/sim/network.h"

namespace bitline::sim {
namespace {

ir::Tensor absolute(ir::Tensor t) {
  for (float& v : t.data) v = std::fabs(v);
  return t;
}

ir::Tensor ones(const ir::Shape& shape) {
  ir::Tensor t(shape);
  std::fill(t.data.begin(), t.data.end(), 1.0f);
  return t;
}

float largest(const std::vector<float>& values) {
  float out = 0.0f;
  for (const float v : values) out = std::max(out, std::fabs(v));
  return out;
}

struct FloatLayer {
  ir::Conv op;
  ir::Tensor x, weight, bias;
  RandomLayer cim;
};

// A random geometry with 8-bit weights and activations that clip nothing, and an ideal converter.
FloatLayer float_layer(std::uint64_t seed) {
  FloatLayer out;
  out.cim = random_convolution(seed);
  RandomLayer& c = out.cim;
  out.op = {c.shape.window, c.shape.groups};
  Dice dice(seed + 5000);
  out.x = ir::Tensor({2, c.shape.in_channels, c.input.height, c.input.width});
  for (float& v : out.x.data) v = dice.normal();
  if (!c.layer.activation_signed) out.x = absolute(out.x);
  const auto& k = c.shape.window.kernel;
  out.weight = ir::Tensor({c.shape.out_channels, c.shape.group_inputs(), k[0], k[1]}, c.weight);
  c.bias = dice.normals(c.shape.out_channels, 0.5f);
  out.bias = ir::Tensor({c.shape.out_channels}, c.bias);
  quant::CimConfig& config = c.layer.config;
  config.weight_bits = config.activation_bits = 8;
  config.adc_levels = quant::kIdealAdc;
  config.weight_granularity = quant::Granularity::kLayer;
  c.layer.weight_scale.assign(1, largest(c.weight) / 127.0f);
  const int slices = mapping::tile_layer(c.shape, config, "layer").grid.slices;
  config.slice_scales = config.slice_scales && slices == 1;
  c.layer.activation_scale = largest(out.x.data) / (c.layer.activation_signed ? 127.0f : 255.0f);
  return out;
}

ir::Tensor run_on_array(const FloatLayer& layer) {
  const LayerProgram program = layer.cim.compile();
  return run_layer(program, *choose_kernel("auto", program).prepare(program), layer.x);
}

TEST(Ideal, EightBitsAndAnIdealConverterAreWithinHalfACodeOfEveryFactor) {
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    const FloatLayer layer = float_layer(seed);
    const ir::Tensor y = run_on_array(layer);
    const ir::Tensor exact = ir::reference_conv(layer.op, layer.x, layer.weight, &layer.bias);
    ASSERT_EQ(y.shape, exact.shape);
    const float dw = 0.5f * layer.cim.layer.weight_scale[0], dx = 0.5f * layer.cim.layer.activation_scale;
    const ir::Tensor x_ones = ones(layer.x.shape), w_ones = ones(layer.weight.shape);
    const ir::Tensor by_weight = ir::reference_conv(layer.op, absolute(layer.x), w_ones, nullptr);
    const ir::Tensor by_input = ir::reference_conv(layer.op, x_ones, absolute(layer.weight), nullptr);
    const ir::Tensor terms = ir::reference_conv(layer.op, x_ones, w_ones, nullptr);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const float bound = dw * by_weight.data[i] + dx * by_input.data[i] + dw * dx * terms.data[i];
      ASSERT_LE(std::fabs(y.data[i] - exact.data[i]), 1.001f * bound + 1e-4f)
          << "seed " << seed << layer.cim.text();
    }
  }
}

TEST(Ideal, ValuesOnTheGridGiveTheConvolutionItself) {
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    FloatLayer layer = float_layer(seed);
    layer.cim.layer.activation_scale = 0.25f;
    layer.cim.layer.weight_scale = {0.125f};
    Dice dice(seed);
    const int low = layer.cim.layer.activation_signed ? -128 : 0, high = low + 255;
    for (float& v : layer.x.data) v = 0.25f * static_cast<float>(dice.between(low, high));
    for (float& v : layer.weight.data) v = 0.125f * static_cast<float>(dice.between(-127, 127));
    layer.cim.weight = layer.weight.data;
    layer.cim.bias.assign(layer.cim.bias.size(), 1.5f);
    layer.bias.data = layer.cim.bias;
    const ir::Tensor exact = ir::reference_conv(layer.op, layer.x, layer.weight, &layer.bias);
    ASSERT_EQ(run_on_array(layer).data, exact.data) << "seed " << seed << " " << layer.cim.text();
  }
}

// Root mean square difference of the calibrated layer from the same layer with an ideal converter, relative.
double converter_error(const quant::QuantizedModel& model, const ir::Tensor& images) {
  quant::QuantizedModel ideal = model;
  for (auto& [name, layer] : ideal.layers) layer.config.adc_levels = quant::kIdealAdc;
  const ir::Tensor a = Network(model).forward(images), b = Network(ideal).forward(images);
  double error = 0.0, power = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    error += std::pow(double(a.data[i]) - double(b.data[i]), 2);
    power += std::pow(double(b.data[i]), 2);
  }
  return std::sqrt(error / power);
}

ir::Graph one_convolution(std::uint64_t seed) {
  Dice dice(seed);
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {ir::kBatch, 12, 7, 7});
  ir::Conv op;
  op.window.kernel = {3, 3};
  const ir::ValueId w = graph.add_constant("w", ir::Tensor({6, 12, 3, 3}, dice.normals(6 * 12 * 9, 0.3f)));
  graph.set_output(graph.add_node("conv", op, {x, w}));
  return graph;
}

TEST(Ideal, TheConverterErrorVanishesAsBitsGrow) {
  Dice dice(9);
  const ir::Tensor images({8, 12, 7, 7}, dice.normals(8 * 12 * 49, 1.0f));
  CalibrateOptions options;
  options.policy.first = options.policy.last = mapping::Placement::kArray;
  options.config.weight_bits = options.config.activation_bits = 6;
  options.config.array_rows = 64;
  for (const auto granularity :
       {quant::Granularity::kLayer, quant::Granularity::kArray, quant::Granularity::kColumn}) {
    options.config.psum_granularity = granularity;
    double before = 10.0;
    for (int bits = 2; bits <= 12; bits += 2) {
      options.config.adc_levels = 1 << bits;
      const double error = converter_error(calibrate(one_convolution(3), images, options, {}), images);
      EXPECT_LT(error, 0.6 * before) << bits << " bits, " << quant::granularity_name(granularity);
      before = error + 1e-5;
    }
    EXPECT_LT(before, 2e-3) << quant::granularity_name(granularity);
  }
}

TEST(Ideal, AConverterWithALevelForEverySumLosesNothing) {
  Dice dice(10);
  const ir::Tensor images({4, 12, 7, 7}, dice.normals(4 * 12 * 49, 1.0f));
  CalibrateOptions options;
  options.policy.first = options.policy.last = mapping::Placement::kArray;
  options.config.array_rows = 18;  // sums of 18 one-bit products
  options.config.cell_bits = options.config.dac_bits = 1;
  options.config.adc_levels = 64;
  // What is left is the rounding of fp32 sums; a step that misses the grid gives a hundred times as much.
  EXPECT_LT(converter_error(calibrate(one_convolution(4), images, options, {}), images), 2e-4);
}

}  // namespace
}  // namespace bitline::sim
