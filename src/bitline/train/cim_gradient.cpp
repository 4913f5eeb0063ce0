#include "bitline/train/cim_gradient.h"

#include <algorithm>
#include <cmath>

#include "bitline/quant/adc.h"
#include "bitline/quant/quantizer.h"
#include "bitline/sim/matmul.h"

namespace bitline::train {

namespace {

constexpr std::int64_t kBlockPixels = 256;

// An image with zeros around it.
void surround(const sim::WindowGeometry& geometry, const float* image, float* padded) {
  const std::int64_t row = geometry.input().width * geometry.channels();
  for (std::int64_t y = 0; y < geometry.input().height; ++y, image += row)
    std::copy_n(image, row, padded + geometry.row_start(y));
}

// The inside of a padded image, densely.
void crop(const sim::WindowGeometry& geometry, const float* padded, float* image) {
  const std::int64_t row = geometry.input().width * geometry.channels();
  for (std::int64_t y = 0; y < geometry.input().height; ++y, image += row)
    std::copy_n(padded + geometry.row_start(y), row, image);
}

std::vector<float> slice_weights(const std::vector<quant::BitSlice>& slices) {
  std::vector<float> out;
  for (const quant::BitSlice& s : slices) out.push_back(std::ldexp(1.0f, s.shift));
  return out;
}

}  // namespace

// Buffers and position of one block of output pixels of a group of images.
struct CimGradient::Block {
  std::vector<sim::WordlineBytes> digits;  // of each input slice
  std::vector<sim::WordlineBytes> codes;   // whole codes, where there is more than one slice
  std::vector<float> dcodes;               // [image] padded: gradient with respect to scale * code
  const float* dy = nullptr;               // [pixel][output], of the block
  std::int64_t first = 0, count = 0;       // pixels
  std::vector<std::uint8_t> bytes;         // [pixel][row_stride]
  std::vector<float> columns;              // [pixel][row], whole codes
  std::vector<float> gated;                // [pixel][group output]: gate * dy
  std::vector<float> drows;                // [pixel][row]
  std::vector<float> step, centre;         // [slice][group output]
};

CimGradient::CimGradient(const sim::LayerProgram& program, const sim::PreparedLayer& prepared,
                         const quant::CimLayer& layer, std::span<const float> weight,
                         const Roundings& roundings)
    : program_(program),
      prepared_(prepared),
      layer_(layer),
      weight_(weight),
      roundings_(roundings),
      step_sums_(program.gain.size(), 0.0),
      centre_sums_(program.gain.size(), 0.0),
      bias_sums_(program.base.size(), 0.0) {
  prepare_weights();
}

void CimGradient::prepare_weights() {
  const auto& tiling = program_.tiling;
  const quant::GroupMap groups = weight_groups(tiling, layer_.config);
  const std::vector<float> weights = slice_weights(program_.weight_slices);
  const std::int64_t outputs = tiling.shape.group_outputs(), window = tiling.shape.window_size();
  for (std::size_t t = 0; t < tiling.tiles.size(); ++t) {
    const std::int64_t channels = tiling.tiles[t].channels;
    for (std::int64_t g = 0; g < tiling.shape.groups; ++g) {
      std::vector<float> quantized(static_cast<std::size_t>(tiling.rows(t) * outputs), 0.0f);
      for (std::int64_t row = 0; row < tiling.rows(t); ++row) {
        const std::int64_t cell_row = row % channels * window + row / channels;
        for (int j = 0; j < tiling.grid.slices; ++j) {
          const std::size_t first = program_.cell_index(t, cell_row, j, g * outputs);
          for (std::int64_t o = 0; o < outputs; ++o) {
            const int group = groups.group(static_cast<int>(t), j, static_cast<int>(g * outputs + o));
            quantized[static_cast<std::size_t>(row * outputs + o)] +=
                static_cast<float>(program_.cells[first + static_cast<std::size_t>(o)]) *
                layer_.weight_scale[static_cast<std::size_t>(group)] * weights[static_cast<std::size_t>(j)];
          }
        }
      }
      weight_sums_.emplace_back(quantized.size(), 0.0f);
      ungated_.emplace_back(static_cast<std::size_t>(outputs), 0.0);
      quantized_.push_back(std::move(quantized));
    }
  }
}

// Small images are taken together, so that matrix products are large enough.
void CimGradient::add_images(const GradientBatch& batch, sim::ImageSize input) {
  const sim::WindowGeometry geometry(program_.tiling.shape, input);
  const std::int64_t together = std::max<std::int64_t>(1, kBlockPixels / geometry.pixels());
  const std::size_t in = geometry.image_size();
  const auto out = static_cast<std::size_t>(geometry.pixels() * program_.tiling.shape.out_channels);
  activations_ = batch.images * static_cast<std::int64_t>(has_offset() ? geometry.padded_size() : in);
  for (std::int64_t first = 0; first < batch.images; first += together) {
    const std::int64_t images = std::min(together, batch.images - first);
    const auto at = static_cast<std::size_t>(first), count = static_cast<std::size_t>(images);
    add_group({batch.x.subspan(at * in, count * in), batch.codes.subspan(at * in, count * in),
               batch.dy.subspan(at * out, count * out), batch.dx.subspan(at * in, count * in), images},
              geometry);
  }
}

void CimGradient::add_group(const GradientBatch& group, const sim::WindowGeometry& geometry) {
  Block block;
  for (const quant::BitSlice& slice : program_.input_slices)
    block.digits.emplace_back(geometry, group.codes, group.images, slice, program_.pad_code);
  if (block.digits.size() > 1) {
    for (const quant::BitSlice& slice : sim::byte_slices(program_.activation_range))
      block.codes.emplace_back(geometry, group.codes, group.images, slice, program_.pad_code);
  }
  block.dcodes.assign(static_cast<std::size_t>(group.images) * geometry.padded_size(), 0.0f);
  const std::int64_t outputs = program_.tiling.shape.out_channels, pixels = group.images * geometry.pixels();
  for (std::int64_t first = 0; first < pixels; first += kBlockPixels) {
    block.first = first;
    block.count = std::min(kBlockPixels, pixels - first);
    block.dy = group.dy.data() + first * outputs;
    for (std::int64_t p = 0; p < block.count; ++p) {
      for (std::int64_t o = 0; o < outputs; ++o)
        bias_sums_[static_cast<std::size_t>(o)] += static_cast<double>(block.dy[p * outputs + o]);
    }
    add_block(block, geometry);
  }
  pass_to_activations(block, group, geometry);
}

quant::GroupGradient CimGradient::activation_backward(std::span<const float> x, std::span<const float> dy,
                                                      std::span<float> dx) const {
  const quant::ScaledGroup group{program_.activation_scale,   program_.activation_offset,
                                 program_.activation_range,   roundings_.activations,
                                 roundings_.pass_activations, roundings_.learns_offset};
  const quant::GroupGradient task = quant::quantize_backward(x, dy, group, dx);
  const quant::GroupGradient penalty = quant::add_penalty(x, group, activations_, dx);
  return {task.scale + penalty.scale, task.offset + penalty.offset};
}

void CimGradient::pass_to_activations(const Block& block, const GradientBatch& group,
                                      const sim::WindowGeometry& geometry) {
  const std::size_t image = geometry.image_size(), padded = geometry.padded_size();
  const auto images = static_cast<std::size_t>(group.images);
  if (!has_offset()) {  // padding is zero and has no gradient
    std::vector<float> dense(group.x.size());
    for (std::size_t n = 0; n < images; ++n)
      crop(geometry, block.dcodes.data() + n * padded, dense.data() + n * image);
    activation_scale_sum_ += activation_backward(group.x, dense, group.dx).scale;
    return;
  }
  std::vector<float> x(block.dcodes.size(), 0.0f), dx(x.size());
  for (std::size_t n = 0; n < images; ++n)
    surround(geometry, group.x.data() + n * image, x.data() + n * padded);
  const quant::GroupGradient sums = activation_backward(x, block.dcodes, dx);
  activation_scale_sum_ += sums.scale;
  activation_offset_sum_ += sums.offset;
  for (std::size_t n = 0; n < images; ++n)
    crop(geometry, dx.data() + n * padded, group.dx.data() + n * image);
}

void CimGradient::add_block(Block& block, const sim::WindowGeometry& geometry) {
  const auto& tiling = program_.tiling;
  for (std::size_t t = 0; t < tiling.tiles.size(); ++t) {
    const std::size_t stride = prepared_.row_stride(t);
    block.bytes.resize(static_cast<std::size_t>(block.count) * stride + sim::WordlineBytes::kOverrun);
    for (std::int64_t g = 0; g < tiling.shape.groups; ++g) {
      const std::int64_t channel = g * tiling.shape.group_inputs() + tiling.tiles[t].first_channel;
      const std::int64_t channels = tiling.tiles[t].channels;
      pass_gates(block, t, g);
      gather_codes(block, t, channel);
      pass_on(block, t, g);
      const auto rows = static_cast<std::size_t>(tiling.rows(t));
      sim::scatter_rows(geometry, channel, channels, block.first, block.count, rows, block.drows.data(),
                        block.dcodes.data());
    }
  }
}

// columns = whole codes; with one slice pass_gates has left them in block.bytes.
void CimGradient::gather_codes(Block& block, std::size_t tile, std::int64_t channel) {
  const std::size_t stride = prepared_.row_stride(tile);
  const auto rows = static_cast<std::size_t>(program_.tiling.rows(tile));
  const auto gather = [&](const sim::WordlineBytes& from) {
    from.gather(channel, program_.tiling.tiles[tile].channels, block.first, block.count, stride,
                block.bytes.data());
  };
  if (!block.codes.empty()) {
    gather(block.codes.front());
  } else if (ideal()) {
    gather(block.digits.front());
  }
  block.columns.resize(static_cast<std::size_t>(block.count) * rows);
  const float zero = program_.activation_offset / program_.activation_scale;  // of the codes
  sim::rows_to_floats(block.bytes.data(), stride, block.count, rows,
                      static_cast<float>(program_.activation_range.low) + zero, block.columns.data());
  for (std::size_t b = 1; b < block.codes.size(); ++b) {
    gather(block.codes[b]);
    sim::add_rows(block.bytes.data(), stride, block.count, rows, sim::kByteBits * static_cast<int>(b),
                  block.columns.data());
  }
}

// gated = gate * dy, and the gradients of the converters.
void CimGradient::pass_gates(Block& block, std::size_t tile, std::int64_t group) {
  const auto& tiling = program_.tiling;
  const std::int64_t outputs = tiling.shape.group_outputs(), all = tiling.shape.out_channels;
  block.gated.assign(static_cast<std::size_t>(block.count * outputs), 0.0f);
  if (ideal()) {
    for (std::int64_t p = 0; p < block.count; ++p)
      std::copy_n(block.dy + p * all + group * outputs, outputs, block.gated.begin() + p * outputs);
    return;
  }
  block.step.resize(static_cast<std::size_t>(tiling.grid.slices * outputs));
  block.centre.resize(block.step.size());
  for (std::size_t i = 0; i < block.digits.size(); ++i) {
    const std::size_t stride = prepared_.row_stride(tile);
    block.digits[i].gather(group * tiling.shape.group_inputs() + tiling.tiles[tile].first_channel,
                           tiling.tiles[tile].channels, block.first, block.count, stride, block.bytes.data());
    prepared_.gate({tile, group, i}, {block.bytes.data(), block.count, stride},
                   {block.dy, block.gated.data(), block.step.data(), block.centre.data(), &roundings_.psums});
    for (std::int64_t j = 0; j < tiling.grid.slices; ++j) {
      const auto column = static_cast<std::size_t>(
          tiling.grid.column(static_cast<int>(tile), static_cast<int>(j), static_cast<int>(group * outputs)));
      for (std::size_t o = 0; o < static_cast<std::size_t>(outputs); ++o) {
        const std::size_t at = static_cast<std::size_t>(j * outputs) + o;
        step_sums_[column + o] += static_cast<double>(block.step[at]);
        centre_sums_[column + o] += static_cast<double>(block.centre[at]);
      }
    }
  }
}

void CimGradient::pass_on(Block& block, std::size_t tile, std::int64_t group) {
  const std::int64_t outputs = program_.tiling.shape.group_outputs();
  const std::int64_t rows = program_.tiling.rows(tile);
  const std::size_t at = matrix(tile, group);
  block.drows.resize(static_cast<std::size_t>(block.count * rows));
  if (has_offset()) add_ungated(block, tile, group);
  sim::matmul({rows, outputs, block.count}, block.columns.data(), true, block.gated.data(), false, 1.0f,
              weight_sums_[at].data());
  sim::matmul({block.count, rows, outputs}, block.gated.data(), false, quantized_[at].data(), true, 0.0f,
              block.drows.data());
}

// What gates keep back, of the upstream gradient.
void CimGradient::add_ungated(const Block& block, std::size_t tile, std::int64_t group) {
  const std::int64_t outputs = program_.tiling.shape.group_outputs();
  std::vector<double>& sums = ungated_[matrix(tile, group)];
  for (std::int64_t p = 0; p < block.count; ++p) {
    const float* dy = block.dy + p * program_.tiling.shape.out_channels + group * outputs;
    for (std::size_t o = 0; o < sums.size(); ++o)
      sums[o] += static_cast<double>(dy[o] - block.gated[static_cast<std::size_t>(p) * sums.size() + o]);
  }
}

// The part of the offset's gradient that passes no converter: ungated dy times the sums of quantized weights.
double CimGradient::ungated_offset() const {
  double sum = 0.0;
  for (std::size_t m = 0; m < ungated_.size(); ++m) {
    const std::size_t outputs = ungated_[m].size();
    for (std::size_t i = 0; i < quantized_[m].size(); ++i)
      sum += ungated_[m][i % outputs] * static_cast<double>(quantized_[m][i]);
  }
  return sum;
}

LayerGradient CimGradient::finish() const {
  LayerGradient out;
  out.weight.assign(weight_.size(), 0.0f);
  out.weight_scale.assign(layer_.weight_scale.size(), 0.0);
  out.bias.assign(bias_sums_.begin(), bias_sums_.end());
  out.activation_scale = activation_scale_sum_;
  if (roundings_.learns_offset) out.activation_offset = activation_offset_sum_ + ungated_offset();
  add_cell_gradients(out);
  if (!ideal()) add_column_gradients(out);
  return out;
}

void CimGradient::add_cell_gradients(LayerGradient& out) const {
  const auto& tiling = program_.tiling;
  const std::vector<float> weights = slice_weights(program_.weight_slices);
  const std::int64_t outputs = tiling.shape.group_outputs(), window = tiling.shape.window_size();
  const float zero = program_.activation_offset / program_.activation_scale;
  const quant::CodeRange range = quant::weight_range(layer_.config);
  const auto cells = static_cast<std::int64_t>(weight_.size()) * tiling.grid.slices;
  sim::for_each_cell(
      tiling, weight_groups(tiling, layer_.config),
      [&](std::size_t t, std::int64_t row, int j, int o, std::size_t index, std::size_t group) {
        const std::int64_t at = row % window * tiling.tiles[t].channels + row / window;
        const std::size_t m = matrix(t, tiling.shape.group_of(o));
        float upstream = weight_sums_[m][static_cast<std::size_t>(at * outputs + o % outputs)];
        if (has_offset())
          upstream += zero * static_cast<float>(ungated_[m][static_cast<std::size_t>(o % outputs)]);
        const float gradient = upstream * program_.activation_scale * weights[static_cast<std::size_t>(j)];
        const float scale = layer_.weight_scale[group];
        const float share =
            quant::digit_slope(program_.weight_slices[static_cast<std::size_t>(j)], tiling.grid.slices);
        const quant::ScaledGroup scaled{scale, 0.0f, range, roundings_.weights, roundings_.pass_weights};
        const quant::CodeSlopes slopes = quant::code_slopes(weight_[index], upstream, scaled);
        const float slope = share * slopes.of_scale;
        out.weight[index] += gradient * (share * slopes.of_value);
        const auto cell = static_cast<float>(program_.cells[program_.cell_index(t, row, j, o)]);
        out.weight_scale[group] +=
            static_cast<double>(gradient) * static_cast<double>(cell - slope * weight_[index] / scale);
        out.weight_scale[group] +=
            quant::add_penalty({&weight_[index], 1}, scaled, cells, {&out.weight[index], 1}).scale;
      });
}

void CimGradient::add_column_gradients(LayerGradient& out) const {
  const auto& grid = program_.tiling.grid;
  const quant::GroupMap psums = psum_groups(program_.tiling, layer_.config);
  out.psum_step.assign(static_cast<std::size_t>(psums.count()), 0.0);
  out.psum_centre.assign(out.psum_step.size(), 0.0);
  for (int t = 0; t < grid.tiles; ++t) {
    for (int j = 0; j < grid.slices; ++j) {
      for (int o = 0; o < grid.outputs; ++o) {
        const auto group = static_cast<std::size_t>(psums.group(t, j, o));
        const auto column = static_cast<std::size_t>(grid.column(t, j, o));
        out.psum_step[group] += step_sums_[column];
        out.psum_centre[group] += centre_sums_[column];
      }
    }
  }
}

}  // namespace bitline::train
