#include "sim/random_layer.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace bitline::sim {

namespace {

mapping::LayerShape random_shape(Dice& dice) {
  mapping::LayerShape shape;
  const bool depthwise = dice.between(0, 5) == 0;
  shape.groups = depthwise ? dice.between(2, 9) : dice.pick({1, 1, 1, 2, 3});
  shape.in_channels = shape.groups * (depthwise ? 1 : dice.between(1, 7));
  shape.out_channels = shape.groups * dice.between(1, depthwise ? 2 : 6);
  ir::Window& w = shape.window;
  for (std::size_t axis = 0; axis < 2; ++axis) {
    w.kernel[axis] = dice.between(1, 5);
    w.stride[axis] = dice.pick({1, 1, 2, 3});
    w.dilation[axis] = dice.pick({1, 1, 2});
    w.pad_begin[axis] = dice.between(0, 3);
    w.pad_end[axis] = dice.between(0, 3);
  }
  return shape;
}

quant::CimConfig random_config(Dice& dice, std::int64_t window) {
  quant::CimConfig c;
  c.encoding = dice.pick({"twos-complement", "differential"});
  c.weight_bits = dice.between(c.encoding == "differential" ? 2 : 1, 8);
  c.cell_bits = dice.between(1, 8);
  c.activation_bits = dice.between(1, 8);
  c.dac_bits = dice.between(0, 4);
  c.adc_levels = dice.pick({quant::kIdealAdc, 2, 3, 4, 8, 16, 32, 64, 256, 1024, 4096});
  c.weight_granularity = static_cast<quant::Granularity>(dice.between(0, 3));
  c.psum_granularity = static_cast<quant::Granularity>(dice.between(0, 3));
  c.array_rows = static_cast<int>(window) * dice.between(1, 4) + dice.between(0, 3);
  c.array_columns = dice.pick({1, 2, 3, 5, 128});
  c.slice_scales = dice.coin();
  return c;
}

std::vector<float> spread_around(Dice& dice, int count, float middle) {
  std::vector<float> out = dice.normals(count, 0.3f);
  for (float& v : out) v = middle * std::exp(v);
  return out;
}

void draw_state(Dice& dice, const mapping::LayerTiling& tiling, quant::CimLayer& layer) {
  const quant::CimConfig& c = layer.config;
  layer.activation_signed = dice.between(0, 3) == 0;
  layer.activation_scale = 0.05f + 0.1f * dice.uniform();
  layer.weight_scale = spread_around(dice, weight_groups(tiling, c).count(),
                                     1.2f / static_cast<float>(1 << (c.weight_bits - 1)));
  if (c.adc_levels == quant::kIdealAdc) return;
  const float largest = static_cast<float>(quant::activation_range(layer).high + 1) *
                        static_cast<float>(1 << std::min(c.cell_bits, c.weight_bits));
  const float reach = 0.3f * layer.activation_scale * layer.weight_scale[0] * largest *
                      std::sqrt(static_cast<float>(c.array_rows));
  const int groups = psum_groups(tiling, c).count();
  layer.psum_step = spread_around(dice, groups, 2.0f * reach / static_cast<float>(c.adc_levels));
  layer.psum_centre = dice.normals(groups, 0.3f * reach);
}

// `change`: what is not drawn as usual.
RandomLayer random_layer(Dice& dice, const mapping::LayerShape& shape, ImageSize input,
                         const std::function<void(quant::CimConfig&)>& change = {}) {
  RandomLayer out;
  out.shape = shape;
  out.input = input;
  out.layer.config = random_config(dice, shape.window_size());
  if (change) change(out.layer.config);
  draw_state(dice, mapping::tile_layer(shape, out.layer.config, "layer"), out.layer);
  out.weight = dice.normals(shape.out_channels * shape.group_inputs() * shape.window_size(), 0.5f);
  if (dice.coin()) out.bias = dice.normals(shape.out_channels, 0.2f);
  const quant::CodeRange range = quant::activation_range(out.layer);
  for (std::int64_t i = 0; i < shape.in_channels * input.height * input.width; ++i) {
    out.codes.push_back(dice.between(0, 2) == 0 ? 0.0f
                                                : static_cast<float>(dice.between(range.low, range.high)));
  }
  return out;
}

std::int64_t smallest_input(const ir::Window& w, std::size_t axis) {
  const std::int64_t window = w.dilation[axis] * (w.kernel[axis] - 1) + 1;
  return std::max<std::int64_t>(1, window - w.pad_begin[axis] - w.pad_end[axis]);
}

}  // namespace

