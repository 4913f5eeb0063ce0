#include "bitline/train/psum_mean.h"

#include <span>

#include "bitline/base/wide.h"
#include "bitline/quant/lsq.h"
#include "bitline/sim/wordlines.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

BITLINE_WIDE void add_digits(const quant::Code* __restrict codes, unsigned shift, unsigned mask,
                             std::uint32_t* __restrict sums, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) sums[i] += (codes[i] >> shift) & mask;
}

// Mean digits at every place of the image, [H][W][C], a vector for each input slice.
std::vector<std::vector<double>> mean_digits(const sim::LayerProgram& program, const torch::Tensor& x) {
  const torch::Tensor host = channels_last(x.detach().to(torch::kCPU, torch::kFloat32));
  const auto images = static_cast<std::size_t>(host.size(0));
  const std::size_t size = static_cast<std::size_t>(host.numel()) / images;
  std::vector<std::vector<std::uint32_t>> sums(program.input_slices.size(),
                                               std::vector<std::uint32_t>(size, 0));
  std::vector<quant::Code> codes(size);
  for (std::size_t n = 0; n < images; ++n) {
    quant::lsq_codes({host.data_ptr<float>() + n * size, size}, program.activation_scale,
                     program.activation_range, codes, program.activation_offset);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const quant::BitSlice& slice = program.input_slices[i];
      add_digits(codes.data(), static_cast<unsigned>(slice.shift), (1U << slice.bits) - 1U, sums[i].data(),
                 size);
    }
  }
  std::vector<std::vector<double>> means;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const std::int64_t low = std::int64_t{program.input_slices[i].low()} * static_cast<std::int64_t>(images);
    means.emplace_back(size);
    for (std::size_t k = 0; k < size; ++k)
      means[i][k] = static_cast<double>(std::int64_t{sums[i][k]} + low) / static_cast<double>(images);
  }
  return means;
}

// Mean digit on each wordline (channel, ky, kx) of a row tile, over the output pixels and the input slices.
std::vector<double> mean_wordlines(const sim::LayerProgram& program,
                                   const std::vector<std::vector<double>>& means, sim::ImageSize input,
                                   std::size_t tile, std::int64_t group) {
  const mapping::LayerShape& shape = program.tiling.shape;
  const ir::Window& w = shape.window;
  const mapping::RowTile& rows = program.tiling.tiles[tile];
  const sim::ImageSize out = sim::output_size(shape, input);
  std::vector<double> wordlines(static_cast<std::size_t>(program.tiling.rows(tile)), 0.0);
  const std::int64_t first = group * shape.group_inputs() + rows.first_channel;
  double padding = 0.0;  // the digits of one padded wordline
  for (const quant::BitSlice& slice : program.input_slices)
    padding += quant::slice_digit(program.pad_code, slice);
  for (std::int64_t p = 0; p < out.height * out.width; ++p) {
    for (std::int64_t tap = 0; tap < shape.window_size(); ++tap) {
      const std::int64_t ky = tap / w.kernel[1], kx = tap % w.kernel[1];
      const std::int64_t y = p / out.width * w.stride[0] + ky * w.dilation[0] - w.pad_begin[0];
      const std::int64_t x = p % out.width * w.stride[1] + kx * w.dilation[1] - w.pad_begin[1];
      const bool inside = y >= 0 && x >= 0 && y < input.height && x < input.width;
      for (std::int64_t c = 0; c < rows.channels; ++c) {
        double& wordline = wordlines[static_cast<std::size_t>(c * shape.window_size() + tap)];
        if (!inside) {
          wordline += padding;
          continue;
        }
        const auto at = static_cast<std::size_t>((y * input.width + x) * shape.in_channels + first + c);
        for (const std::vector<double>& mean : means) wordline += mean[at];
      }
    }
  }
  const auto terms = static_cast<double>(out.height * out.width * std::ssize(means));
  for (double& value : wordlines) value /= terms;
  return wordlines;
}

// Mean sum of each output of a group in one slice of a row tile, in units of its cells.
std::vector<double> mean_columns(const sim::LayerProgram& program, const std::vector<double>& wordlines,
                                 std::size_t tile, int slice, std::int64_t group) {
  const auto outputs = static_cast<std::size_t>(program.tiling.shape.group_outputs());
  std::vector<double> sums(outputs, 0.0);
  for (std::size_t r = 0; r < wordlines.size(); ++r) {
    const std::int32_t* cells =
        program.cells.data() + program.cell_index(tile, static_cast<std::int64_t>(r), slice,
                                                  group * static_cast<std::int64_t>(outputs));
    for (std::size_t o = 0; o < outputs; ++o) sums[o] += wordlines[r] * cells[o];
  }
  return sums;
}

// Means over the columns of each converter group, in output units.
class ConverterMeans {
 public:
  ConverterMeans(const sim::LayerProgram& program, const quant::CimLayer& layer)
      : layer_(layer),
        scales_(mapping::weight_groups(program.tiling, layer.config)),
        converters_(mapping::psum_groups(program.tiling, layer.config)),
        sums_(static_cast<std::size_t>(converters_.count()), 0.0),
        columns_(sums_.size(), 0.0) {}

  // Of the columns of neighbouring outputs.
  void add(std::size_t tile, int slice, std::int64_t first_output, const std::vector<double>& means) {
    const int t = static_cast<int>(tile);
    int output = static_cast<int>(first_output);
    for (const double mean : means) {
      const auto scale = static_cast<std::size_t>(scales_.group(t, slice, output));
      const auto converter = static_cast<std::size_t>(converters_.group(t, slice, output));
      sums_[converter] += mean * static_cast<double>(layer_.activation_scale * layer_.weight_scale[scale]);
      columns_[converter] += 1.0;
      ++output;
    }
  }

  std::vector<float> values() const {
    std::vector<float> out(sums_.size());
    for (std::size_t c = 0; c < out.size(); ++c) out[c] = static_cast<float>(sums_[c] / columns_[c]);
    return out;
  }

 private:
  const quant::CimLayer& layer_;
  quant::GroupMap scales_, converters_;
  std::vector<double> sums_, columns_;
};

}  // namespace

std::vector<float> mean_psums(const CimSpec& spec, const CimTensors& tensors, const at::Tensor& x) {
  const quant::CimLayer layer = current_layer(spec, tensors);
  const sim::LayerProgram program =
      sim::compile_layer(spec.name, spec.shape, to_floats(tensors.weight), {}, layer);
  const std::vector<std::vector<double>> digits = mean_digits(program, x);
  const sim::ImageSize input = x.dim() == 2 ? sim::ImageSize{1, 1} : sim::ImageSize{x.size(2), x.size(3)};
  ConverterMeans means(program, layer);
  for (std::size_t t = 0; t < program.tiling.tiles.size(); ++t) {
    for (std::int64_t g = 0; g < spec.shape.groups; ++g) {
      const std::vector<double> wordlines = mean_wordlines(program, digits, input, t, g);
      for (int j = 0; j < program.tiling.grid.slices; ++j)
        means.add(t, j, g * spec.shape.group_outputs(), mean_columns(program, wordlines, t, j, g));
    }
  }
  return means.values();
}

}  // namespace bitline::train
