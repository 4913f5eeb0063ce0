#include "bitline/train/psum_mean.h"

#include <numeric>
#include <span>

#include "bitline/quant/lsq.h"
#include "bitline/sim/im2col.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

// The mean input digit at every place of the image, for one input slice.
using MeanImage = std::vector<float>;

std::vector<MeanImage> mean_digits(const sim::LayerProgram& program, const torch::Tensor& x) {
  const torch::Tensor host = x.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const auto images = static_cast<std::size_t>(host.size(0));
  const std::size_t size = static_cast<std::size_t>(host.numel()) / images;
  std::vector<MeanImage> means(program.input_slices.size(), MeanImage(size, 0.0f));
  std::vector<float> codes(size);
  for (std::size_t n = 0; n < images; ++n) {
    quant::lsq_codes({host.data_ptr<float>() + n * size, size}, program.activation_scale,
                     program.activation_range, codes);
    for (std::size_t i = 0; i < means.size(); ++i) {
      const quant::BitSlice& slice = program.input_slices[i];
      for (std::size_t k = 0; k < size; ++k)
        means[i][k] += static_cast<float>(quant::slice_digit(static_cast<int>(codes[k]), slice));
    }
  }
  for (MeanImage& mean : means) {
    for (float& value : mean) value /= static_cast<float>(images);
  }
  return means;
}

// Mean digit on each wordline of a row tile, over the output pixels and the input slices.
std::vector<double> mean_wordlines(const sim::LayerProgram& program, const std::vector<MeanImage>& means,
                                   sim::ImageSize input, std::size_t tile, std::int64_t group) {
  const mapping::LayerShape& shape = program.tiling.shape;
  const mapping::RowTile& rows = program.tiling.tiles[tile];
  const sim::ImageSize out = sim::output_size(shape, input);
  const auto pixels = static_cast<std::size_t>(out.height * out.width);
  std::vector<double> wordlines(static_cast<std::size_t>(program.tiling.rows(tile)), 0.0);
  std::vector<float> columns(wordlines.size() * pixels);
  for (const MeanImage& mean : means) {
    sim::im2col(mean.data(), shape, input, group * shape.group_inputs() + rows.first_channel, rows.channels,
                {0, out.height}, columns.data());
    for (std::size_t r = 0; r < wordlines.size(); ++r) {
      const std::span<const float> row = std::span(columns).subspan(r * pixels, pixels);
      wordlines[r] +=
          std::accumulate(row.begin(), row.end(), 0.0) / static_cast<double>(pixels * means.size());
    }
  }
  return wordlines;
}

}  // namespace

std::vector<float> mean_psums(const CimSpec& spec, const CimTensors& tensors, const at::Tensor& x) {
  const quant::CimLayer layer = current_layer(spec, tensors);
  const sim::LayerProgram program =
      sim::compile_layer(spec.name, spec.shape, to_floats(tensors.weight), {}, layer);
  const std::vector<MeanImage> means = mean_digits(program, x);
  const sim::ImageSize input = x.dim() == 2 ? sim::ImageSize{1, 1} : sim::ImageSize{x.size(2), x.size(3)};
  const quant::GroupMap scales = mapping::weight_groups(program.tiling, spec.config);
  const quant::GroupMap converters = mapping::psum_groups(program.tiling, spec.config);
  std::vector<double> sums(static_cast<std::size_t>(converters.count()), 0.0);
  std::vector<double> columns(sums.size(), 0.0);
  for (std::size_t t = 0; t < program.tiling.tiles.size(); ++t) {
    for (std::int64_t g = 0; g < spec.shape.groups; ++g) {
      const std::vector<double> wordlines = mean_wordlines(program, means, input, t, g);
      for (int j = 0; j < program.tiling.grid.slices; ++j) {
        for (std::int64_t o = g * spec.shape.group_outputs(); o < (g + 1) * spec.shape.group_outputs(); ++o) {
          double sum = 0.0;
          for (std::size_t r = 0; r < wordlines.size(); ++r)
            sum += wordlines[r] * program.cells[program.cell_index(t, static_cast<std::int64_t>(r), j, o)];
          const int tile = static_cast<int>(t), output = static_cast<int>(o);
          const auto scale = static_cast<std::size_t>(scales.group(tile, j, output));
          const auto converter = static_cast<std::size_t>(converters.group(tile, j, output));
          sums[converter] += sum * static_cast<double>(layer.activation_scale * layer.weight_scale[scale]);
          columns[converter] += 1.0;
        }
      }
    }
  }
  std::vector<float> out(sums.size());
  for (std::size_t c = 0; c < out.size(); ++c) out[c] = static_cast<float>(sums[c] / columns[c]);
  return out;
}

}  // namespace bitline::train