std::vector<float> channels_last(const std::vector<float>& image, std::int64_t channels) {
  const auto count = static_cast<std::size_t>(channels), pixels = image.size() / count;
  std::vector<float> out(image.size());
  for (std::size_t i = 0; i < image.size(); ++i) out[i % pixels * count + i / pixels] = image[i];
  return out;
}

std::vector<float> channels_first(const std::vector<float>& image, std::int64_t channels) {
  const auto count = static_cast<std::size_t>(channels), pixels = image.size() / count;
  std::vector<float> out(image.size());
  for (std::size_t i = 0; i < image.size(); ++i) out[i] = image[i % pixels * count + i / pixels];
  return out;
}

std::vector<quant::Code> RandomLayer::bytes() const {
  std::vector<quant::Code> out;
  const int low = quant::activation_range(layer).low;
  for (const float code : channels_last(codes, shape.in_channels))
    out.push_back(static_cast<quant::Code>(static_cast<int>(code) - low));
  return out;
}

std::string RandomLayer::text() const {
  const ir::Window& w = shape.window;
  return layer.config.text() + (layer.activation_signed ? " signed, " : ", ") +
         std::to_string(shape.in_channels) + " -> " + std::to_string(shape.out_channels) + " in " +
         std::to_string(shape.groups) + " groups, kernel " + std::to_string(w.kernel[0]) + "x" +
         std::to_string(w.kernel[1]) + ", image " + std::to_string(input.height) + "x" +
         std::to_string(input.width);
}

RandomLayer random_convolution(std::uint64_t seed) {
  Dice dice(seed);
  const mapping::LayerShape shape = random_shape(dice);
  const ImageSize input{smallest_input(shape.window, 0) + dice.between(0, 7),
                        smallest_input(shape.window, 1) + dice.between(0, 7)};
  return random_layer(dice, shape, input);
}

RandomLayer random_bit_serial(std::uint64_t seed) {
  Dice dice(seed);
  const mapping::LayerShape shape = random_shape(dice);
  const ImageSize input{smallest_input(shape.window, 0) + dice.between(0, 15),
                        smallest_input(shape.window, 1) + dice.between(0, 15)};
  return random_layer(dice, shape, input, [](quant::CimConfig& c) { c.dac_bits = 1; });
}

RandomLayer random_depthwise(std::uint64_t seed) {
  Dice dice(seed);
  mapping::LayerShape shape = random_shape(dice);
  shape.groups = shape.in_channels = shape.out_channels = dice.between(2, 70);
  const ImageSize input{smallest_input(shape.window, 0) + dice.between(0, 7),
                        smallest_input(shape.window, 1) + dice.between(0, 7)};
  return random_layer(dice, shape, input);
}

RandomLayer random_wide(std::uint64_t seed) {
  Dice dice(seed);
  const mapping::LayerShape shape = random_shape(dice);
  const ImageSize input{smallest_input(shape.window, 0) + dice.between(0, 7),
                        smallest_input(shape.window, 1) + dice.between(0, 7)};
  return random_layer(dice, shape, input, [&dice](quant::CimConfig& c) {
    c.weight_bits = dice.between(9, quant::kMaxBits);
    c.activation_bits = dice.between(9, quant::kMaxBits);
    c.dac_bits = dice.between(1, 8);
  });
}

RandomLayer random_linear(std::uint64_t seed) {
  Dice dice(seed);
  mapping::LayerShape shape;
  shape.in_channels = dice.between(1, 60);
  shape.out_channels = dice.between(1, 40);
  return random_layer(dice, shape, {});
}

}  // namespace bitline::sim
