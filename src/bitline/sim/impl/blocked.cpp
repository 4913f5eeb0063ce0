// The blocked kernel: a block of pixels at a time, integers carried exactly in fp32 through a matrix product,
// the converter applied to sums that are still in cache. Partial sums never exist for a whole layer.
#include <algorithm>
#include <cmath>

#include "bitline/quant/adc.h"
#include "bitline/quant/slicing.h"
#include "bitline/sim/impl/kernels.h"
#include "bitline/sim/matmul.h"
#include "bitline/sim/packed_cells.h"

namespace bitline::sim {

namespace {

constexpr std::int64_t kBlockPixels = 256;
constexpr int kExactBits = 24;  // integers of fp32

struct Workspace {
  std::vector<float> columns;  // [rows][pixels] activation codes
  std::vector<float> digits;   // the same, one input slice
  std::vector<float> sums;     // [pixels][slices][group outputs]
  std::vector<float> y;        // [pixels][outputs]
};

class BlockedLayer final : public PreparedLayer {
 public:
  explicit BlockedLayer(const LayerProgram& program) : program_(program), cells_(program) {}

  void run(std::span<const float> codes, ImageSize input, std::span<float> y,
           std::vector<float>* trace) const override {
    const ImageSize out = output_size(shape(), input);
    const std::int64_t block_rows = rows_per_block(out, kBlockPixels);
    if (trace != nullptr) trace->resize(trace->size() + trace_size(out));
    float* codes_out = trace == nullptr ? nullptr : trace->data() + trace->size() - trace_size(out);
    Workspace work;
    for (std::int64_t first = 0; first < out.height; first += block_rows) {
      const RowBlock block{first, std::min(block_rows, out.height - first)};
      run_block(codes.data(), input, out, block, work, y.data(), codes_out);
    }
  }

 private:
  const mapping::LayerShape& shape() const { return program_.tiling.shape; }
  std::size_t columns_per_pixel() const {
    return static_cast<std::size_t>(program_.tiling.grid.columns()) * program_.input_slices.size();
  }
  std::size_t trace_size(ImageSize out) const {
    return static_cast<std::size_t>(out.height * out.width) * columns_per_pixel();
  }

  void run_block(const float* codes, ImageSize input, ImageSize out, RowBlock block, Workspace& work,
                 float* y, float* trace) const {
    const std::int64_t pixels = block.count * out.width;
    const auto outputs = static_cast<std::size_t>(program_.tiling.grid.outputs);
    work.y.resize(static_cast<std::size_t>(pixels) * outputs);
    for (std::int64_t p = 0; p < pixels; ++p) {
      std::copy(program_.base.begin(), program_.base.end(),
                work.y.begin() + p * static_cast<std::int64_t>(outputs));
    }
    const std::int64_t first_pixel = block.first * out.width;
    for (std::size_t t = 0; t < program_.tiling.tiles.size(); ++t) {
      for (std::int64_t g = 0; g < shape().groups; ++g) {
        const mapping::RowTile& tile = program_.tiling.tiles[t];
        work.columns.resize(static_cast<std::size_t>(program_.tiling.rows(t) * pixels));
        im2col(codes, shape(), input, g * shape().group_inputs() + tile.first_channel, tile.channels, block,
               work.columns.data());
        for (std::size_t i = 0; i < program_.input_slices.size(); ++i) {
          sum_and_convert(t, g, i, pixels, work,
                          trace == nullptr
                              ? nullptr
                              : trace + static_cast<std::size_t>(first_pixel) * columns_per_pixel());
        }
      }
    }
    store(work.y, pixels, first_pixel, out.height * out.width, y);
  }

  void sum_and_convert(std::size_t t, std::int64_t g, std::size_t i, std::int64_t pixels, Workspace& work,
                       float* trace) const {
    const float* inputs = input_digits(i, work);
    const std::int64_t slices = program_.tiling.grid.slices;
    const std::int64_t outputs = shape().group_outputs();
    work.sums.resize(static_cast<std::size_t>(pixels * slices * outputs));
    matmul({pixels, slices * outputs, program_.tiling.rows(t)}, inputs, true, cells_.matrix(t, g), false,
           0.0f, work.sums.data());
    const float input_weight = std::ldexp(1.0f, program_.input_slices[i].shift);
    for (std::int64_t p = 0; p < pixels; ++p) {
      for (std::int64_t j = 0; j < slices; ++j) {
        const std::int64_t column = program_.tiling.grid.column(static_cast<int>(t), static_cast<int>(j),
                                                                static_cast<int>(g * outputs));
        const quant::AdcRow row{program_.gain.data() + column, program_.offset.data() + column,
                                program_.weight.data() + column, static_cast<std::size_t>(outputs),
                                program_.config.adc_levels};
        const float* sums = work.sums.data() + (p * slices + j) * outputs;
        quant::adc_accumulate(row, sums, input_weight,
                              work.y.data() + p * program_.tiling.grid.outputs + g * outputs);
        if (trace != nullptr) quant::adc_codes(row, sums, trace + trace_offset(p, t, i, j, g * outputs));
      }
    }
  }

  std::size_t trace_offset(std::int64_t p, std::size_t t, std::size_t i, std::int64_t j,
                           std::int64_t o) const {
    const auto& grid = program_.tiling.grid;
    const std::size_t cycle = t * program_.input_slices.size() + i;
    return static_cast<std::size_t>(p) * columns_per_pixel() +
           (cycle * static_cast<std::size_t>(grid.slices) + static_cast<std::size_t>(j)) *
               static_cast<std::size_t>(grid.outputs) +
           static_cast<std::size_t>(o);
  }

  // The digits of input slice i; all bits at once need no slicing.
  const float* input_digits(std::size_t i, Workspace& work) const {
    if (program_.input_slices.size() == 1) return work.columns.data();
    slice_inputs(work.columns, program_.input_slices[i], work.digits);
    return work.digits.data();
  }

  void store(const std::vector<float>& block, std::int64_t pixels, std::int64_t first, std::int64_t plane,
             float* y) const {
    const std::int64_t outputs = program_.tiling.grid.outputs;
    for (std::int64_t o = 0; o < outputs; ++o) {
      float* target = y + o * plane + first;
      for (std::int64_t p = 0; p < pixels; ++p) target[p] = block[static_cast<std::size_t>(p * outputs + o)];
    }
  }

  const LayerProgram& program_;
  PackedCells cells_;
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
