// The integer kernels: bytes in, 16- and 32-bit sums, conversion in registers. A partial sum never reaches
// memory.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "bitline/quant/adc.h"
#include "bitline/sim/impl/byte_image.h"
#include "bitline/sim/impl/int8_block.h"
#include "bitline/sim/impl/int8_layer.h"
#include "bitline/sim/impl/kernels.h"

namespace bitline::sim {

namespace {

constexpr std::int64_t kBlockPixels = 64;  // their bytes and outputs stay in the first cache

struct Workspace {
  std::vector<ByteImage> images;   // one an input slice
  std::vector<std::uint8_t> rows;  // [pixel][quads * 4]
  std::vector<float> y;            // [pixel][group][block][lane]
  std::vector<std::int32_t> sums;  // [pixel][vector][lane], for a trace
};

struct Cycle {
  std::size_t tile;
  std::int64_t group;
  std::size_t input_slice;
};

class Int8Prepared final : public PreparedLayer {
 public:
  Int8Prepared(const LayerProgram& program, Int8BlockFunction function)
      : program_(program), layer_(program), function_(function) {}

  void run(std::span<const float> codes, ImageSize input, std::span<float> y,
           std::vector<float>* trace) const override {
    const ImageSize out = output_size(shape(), input);
    const std::int64_t pixels = out.height * out.width;
    float* codes_out = nullptr;
    if (trace != nullptr) {
      const std::size_t old = trace->size();
      trace->resize(old + static_cast<std::size_t>(pixels) * columns_per_pixel());
      codes_out = trace->data() + old;
    }
    Workspace work;
    for (const quant::BitSlice& slice : program_.input_slices) {
      work.images.emplace_back().fill(codes, shape(), input, slice);
    }
    for (std::int64_t first = 0; first < pixels; first += kBlockPixels) {
      const std::int64_t count = std::min(kBlockPixels, pixels - first);
      run_block(out, first, count, work, codes_out);
      store(work.y, first, count, pixels, y.data());
    }
  }

 private:
  const mapping::LayerShape& shape() const { return program_.tiling.shape; }
  std::size_t y_stride() const {
    return static_cast<std::size_t>(shape().groups) * static_cast<std::size_t>(layer_.blocks * kLanes);
  }
  std::size_t columns_per_pixel() const {
    return static_cast<std::size_t>(program_.tiling.grid.columns()) * program_.input_slices.size();
  }

  void run_block(ImageSize out, std::int64_t first, std::int64_t count, Workspace& work, float* trace) const {
    const std::int64_t padded = (count + kPixelTile - 1) / kPixelTile * kPixelTile;
    start(padded, work.y);
    for (std::size_t t = 0; t < program_.tiling.tiles.size(); ++t) {
      for (std::int64_t g = 0; g < shape().groups; ++g) {
        const Int8Tile& tile = layer_.tile(t, g, shape().groups);
        const mapping::RowTile& rows = program_.tiling.tiles[t];
        const std::size_t stride = static_cast<std::size_t>(tile.quads) * kQuad;
        work.rows.resize(static_cast<std::size_t>(padded) * stride + ByteImage::kOverrun);
        for (std::size_t i = 0; i < program_.input_slices.size(); ++i) {
          work.images[i].gather(g * shape().group_inputs() + rows.first_channel, rows.channels, out, first,
                                count, stride, work.rows.data());
          run_cycle({t, g, i}, tile, padded, work, false);
          if (trace == nullptr) continue;
          run_cycle({t, g, i}, tile, padded, work, true);
          write_trace({t, g, i}, tile, first, count, work.sums, trace);
        }
      }
    }
  }

  // y starts at the layer's base, group by group in whole blocks of lanes.
  void start(std::int64_t pixels, std::vector<float>& y) const {
    const std::size_t stride = y_stride();
    const auto outputs = static_cast<std::size_t>(shape().group_outputs());
    const std::size_t padded = static_cast<std::size_t>(layer_.blocks * kLanes);
    y.assign(static_cast<std::size_t>(pixels) * stride, 0.0f);
    for (std::size_t p = 0; p < static_cast<std::size_t>(pixels); ++p) {
      for (std::size_t g = 0; g < static_cast<std::size_t>(shape().groups); ++g) {
        std::copy_n(program_.base.data() + g * outputs, outputs, y.data() + p * stride + g * padded);
      }
    }
  }

