#include "bitline/train/cim_gradient.h"

#include <algorithm>
#include <cmath>

#include "bitline/quant/adc.h"
#include "bitline/quant/lsq.h"
#include "bitline/sim/matmul.h"

namespace bitline::train {

namespace {

constexpr std::int64_t kBlockPixels = 256;

}  // namespace

// Buffers and position of one block of output rows of one image.
struct CimGradient::Block {
  const float* codes = nullptr;  // the image's activation codes
  float* dcodes = nullptr;       // gradient with respect to scale * code, accumulated
  sim::ImageSize input;
  sim::RowBlock rows;
  std::int64_t pixels = 0;
  std::vector<float> dy;       // [pixel][output]
  std::vector<float> columns;  // [row][pixel]
  std::vector<float> digits;
  std::vector<float> sums;      // [pixel][slice][group output]
  std::vector<float> gated;     // [pixel][group output]: gate * dy
  std::vector<float> dcolumns;  // [row][pixel]
  std::vector<float> step, centre;
};

CimGradient::CimGradient(const sim::LayerProgram& program, const quant::CimLayer& layer,
                         std::span<const float> weight)
    : program_(program),
      layer_(layer),
      weight_(weight),
      cells_(program),
      step_sums_(program.gain.size(), 0.0),
      centre_sums_(program.gain.size(), 0.0),
      bias_sums_(program.base.size(), 0.0) {
  prepare_weights();
}

void CimGradient::prepare_weights() {
  const auto& tiling = program_.tiling;
  const quant::GroupMap groups = weight_groups(tiling, layer_.config);
  const std::int64_t outputs = tiling.shape.group_outputs();
  for (std::size_t t = 0; t < tiling.tiles.size(); ++t) {
    for (std::int64_t g = 0; g < tiling.shape.groups; ++g) {
      std::vector<float> matrix(static_cast<std::size_t>(tiling.rows(t) * outputs), 0.0f);
      const float* cell = cells_.matrix(t, g);
      for (std::int64_t row = 0; row < tiling.rows(t); ++row) {
        for (int j = 0; j < tiling.grid.slices; ++j) {
          const int shift = program_.weight_slices[static_cast<std::size_t>(j)].shift;
          for (std::int64_t o = 0; o < outputs; ++o) {
            const int group = groups.group(static_cast<int>(t), j, static_cast<int>(g * outputs + o));
            matrix[static_cast<std::size_t>(row * outputs + o)] +=
                std::ldexp(*cell++ * layer_.weight_scale[static_cast<std::size_t>(group)], shift);
          }
        }
      }
      weight_sums_.emplace_back(matrix.size(), 0.0f);
      quantized_.push_back(std::move(matrix));
    }
  }
}

void CimGradient::add_image(std::span<const float> x, sim::ImageSize input, std::span<const float> dy,
                            std::span<float> dx) {
  std::vector<float> codes(x.size());
  std::vector<float> dcodes(x.size(), 0.0f);
  quant::lsq_codes(x, program_.activation_scale, program_.activation_range, codes);
  const sim::ImageSize out = sim::output_size(program_.tiling.shape, input);
  const std::int64_t block_rows = sim::rows_per_block(out, kBlockPixels);
  const std::int64_t outputs = program_.tiling.grid.outputs;
  Block block;
  block.codes = codes.data();
  block.dcodes = dcodes.data();
  block.input = input;
  for (std::int64_t first = 0; first < out.height; first += block_rows) {
    block.rows = {first, std::min(block_rows, out.height - first)};
    block.pixels = block.rows.count * out.width;
    block.dy.resize(static_cast<std::size_t>(block.pixels * outputs));
    for (std::int64_t o = 0; o < outputs; ++o) {
      const float* source = dy.data() + o * out.height * out.width + first * out.width;
      double sum = 0.0;
      for (std::int64_t p = 0; p < block.pixels; ++p) {
        block.dy[static_cast<std::size_t>(p * outputs + o)] = source[p];
        sum += static_cast<double>(source[p]);
      }
      bias_sums_[static_cast<std::size_t>(o)] += sum;
    }
    add_block(block);
  }
  activation_scale_sum_ +=
      quant::lsq_backward(x, dcodes, program_.activation_scale, program_.activation_range, dx);
}

void CimGradient::add_block(Block& block) {
  const auto& tiling = program_.tiling;
  for (std::size_t t = 0; t < tiling.tiles.size(); ++t) {
    for (std::int64_t g = 0; g < tiling.shape.groups; ++g) {
      const std::int64_t channel = g * tiling.shape.group_inputs() + tiling.tiles[t].first_channel;
      const auto elements = static_cast<std::size_t>(tiling.rows(t) * block.pixels);
      block.columns.resize(elements);
      block.dcolumns.resize(elements);
      sim::im2col(block.codes, tiling.shape, block.input, channel, tiling.tiles[t].channels, block.rows,
                  block.columns.data());
      block.gated.assign(static_cast<std::size_t>(block.pixels * tiling.shape.group_outputs()), 0.0f);
      for (std::size_t i = 0; i < program_.input_slices.size(); ++i) add_cycle(block, t, g, i);
      pass_on(block, t, g);
      sim::col2im(block.dcolumns.data(), tiling.shape, block.input, channel, tiling.tiles[t].channels,
                  block.rows, block.dcodes);
    }
  }
}

void CimGradient::add_cycle(Block& block, std::size_t tile, std::int64_t group, std::size_t cycle) {
  const auto& grid = program_.tiling.grid;
  const std::int64_t outputs = program_.tiling.shape.group_outputs();
  const std::int64_t width = grid.slices * outputs;
  const std::int64_t rows = program_.tiling.rows(tile);
  const float* inputs = block.columns.data();
  if (program_.input_slices.size() > 1) {
    sim::slice_inputs(block.columns, program_.input_slices[cycle], block.digits);
    inputs = block.digits.data();
  }
  block.sums.resize(static_cast<std::size_t>(block.pixels * width));
  block.step.assign(static_cast<std::size_t>(width), 0.0f);
  block.centre.assign(static_cast<std::size_t>(width), 0.0f);
  sim::matmul({block.pixels, width, rows}, inputs, true, cells_.matrix(tile, group), false, 0.0f,
              block.sums.data());
  for (std::int64_t j = 0; j < grid.slices; ++j) {
    const auto slice = static_cast<std::size_t>(j);
    const int column =
        grid.column(static_cast<int>(tile), static_cast<int>(j), static_cast<int>(group * outputs));
    const quant::AdcRow row{program_.gain.data() + column, program_.offset.data() + column,
                            program_.weight.data() + column, static_cast<std::size_t>(outputs),
                            program_.config.adc_levels};
    const float factor =
        std::ldexp(1.0f, program_.weight_slices[slice].shift + program_.input_slices[cycle].shift);
    const float share = 1.0f / static_cast<float>(grid.slices * std::ssize(program_.input_slices));
    for (std::int64_t p = 0; p < block.pixels; ++p) {
      const float* dy = block.dy.data() + p * grid.outputs + group * outputs;
      quant::adc_backward(row, block.sums.data() + p * width + j * outputs, {dy, factor, share},
                          block.gated.data() + p * outputs, block.step.data() + j * outputs,
                          block.centre.data() + j * outputs);
    }
    for (std::int64_t o = 0; o < outputs; ++o) {
      step_sums_[static_cast<std::size_t>(column + o)] +=
          static_cast<double>(block.step[static_cast<std::size_t>(j * outputs + o)]);
      centre_sums_[static_cast<std::size_t>(column + o)] +=
          static_cast<double>(block.centre[static_cast<std::size_t>(j * outputs + o)]);
    }
  }
}

void CimGradient::pass_on(Block& block, std::size_t tile, std::int64_t group) {
  const std::int64_t outputs = program_.tiling.shape.group_outputs();
  const std::int64_t rows = program_.tiling.rows(tile);
  const std::size_t at =
      tile * static_cast<std::size_t>(program_.tiling.shape.groups) + static_cast<std::size_t>(group);
  sim::matmul({rows, outputs, block.pixels}, block.columns.data(), false, block.gated.data(), false, 1.0f,
              weight_sums_[at].data());
  sim::matmul({rows, block.pixels, outputs}, quantized_[at].data(), false, block.gated.data(), true, 0.0f,
              block.dcolumns.data());
}

LayerGradient CimGradient::finish() const {
  const auto& tiling = program_.tiling;
  const quant::GroupMap weights = weight_groups(tiling, layer_.config);
  LayerGradient out;
  out.weight.assign(weight_.size(), 0.0f);
  out.weight_scale.assign(static_cast<std::size_t>(weights.count()), 0.0);
  out.bias.assign(bias_sums_.begin(), bias_sums_.end());
  out.activation_scale = activation_scale_sum_;
  const quant::CodeRange range = quant::weight_range(layer_.config);
  const std::int64_t outputs = tiling.shape.group_outputs();
  sim::for_each_cell(
      tiling, weights,
      [&](std::size_t t, std::int64_t row, int j, int o, std::size_t index, std::size_t group) {
        const std::size_t at = t * static_cast<std::size_t>(tiling.shape.groups) +
                               static_cast<std::size_t>(tiling.shape.group_of(o));
        const float upstream = weight_sums_[at][static_cast<std::size_t>(row * outputs + o % outputs)];
        const quant::BitSlice& slice = program_.weight_slices[static_cast<std::size_t>(j)];
        const float gradient = std::ldexp(upstream * program_.activation_scale, slice.shift);
        const float scale = layer_.weight_scale[group];
        const float slope = quant::digit_slope(slice, tiling.grid.slices) *
                            quant::lsq_slopes(weight_[index], scale, range).dx;
        out.weight[index] += gradient * slope;
        const auto cell = static_cast<float>(program_.cells[program_.cell_index(t, row, j, o)]);
        out.weight_scale[group] +=
            static_cast<double>(gradient) * static_cast<double>(cell - slope * weight_[index] / scale);
      });
  if (layer_.config.adc_levels == quant::kIdealAdc) return out;
  const quant::GroupMap psums = psum_groups(tiling, layer_.config);
  out.psum_step.assign(static_cast<std::size_t>(psums.count()), 0.0);
  out.psum_centre.assign(out.psum_step.size(), 0.0);
  for (int t = 0; t < tiling.grid.tiles; ++t) {
    for (int j = 0; j < tiling.grid.slices; ++j) {
      for (int o = 0; o < tiling.grid.outputs; ++o) {
        const auto group = static_cast<std::size_t>(psums.group(t, j, o));
        const auto column = static_cast<std::size_t>(tiling.grid.column(t, j, o));
        out.psum_step[group] += step_sums_[column];
        out.psum_centre[group] += centre_sums_[column];
      }
    }
  }
  return out;
}

}  // namespace bitline::train
