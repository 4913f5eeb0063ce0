// The reference kernel: the definition of the operator, in 64-bit integers, one sum at a time.
#include <algorithm>
#include <cmath>

#include "bitline/quant/adc.h"
#include "bitline/quant/slicing.h"
#include "bitline/sim/impl/kernels.h"

namespace bitline::sim {

namespace {

struct Pixel {
  std::int64_t y, x;
  std::uint64_t counted;  // through all images
};

class ReferenceLayer final : public PreparedLayer {
 public:
  explicit ReferenceLayer(const LayerProgram& program) : program_(program) {}

  void run(const ImageCodes& image, std::span<float> y, std::vector<float>* trace) const override {
    const ImageSize out = output_size(program_.tiling.shape, image.size);
    for (std::int64_t p = 0; p < out.height * out.width; ++p) {
      std::vector<float> sums = program_.base;
      const auto counted = image.index * static_cast<std::uint64_t>(out.height * out.width);
      run_pixel(image, {p / out.width, p % out.width, counted + static_cast<std::uint64_t>(p)}, sums, trace);
      std::copy(sums.begin(), sums.end(), y.begin() + p * std::ssize(sums));
    }
  }

  std::size_t row_stride(std::size_t tile) const override {
    return static_cast<std::size_t>(program_.tiling.rows(tile));
  }

  void gate(const Cycle& cycle, const RowBlock& rows, const GateBlock& block) const override {
    const auto& grid = program_.tiling.grid;
    const auto outputs = static_cast<int>(program_.tiling.shape.group_outputs());
    const float share = 1.0f / static_cast<float>(grid.slices * std::ssize(program_.input_slices));
    std::fill_n(block.step, grid.slices * outputs, 0.0f);
    std::fill_n(block.centre, grid.slices * outputs, 0.0f);
    for (std::int64_t p = 0; p < rows.count; ++p) {
      const std::uint8_t* bytes = rows.bytes + static_cast<std::size_t>(p) * rows.stride;
      for (int j = 0; j < grid.slices; ++j) {
        const float factor = std::ldexp(1.0f, program_.weight_slices[static_cast<std::size_t>(j)].shift +
                                                  program_.input_slices[cycle.input_slice].shift);
        for (int o = 0; o < outputs; ++o) {
          const int output = static_cast<int>(cycle.group) * outputs + o;
          const float psum = in_digits(row_sum(bytes, cycle, j, output));
          const quant::AdcUpstream upstream{block.dy + p * grid.outputs + output, factor, share};
          quant::adc_backward(converter(cycle.input_slice, cycle.tile, j, output), &psum, upstream,
                              block.gated + p * outputs + o, block.step + j * outputs + o,
                              block.centre + j * outputs + o, block.slopes);
        }
      }
    }
  }

 private:
  void run_pixel(const ImageCodes& image, Pixel pixel, std::vector<float>& y,
                 std::vector<float>* trace) const {
    for (std::size_t t = 0; t < program_.tiling.tiles.size(); ++t) {
      for (std::size_t i = 0; i < program_.input_slices.size(); ++i) {
        for (int j = 0; j < program_.tiling.grid.slices; ++j) {
          for (int o = 0; o < program_.tiling.grid.outputs; ++o) {
            const quant::BitSlice& cycle = program_.input_slices[i];
            float psum = in_digits(bitline_sum(image.codes, image.size, pixel, t, cycle, j, o));
            if (program_.read_noise.active()) psum += noise(pixel, t, i, j, o);
            convert(psum, t, i, j, o, y, trace);
          }
        }
      }
    }
  }

  float noise(Pixel pixel, std::size_t t, std::size_t i, int j, int o) const {
    const std::size_t inputs = program_.input_slices.size();
    const auto slices = static_cast<std::size_t>(program_.tiling.grid.slices);
    const Conversions at{pixel.counted, (t * inputs + i) * slices + static_cast<std::size_t>(j),
                         program_.tiling.tiles.size() * inputs * slices, static_cast<std::uint64_t>(o),
                         static_cast<std::uint64_t>(program_.tiling.grid.outputs)};
    float z = 0.0f;
    add_read_noise(program_.read_noise, read_deviation(program_, t), at, {&z, 1});
    return z;
  }

