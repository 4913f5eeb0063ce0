// The blocked kernel: integers carried exactly in fp32 through a matrix product, the converter applied to
// sums that are still in cache. It takes what the integer kernels cannot: cells with variation, wide cells.
#include <algorithm>
#include <cmath>

#include "bitline/quant/adc.h"
#include "bitline/sim/impl/kernels.h"
#include "bitline/sim/impl/row_layer.h"
#include "bitline/sim/matmul.h"

namespace bitline::sim {

namespace {

constexpr int kExactBits = 24;  // integers of fp32

class BlockedLayer final : public RowLayer {
 public:
  explicit BlockedLayer(const LayerProgram& program) : RowLayer(program) {
    for (std::size_t t = 0; t < program.tiling.tiles.size(); ++t) {
      for (std::int64_t g = 0; g < shape().groups; ++g) cells_.push_back(pack(t, g));
    }
  }

  void gate(const Cycle& cycle, const RowBlock& rows, const GateBlock& block) const override {
    gate_sums(cycle, rows, block);
  }

 protected:
  void convert(const Cycle& cycle, const RowBlock& rows, float* y) const override {
    thread_local std::vector<float> sums;
    sums.resize(static_cast<std::size_t>(rows.count * width()));
    add_up(cycle, rows, sums.data());
    const float input_weight = std::ldexp(1.0f, program().input_slices[cycle.input_slice].shift);
    for (std::int64_t p = 0; p < rows.count; ++p) {
      for (int j = 0; j < slices(); ++j) {
        quant::adc_accumulate(columns(cycle, j), sums.data() + p * width() + j * group_outputs(),
                              input_weight, y + p * shape().out_channels + cycle.group * group_outputs());
      }
    }
  }

  void add_up(const Cycle& cycle, const RowBlock& rows, float* sums) const override {
    thread_local std::vector<float> digits;
    const std::int64_t height = program().tiling.rows(cycle.tile);
    const auto low = static_cast<float>(program().input_slices[cycle.input_slice].low());
    digits.resize(static_cast<std::size_t>(rows.count * height));
    rows_to_floats(rows.bytes, rows.stride, rows.count, static_cast<std::size_t>(height), low, digits.data());
    const std::size_t at =
        cycle.tile * static_cast<std::size_t>(shape().groups) + static_cast<std::size_t>(cycle.group);
    matmul({rows.count, width(), height}, digits.data(), false, cells_[at].data(), false, 0.0f, sums);
  }

 private:
  int slices() const { return program().tiling.grid.slices; }
  std::int64_t width() const { return slices() * group_outputs(); }  // of one tile and group

  quant::AdcRow columns(const Cycle& cycle, int slice) const {
    return program().converters(cycle.input_slice, first_column(cycle, slice),
                                static_cast<std::size_t>(group_outputs()));
  }

  // [rows as (ky, kx, channel)][slice][output], in ideal digits.
  std::vector<float> pack(std::size_t t, std::int64_t group) const {
    const std::int64_t window = shape().window_size(), channels = program().tiling.tiles[t].channels;
    const float unit = std::ldexp(1.0f, -program().fraction_bits);
    std::vector<float> out;
    for (std::int64_t tap = 0; tap < window; ++tap) {
      for (std::int64_t c = 0; c < channels; ++c) {
        for (int j = 0; j < slices(); ++j) {
          const std::size_t first = program().cell_index(t, c * window + tap, j, group * group_outputs());
          for (std::size_t o = 0; o < static_cast<std::size_t>(group_outputs()); ++o)
            out.push_back(static_cast<float>(program().cells[first + o]) * unit);
        }
      }
    }
    return out;
  }

  std::vector<std::vector<float>> cells_;  // [tile][group]
};

class BlockedKernel final : public CimKernel {
 public:
  std::string name() const override { return "blocked"; }

  std::string decline(const LayerProgram& program) const override {
    const std::int64_t limit = std::int64_t{1} << kExactBits;
    if (largest_psum(program) <= limit) return {};
    return "partial sums can exceed 2^24, the integers of fp32";
  }

  std::unique_ptr<PreparedLayer> prepare(const LayerProgram& program) const override {
    return std::make_unique<BlockedLayer>(program);
  }
};

}  // namespace

const CimKernel& blocked_kernel() {
  static const BlockedKernel kernel;
  return kernel;
}

}  // namespace bitline::sim
