// What the fast kernels share: blocks of output pixels, their wordline bytes, the trace. A kernel adds the
// sums of one cycle.
#pragma once

#include "bitline/sim/kernel.h"

namespace bitline::sim {

inline constexpr int kQuad = 4;  // rows come in whole quads: the integer kernels read four bytes at once

class RowLayer : public PreparedLayer {
 public:
  explicit RowLayer(const LayerProgram& program) : program_(program) {}

  void run(std::span<const std::uint8_t> codes, ImageSize input, std::span<float> y,
           std::vector<float>* trace) const final;
  std::size_t row_stride(std::size_t tile) const override;

 protected:
  const LayerProgram& program() const { return program_; }
  const mapping::LayerShape& shape() const { return program_.tiling.shape; }
  std::int64_t group_outputs() const { return shape().group_outputs(); }
  // The first physical column of a slice in a cycle's group.
  int first_column(const Cycle& cycle, int slice) const;
  // Share of one converter in the gate of its output, and the weight of its code.
  float gate_share() const;
  float gate_factor(const Cycle& cycle, int slice) const;

  // y[pixel][output of the layer] += what the converters of the cycle give.
  virtual void convert(const Cycle& cycle, const RowBlock& rows, float* y) const = 0;
  // sums[pixel][slice][output of the group], in ideal digits.
  virtual void add_up(const Cycle& cycle, const RowBlock& rows, float* sums) const = 0;

 private:
  void run_block(const std::vector<WordlineBytes>& digits, std::int64_t first, std::int64_t count, float* y,
                 float* trace) const;
  void write_trace(const Cycle& cycle, const RowBlock& rows, float* trace) const;
  std::size_t columns_per_pixel() const;

  const LayerProgram& program_;
};

}  // namespace bitline::sim
