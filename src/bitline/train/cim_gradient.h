// The backward pass of the CIM operator, torch-free, on spans.
//
// For an upstream gradient dy it gives the straight-through gradients of
//   y = base + sum_{t,i,j} 2^(shift_i + shift_j) * ADC(a * w * p; step, centre)
// with respect to the activations, the weights, and the scales of activations, weights and converters:
//   converters   quant/adc.h, for given sums
//   the rest     that of sum_t gate_t * (aq * Wq)_t: the product of the quantized activations and weights of
//                row tile t, passed on where its converters were in range. gate_t[o] is the mean of "in
//                range" over the slices (i, j) of one sum. A gate for each slice would break up large digits
//                that cancel (-1 = -4 + 3) and pass on mostly noise with few ADC bits.
//   activations  quant/quantizer.h, as their rounding has it; weights: the same, times the digit slope
//                (quant/slicing.h), so that an ideal ADC gives plain LSQ:
//                d(s_w * digit_j)/ds_w = digit_j - slope_j * v inside the range, digit_j outside
//   penalties    (MDE, reading 3) of activations, their mean over the images of a call, and of weights, where
//                each of a weight's cells counts: slices may have scales of their own
//   offset       of activations (LSQ+): its constant in base passes no converter, so it is not gated. Zero
//                padding is quantized like any input, and takes part in the gradients of scale and offset
// Partial sums are recomputed block by block and never stored.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bitline/quant/config.h"
#include "bitline/sim/kernel.h"
#include "bitline/train/quantizers.h"

namespace bitline::train {

struct LayerGradient {
  std::vector<float> weight;         // [O, C/groups, kh, kw]
  std::vector<float> bias;           // [O]
  std::vector<double> weight_scale;  // per group
  std::vector<double> psum_step;     // per group; empty for an ideal ADC
  std::vector<double> psum_centre;
  double activation_scale = 0.0;
  double activation_offset = 0.0;  // where it is learned
};

// Images with channels innermost, [image][H][W][C].
struct GradientBatch {
  std::span<const float> x;            // the layer's float input
  std::span<const quant::Code> codes;  // of x, see sim/wordlines.h
  std::span<const float> dy;
  std::span<float> dx;  // written
  std::int64_t images = 0;
};

class CimGradient {
 public:
  // All arguments must outlive the object; `prepared` is the program made ready by any kernel.
  CimGradient(const sim::LayerProgram& program, const sim::PreparedLayer& prepared,
              const quant::CimLayer& layer, std::span<const float> weight, const Roundings& roundings = {});

  void add_images(const GradientBatch& batch, sim::ImageSize input);

  LayerGradient finish() const;

 private:
  struct Block;
  void prepare_weights();
  void add_group(const GradientBatch& group, const sim::WindowGeometry& geometry);
  void add_block(Block& block, const sim::WindowGeometry& geometry);
  void gather_codes(Block& block, std::size_t tile, std::int64_t channel);
  void pass_gates(Block& block, std::size_t tile, std::int64_t group);
  void pass_on(Block& block, std::size_t tile, std::int64_t group);
  void add_ungated(const Block& block, std::size_t tile, std::int64_t group);
  void pass_to_activations(const Block& block, const GradientBatch& group,
                           const sim::WindowGeometry& geometry);
  quant::GroupGradient activation_backward(std::span<const float> x, std::span<const float> dy,
                                           std::span<float> dx) const;  // penalty included
  double ungated_offset() const;
  void add_cell_gradients(LayerGradient& out) const;
  void add_column_gradients(LayerGradient& out) const;
  bool has_offset() const { return roundings_.learns_offset || layer_.activation_offset != 0.0f; }
  bool ideal() const { return layer_.config.adc_levels == quant::kIdealAdc; }
  std::size_t matrix(std::size_t tile, std::int64_t group) const {
    return tile * static_cast<std::size_t>(program_.tiling.shape.groups) + static_cast<std::size_t>(group);
  }

  const sim::LayerProgram& program_;
  const sim::PreparedLayer& prepared_;
  const quant::CimLayer& layer_;
  std::span<const float> weight_;
  Roundings roundings_;
  // By (tile, group), dense [rows as (ky, kx, channel)][group outputs]: the quantized weight
  // sum_j 2^shift_j * s_w * cell_j, and the sum over pixels of activation code * gate * dy.
  std::vector<std::vector<float>> quantized_, weight_sums_;
  std::vector<double> step_sums_, centre_sums_;  // by column
  std::vector<double> bias_sums_;
  std::vector<std::vector<double>> ungated_;  // by (tile, group), [group outputs]: sum of dy - gate * dy
  std::int64_t activations_ = 0;              // of the call, for the mean of their penalty
  double activation_scale_sum_ = 0.0, activation_offset_sum_ = 0.0;
};

}  // namespace bitline::train
