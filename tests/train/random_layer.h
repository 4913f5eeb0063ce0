// Random layers on arrays for the tests of the training operator.
#pragma once

#include <cmath>

#include "bitline/base/philox.h"
#include "bitline/quant/weight_codes.h"
#include "bitline/sim/calibrate.h"
#include "bitline/train/cim_operator.h"
#include "bitline/train/torch.h"

namespace bitline::train {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed, stream_id("dice")) {}
  int between(int low, int high) {
    return low + static_cast<int>(random_.below(next_++, static_cast<std::uint32_t>(high - low + 1)));
  }
  float normal() { return static_cast<float>(random_.normal(next_++)); }
  template <class T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[between(0, static_cast<int>(values.size()) - 1)];
  }

 private:
  Philox random_;
  std::uint64_t next_ = 0;
};

struct LayerCase {
  CimSpec spec;
  CimTensors tensors;
  torch::Tensor x;
};

inline torch::Tensor leaf(const std::vector<float>& values) {
  return to_torch(values).set_requires_grad(true);
}

inline torch::Tensor random_tensor(Dice& dice, const std::vector<std::int64_t>& sizes, float spread,
                                   bool positive) {
  torch::Tensor t = torch::empty(sizes);
  float* data = t.data_ptr<float>();
  for (std::int64_t i = 0; i < t.numel(); ++i)
    data[i] = positive ? std::fabs(dice.normal()) * spread : dice.normal() * spread;
  return t;
}

// A layer with plausible, not calibrated, scales: some sums are clipped, some are not.
// `wide`: activations of more than eight bits.
inline LayerCase random_layer(std::uint64_t seed, bool wide = false) {
  Dice dice(seed);
  LayerCase c;
  const int groups = dice.pick({1, 1, 1, 2});
  const int kernel = dice.pick({1, 3, 3});
  c.spec.name = "layer";
  c.spec.shape.groups = groups;
  c.spec.shape.in_channels = groups * dice.between(1, 6);
  c.spec.shape.out_channels = groups * dice.between(1, 5);
  c.spec.shape.window.kernel = {kernel, kernel};
  c.spec.shape.window.stride = {dice.between(1, 2), dice.between(1, 2)};
  c.spec.shape.window.pad_begin = {dice.between(0, 1), dice.between(0, 1)};
  c.spec.shape.window.pad_end = {dice.between(0, 1), dice.between(0, 1)};
  quant::CimConfig& q = c.spec.config;
  q.weight_bits = dice.between(2, 6);
  q.cell_bits = dice.between(1, 4);
  q.activation_bits = dice.between(1, 6);
  q.dac_bits = dice.pick({0, 0, 1, 2});
  q.adc_levels = dice.pick({quant::kIdealAdc, 2, 3, 4, 16, 64});
  q.weight_granularity = static_cast<quant::Granularity>(dice.between(0, 3));
  q.psum_granularity = static_cast<quant::Granularity>(dice.between(0, 3));
  q.array_rows = kernel * kernel * dice.between(1, 3);
  q.array_columns = dice.pick({2, 3, 128});
  q.encoding = dice.pick({"twos-complement", "differential"});
  q.slice_scales = dice.between(0, 1) == 1;
  if (wide) {
    q.activation_bits = dice.between(9, quant::kMaxBits);
    q.dac_bits = dice.between(1, 8);
  }
  c.spec.activation_signed = dice.between(0, 3) == 0;
  const mapping::LayerTiling tiling = mapping::tile_layer(c.spec.shape, q, "layer");
  const auto scales = [&](int count, float middle) {
    std::vector<float> out;
    for (int i = 0; i < count; ++i) out.push_back(middle * std::exp(0.3f * dice.normal()));
    return out;
  };
  CimTensors& t = c.tensors;
  const int top = c.spec.activation_signed ? 1 << (q.activation_bits - 1) : (1 << q.activation_bits) - 1;
  t.activation_s0 = to_torch(scales(1, 1.5f / static_cast<float>(top)));
  t.weight_s0 =
      to_torch(scales(weight_groups(tiling, q).count(), 1.2f / static_cast<float>(1 << (q.weight_bits - 1))));
  t.activation_u = leaf({0.01f * dice.normal()});
  t.weight_u = leaf(std::vector<float>(static_cast<std::size_t>(t.weight_s0.numel()), 0.003f));
  if (q.adc_levels != quant::kIdealAdc) {
    const int groups_of_sums = psum_groups(tiling, q).count();
    t.step_s0 = to_torch(scales(groups_of_sums, 1.0f / static_cast<float>(q.adc_levels)));
    t.step_u = leaf(std::vector<float>(static_cast<std::size_t>(groups_of_sums), -0.002f));
    t.centre = leaf(scales(groups_of_sums, 0.1f));
    for (int g = 0; seed % 2 == 1 && g < groups_of_sums; ++g)
      t.slice_gain.push_back(g % 3 == 0 ? 0.25f : 1.0f);
  }
  t.weight = random_tensor(dice, {c.spec.shape.out_channels, c.spec.shape.group_inputs(), kernel, kernel},
                           0.5f, false)
                 .set_requires_grad(true);
  if (dice.between(0, 1) == 1)
    t.bias = random_tensor(dice, {c.spec.shape.out_channels}, 0.2f, false).set_requires_grad(true);
  t.activation_gain = 0.7;
  t.weight_gain = 0.4;
  t.psum_gain = 0.3;
  c.x = random_tensor(dice, {2, c.spec.shape.in_channels, dice.between(3, 7), dice.between(3, 7)}, 1.0f,
                      !c.spec.activation_signed)
            .set_requires_grad(true);
  return c;
}

// Weights and inputs become what their codes stand for, as in a network that was exported: many lie at the
// bounds of their range. One scale for all slices of a weight.
inline void put_on_grid(LayerCase& c) {
  const torch::NoGradGuard no_gradient;
  const quant::CimLayer layer = current_layer(c.spec, c.tensors);
  const ir::Tensor weight = quant::on_grid(to_ir(c.tensors.weight), layer);
  c.tensors.weight.copy_(to_torch(weight));
  const quant::CodeRange codes = quant::activation_range(layer);
  const float scale = layer.activation_scale, offset = layer.activation_offset;
  c.x.copy_(((c.x - offset) / scale).round().clamp(codes.low, codes.high) * scale + offset);
}

// An offset of that spread, learned by lsq-offset.
inline void add_offset(LayerCase& c, float spread, std::uint64_t seed) {
  Dice dice(seed + 9000);
  c.spec.quantizers.activations = quant::parse_quantizer("lsq-offset");
  c.tensors.activation_offset = leaf({spread * dice.normal()});
}

}  // namespace bitline::train
