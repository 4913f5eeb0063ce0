// A layer on arrays in double precision in which every rounding is replaced by a constant: the difference
// between a code and its unrounded value at the point of expansion. Its ordinary derivative is what the
// straight-through gradients of train/cim_gradient.h must be.
#pragma once

#include <vector>

#include "sim/random_layer.h"

namespace bitline::train {

struct LayerPoint {
  std::vector<double> x, weight, bias, activation_scale, weight_scale, step, centre;
};

class SurrogateLayer {
 public:
  // The point of expansion is `x` and the layer's own state.
  SurrogateLayer(const sim::RandomLayer& layer, const std::vector<float>& x);

  const LayerPoint& start() const { return start_; }

  // Outputs [O][H][W] at a point near start().
  std::vector<double> outputs(const LayerPoint& point) const;

  // Distance of the nearest clipping edge to any value that is clipped, in codes: differences must stay below
  // it.
  double distance_to_edge() const { return distance_to_edge_; }

 private:
  double clipped(double v, double low, double high) const;
  std::vector<double> input_digits(const LayerPoint& point, std::size_t cycle) const;
  std::vector<double> cells(const LayerPoint& point) const;
  template <class Convert>
  std::vector<double> accumulate(const LayerPoint& point, Convert&& convert) const;
  double bitline_sum(const std::vector<double>& digits, const std::vector<double>& cells, std::size_t tile,
                     int slice, int output, std::int64_t row, std::int64_t column) const;
  std::size_t gate_index(std::size_t visit, std::size_t tile) const;
  double analog(const LayerPoint& point, double sum, std::size_t tile, int slice, int output) const;

  const sim::RandomLayer& layer_;
  sim::LayerProgram program_;
  quant::GroupMap weight_groups_, psum_groups_;
  LayerPoint start_;
  std::vector<double> input_rest_, cell_rest_, converter_rest_;  // code - unrounded value
  std::vector<double> sum_;   // integer sums at the point of expansion, in the order of accumulate()
  std::vector<double> gate_;  // [tile][output][pixel]: share of the slices whose sums are in range
  std::vector<int> input_code_, cell_code_;
  mutable double distance_to_edge_ = 1e9;
};

}  // namespace bitline::train