  void run_cycle(const Cycle& at, const Int8Tile& tile, std::int64_t pixels, Workspace& work,
                 bool sums) const {
    const std::size_t lanes = tile.gain.size() * at.input_slice;
    Int8Block block;
    block.inputs = work.rows.data();
    block.pixels = static_cast<int>(pixels);
    block.quads = tile.quads;
    block.quads_per_chunk = layer_.quads_per_chunk;
    block.cells = tile.cells.data();
    block.vectors = layer_.vectors;
    block.slices = program_.tiling.grid.slices;
    block.shift = tile.shift.data() + lanes;
    block.gain = tile.gain.data();
    block.offset = tile.offset.data();
    block.weight = tile.weight.data() + lanes;
    block.levels = program_.config.adc_levels;
    block.y = work.y.data() + at.group * layer_.blocks * kLanes;
    block.y_stride = y_stride();
    if (sums) {
      work.sums.resize(static_cast<std::size_t>(pixels * layer_.vectors * kLanes));
      block.sums = work.sums.data();
    }
    function_(block);
  }

  // Codes in the order of PreparedLayer::run, from the sums of one cycle.
  void write_trace(const Cycle& at, const Int8Tile& tile, std::int64_t first, std::int64_t count,
                   const std::vector<std::int32_t>& sums, float* trace) const {
    const auto& grid = program_.tiling.grid;
    const auto outputs = static_cast<int>(shape().group_outputs());
    const std::size_t lanes = tile.gain.size();
    const float unit = std::ldexp(1.0f, -program_.fraction_bits);
    for (std::size_t p = 0; p < static_cast<std::size_t>(count); ++p) {
      float* pixel = trace + (static_cast<std::size_t>(first) + p) * columns_per_pixel();
      const std::size_t cycle = at.tile * program_.input_slices.size() + at.input_slice;
      for (int j = 0; j < grid.slices; ++j) {
        for (int o = 0; o < outputs; ++o) {
          const auto lane = static_cast<std::size_t>((o / kLanes * grid.slices + j) * kLanes + o % kLanes);
          const auto sum = static_cast<float>(sums[p * lanes + lane]);
          const std::size_t to =
              (cycle * static_cast<std::size_t>(grid.slices) + static_cast<std::size_t>(j)) *
                  static_cast<std::size_t>(grid.outputs) +
              static_cast<std::size_t>(at.group * outputs + o);
          const auto top = static_cast<float>(program_.config.adc_levels - 1);
          pixel[to] = program_.config.adc_levels == quant::kIdealAdc
                          ? sum * unit
                          : quant::adc_code(sum, tile.gain[lane], tile.offset[lane], top);
        }
      }
    }
  }

  // [pixel][padded output] to [output][pixel].
  void store(const std::vector<float>& block, std::int64_t first, std::int64_t count, std::int64_t plane,
             float* y) const {
    const std::int64_t outputs = shape().group_outputs(), padded = layer_.blocks * kLanes;
    const auto stride = static_cast<std::int64_t>(y_stride());
    for (std::int64_t o = 0; o < program_.tiling.grid.outputs; ++o) {
      const float* from = block.data() + o / outputs * padded + o % outputs;
      float* to = y + o * plane + first;
      for (std::int64_t p = 0; p < count; ++p) to[p] = from[p * stride];
    }
  }

  const LayerProgram& program_;
  Int8Layer layer_;
  Int8BlockFunction function_;
};

class Int8Kernel final : public CimKernel {
 public:
  Int8Kernel(std::string name, Int8BlockFunction function, std::string missing)
      : name_(std::move(name)), missing_(std::move(missing)), function_(function) {}

  std::string name() const override { return name_; }
  std::string decline(const LayerProgram& program) const override {
    return missing_.empty() ? int8_obstacle(program) : missing_;
  }
  std::unique_ptr<PreparedLayer> prepare(const LayerProgram& program) const override {
    return std::make_unique<Int8Prepared>(program, function_);
  }

 private:
  std::string name_, missing_;
  Int8BlockFunction function_;
};

std::string missing_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") != 0 ? "" : "the processor has no AVX2";
#else
  return "the processor has no AVX2";
#endif
}

}  // namespace

const CimKernel& avx2_kernel() {
  static const Int8Kernel kernel("avx2", int8_block_avx2, missing_avx2());
  return kernel;
}

const CimKernel& portable_kernel() {
  static const Int8Kernel kernel("portable", int8_block_portable, "");
  return kernel;
}

}  // namespace bitline::sim