  // The integer on one bitline: input digits times cells, over the rows of tile t.
  std::int64_t bitline_sum(std::span<const quant::Code> codes, ImageSize input, Pixel pixel, std::size_t t,
                           const quant::BitSlice& cycle, int j, int o) const {
    const mapping::LayerShape& shape = program_.tiling.shape;
    const ir::Window& w = shape.window;
    const std::int64_t first =
        shape.group_of(o) * shape.group_inputs() + program_.tiling.tiles[t].first_channel;
    std::int64_t sum = 0;
    std::int64_t row = 0;
    for (std::int64_t c = first; c < first + program_.tiling.tiles[t].channels; ++c) {
      for (std::int64_t ky = 0; ky < w.kernel[0]; ++ky) {
        for (std::int64_t kx = 0; kx < w.kernel[1]; ++kx, ++row) {
          const std::int64_t iy = pixel.y * w.stride[0] + ky * w.dilation[0] - w.pad_begin[0];
          const std::int64_t ix = pixel.x * w.stride[1] + kx * w.dilation[1] - w.pad_begin[1];
          const bool inside = iy >= 0 && iy < input.height && ix >= 0 && ix < input.width;
          const std::int64_t at = (iy * input.width + ix) * shape.in_channels + c;
          const int code = inside ? codes[static_cast<std::size_t>(at)] + program_.activation_range.low
                                  : program_.pad_code;
          sum += std::int64_t{quant::slice_digit(code, cycle)} *
                 program_.cells[program_.cell_index(t, row, j, o)];
        }
      }
    }
    return sum;
  }

  // The same sum from gathered bytes, whose rows are ordered (ky, kx, channel).
  std::int64_t row_sum(const std::uint8_t* bytes, const Cycle& cycle, int j, int o) const {
    const std::int64_t window = program_.tiling.shape.window_size();
    const std::int64_t channels = program_.tiling.tiles[cycle.tile].channels;
    const int low = program_.input_slices[cycle.input_slice].low();
    std::int64_t sum = 0;
    for (std::int64_t row = 0; row < channels * window; ++row) {
      const std::int64_t cell_row = row % channels * window + row / channels;
      sum += std::int64_t{bytes[row] + low} * program_.cells[program_.cell_index(cycle.tile, cell_row, j, o)];
    }
    return sum;
  }

  float in_digits(std::int64_t sum) const {
    return static_cast<float>(std::ldexp(static_cast<double>(sum), -program_.fraction_bits));
  }

  quant::AdcRow converter(std::size_t i, std::size_t t, int j, int o) const {
    return program_.converters(i, program_.tiling.grid.column(static_cast<int>(t), j, o), 1);
  }

  void convert(float psum, std::size_t t, std::size_t i, int j, int o, std::vector<float>& y,
               std::vector<float>* trace) const {
    const quant::AdcRow row = converter(i, t, j, o);
    quant::adc_accumulate(row, &psum, std::ldexp(1.0f, program_.input_slices[i].shift),
                          &y[static_cast<std::size_t>(o)]);
    if (trace == nullptr) return;
    trace->emplace_back();
    quant::adc_codes(row, &psum, &trace->back());
  }

  const LayerProgram& program_;
};

class ReferenceKernel final : public CimKernel {
 public:
  std::string name() const override { return "reference"; }
  std::string decline(const LayerProgram&) const override { return {}; }
  std::unique_ptr<PreparedLayer> prepare(const LayerProgram& program) const override {
    return std::make_unique<ReferenceLayer>(program);
  }
};

}  // namespace

const CimKernel& reference_kernel() {
  static const ReferenceKernel kernel;
  return kernel;
}

}  // namespace bitline::sim
