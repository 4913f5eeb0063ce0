// The backward pass of the CIM operator, torch-free, on spans.
//
// For an upstream gradient dy it gives the straight-through gradients of
//   y = base + sum_{t,i,j} 2^(shift_i + shift_j) * ADC(a * w * p; step, centre)
// with respect to the activations, the weights, and the scales of activations, weights and converters:
//   converters   quant/adc.h; activations quant/lsq.h
//   weights      dP/dW = digit slope (quant/slicing.h), so that an ideal ADC gives plain LSQ:
//                d(s_w * digit_j)/ds_w = digit_j - slope_j * v inside the range, digit_j outside
// Partial sums are recomputed block by block and never stored.
#pragma once

#include <span>
#include <vector>

#include "bitline/quant/config.h"
#include "bitline/sim/im2col.h"
#include "bitline/sim/layer_program.h"
#include "bitline/sim/packed_cells.h"

namespace bitline::train {

struct LayerGradient {
  std::vector<float> weight;         // [O, C/groups, kh, kw]
  std::vector<float> bias;           // [O]
  std::vector<double> weight_scale;  // per group
  std::vector<double> psum_step;     // per group; empty for an ideal ADC
  std::vector<double> psum_centre;
  double activation_scale = 0.0;
};

class CimGradient {
 public:
  // All arguments must outlive the object.
  CimGradient(const sim::LayerProgram& program, const quant::CimLayer& layer, std::span<const float> weight);

  // Adds one image. x [C][H][W]: the layer's float input; dy [O][Hout][Wout]; dx (written): gradient of x.
  void add_image(std::span<const float> x, sim::ImageSize input, std::span<const float> dy,
                 std::span<float> dx);

  LayerGradient finish() const;

 private:
  struct Block;
  void add_block(Block& block);
  void add_cycle(Block& block, std::size_t tile, std::int64_t group, std::size_t cycle);
  void prepare_scaled_cells();

  const sim::LayerProgram& program_;
  const quant::CimLayer& layer_;
  std::span<const float> weight_;
  sim::PackedCells cells_;
  std::vector<std::vector<float>> scaled_cells_;  // by input slice: s_w * cell * input digit slope, packed
  std::vector<float> cell_sums_;                  // sum over pixels of input digit * dP, packed
  std::vector<double> step_sums_, centre_sums_;   // by column
  std::vector<double> bias_sums_;
  double activation_scale_sum_ = 0.0;
};

}  // namespace bitline::train
