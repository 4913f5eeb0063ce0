// What the fast kernels share: blocks of output pixels, their wordline bytes, the trace. A kernel adds the
// sums of one cycle.
#pragma once

#include "bitline/quant/adc.h"
#include "bitline/sim/kernel.h"

namespace bitline::sim {

inline constexpr int kQuad = 4;  // rows come in whole quads: the integer kernels read four bytes at once

class RowLayer : public PreparedLayer {
 public:
  explicit RowLayer(const LayerProgram& program) : program_(program) {}

  void run(const ImageCodes& image, std::span<float> y, std::vector<float>* trace) const final;
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

  // gate() from the sums of whole rows.
  void gate_sums(const Cycle& cycle, const RowBlock& rows, const GateBlock& block) const;

  // y[pixel][output of the layer] += what the converters of the cycle give.
  virtual void convert(const Cycle& cycle, const RowBlock& rows, float* y) const = 0;
  // sums[pixel][slice][output of the group], in ideal digits.
  virtual void add_up(const Cycle& cycle, const RowBlock& rows, float* sums) const = 0;

 private:
  // Where a block of pixels is on its way.
  struct Block {
    std::int64_t first = 0;  // output pixel of the image
    std::int64_t count = 0;
    std::uint64_t counted = 0;  // the first pixel, counted through all images
    float* y = nullptr;
    float* trace = nullptr;
  };
  using Sums = std::vector<float>;  // [pixel][slice][output of the group], in ideal digits

  void run_block(const std::vector<WordlineBytes>& digits, const Block& block) const;
  void run_cycle(const Cycle& cycle, const RowBlock& rows, const Block& block) const;
  Sums read(const Cycle& cycle, const RowBlock& rows, const Block& block) const;  // with read noise
  void convert_sums(const Cycle& cycle, const Sums& sums, const Block& block) const;
  void write_trace(const Cycle& cycle, const Sums& sums, const Block& block) const;
  quant::AdcRow converters(const Cycle& cycle, std::size_t slice) const;
  std::size_t ordinal(const Cycle& cycle, std::size_t slice) const;  // of a row of converters in the layer
  std::size_t columns_per_pixel() const;

  const LayerProgram& program_;
};

}  // namespace bitline::sim
