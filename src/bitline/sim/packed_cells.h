// The cells of a layer as dense fp32 matrices, one for each (row tile, convolution group):
// [rows][slices * group outputs], ready for a matrix product with the wordline inputs.
#pragma once

#include <span>
#include <vector>

#include "bitline/sim/layer_program.h"

namespace bitline::sim {

class PackedCells {
 public:
  explicit PackedCells(const LayerProgram& program);  // copies; values are cell * 2^-fraction_bits

  const float* matrix(std::size_t tile, std::int64_t group) const {
    return values_.data() + offset(tile, group);
  }
  std::size_t offset(std::size_t tile, std::int64_t group) const {
    return offsets_[tile * groups_ + static_cast<std::size_t>(group)];
  }
  std::size_t size() const { return values_.size(); }

 private:
  std::size_t groups_;
  std::vector<float> values_;
  std::vector<std::size_t> offsets_;
};

// The digits of one input slice, element by element.
void slice_inputs(std::span<const float> codes, const quant::BitSlice& slice, std::vector<float>& digits);

}  // namespace bitline::sim
