// The CIM operator inside LibTorch's autograd.
//
// fused     a thin autograd Function around the simulator's kernel (forward) and CimGradient (backward): CPU
// composed  LibTorch operators alone, partial sums as tensors: any device, and the oracle of the fused one
// Both compute the same integer codes and, in fp32, the same outputs bit for bit. A third, float_operator.h,
// has no partial sums.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "bitline/mapping/tiling.h"
#include "bitline/quant/config.h"
#include "bitline/sim/network.h"
#include "bitline/train/quantizers.h"

namespace bitline::train {

// What an operator needs besides its tensors.
struct CimSpec {
  std::string name;
  mapping::LayerShape shape;
  quant::CimConfig config;
  bool activation_signed = false;
  Quantizers quantizers{};
  double progress = 0.0;  // of the training, 0 to 1: where annealed parameters are
  double share = 1.0;     // of the batch, that the images are: gradients of all shards are added
  at::ScalarType compute = at::kFloat;  // float_cim alone: of its convolutions; it takes both types then
};

// The roundings of this moment. Penalties are means over the batch: those of its share of the images.
Roundings current_roundings(const CimSpec& spec);

// The trainable tensors of one layer. A scale is s0 * exp(u / s0) (quant/scale.h): u is trained, s0 is fixed.
struct CimTensors {
  at::Tensor weight, bias;                            // bias may be undefined
  at::Tensor activation_u, weight_u, step_u, centre;  // [1], [groups], [groups], [groups]
  at::Tensor activation_s0, weight_s0, step_s0;
  at::Tensor activation_offset;                                      // [1]; undefined: none
  double activation_gain = 1.0, weight_gain = 1.0, psum_gain = 1.0;  // LSQ gradient scales
  std::vector<float> slice_gain;  // [groups of partial sums], on top of psum_gain: quant::slice_gain
};

// x [N, C, H, W] or [N, K] -> [N, O, Hout, Wout] or [N, O], float32.
at::Tensor fused_cim(const CimSpec& spec, const CimTensors& tensors, const at::Tensor& x);
at::Tensor composed_cim(const CimSpec& spec, const CimTensors& tensors, const at::Tensor& x,
                        sim::LayerTrace* trace = nullptr);

// The scales s0 * exp(u / s0), rounded up to powers of two where asked.
std::vector<float> scales_of(const at::Tensor& s0, const at::Tensor& u, bool power_of_two);

// The layer's state with the scales as they are now.
quant::CimLayer current_layer(const CimSpec& spec, const CimTensors& tensors);

}  // namespace bitline::train
