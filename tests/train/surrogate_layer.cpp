#include "surrogate_layer.h"

#include <algorithm>
#include <cmath>

#include "bitline/quant/encoding.h"

namespace bitline::train {

namespace {

std::vector<double> widened(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

}  // namespace

SurrogateLayer::SurrogateLayer(const sim::RandomLayer& layer, const std::vector<float>& x)
    : layer_(layer),
      program_(layer.compile()),
      weight_groups_(weight_groups(program_.tiling, layer.layer.config)),
      psum_groups_(psum_groups(program_.tiling, layer.layer.config)) {
  const quant::CimLayer& state = layer.layer;
  start_ = {widened(x),
            widened(layer.weight),
            widened(layer.bias),
            {static_cast<double>(state.activation_scale)},
            widened(state.weight_scale),
            widened(state.psum_step),
            widened(state.psum_centre)};
  const quant::CodeRange a = program_.activation_range;
  for (const float value : x) {
    const float code =
        quant::lsq_code(value, state.activation_scale, static_cast<float>(a.low), static_cast<float>(a.high));
    input_code_.push_back(static_cast<int>(code));
    input_rest_.push_back(
        static_cast<double>(code) -
        clipped(static_cast<double>(value) / static_cast<double>(state.activation_scale), a.low, a.high));
  }
  const quant::CodeRange w = quant::weight_range(state.config);
  sim::for_each_cell(
      program_.tiling, weight_groups_,
      [&](std::size_t, std::int64_t, int, int, std::size_t index, std::size_t group) {
        const float scale = state.weight_scale[group];
        const float code = quant::lsq_code(layer.weight[index], scale, static_cast<float>(w.low),
                                           static_cast<float>(w.high));
        cell_code_.push_back(static_cast<int>(code));
        cell_rest_.push_back(
            static_cast<double>(code) -
            clipped(static_cast<double>(layer.weight[index]) / static_cast<double>(scale), w.low, w.high));
      });
  const auto top = static_cast<float>(state.config.adc_levels - 1);
  const double share =
      1.0 / static_cast<double>(program_.input_slices.size() * program_.weight_slices.size());
  gate_.assign(gate_index(0, program_.tiling.tiles.size()), 0.0);
  const bool ideal = state.config.adc_levels == quant::kIdealAdc;
  accumulate(start_, [&](double sum, std::size_t tile, int slice, int output) {
    double& gate = gate_[gate_index(sum_.size(), tile)];
    sum_.push_back(sum);
    if (ideal) {
      gate += share;
      return 0.0;
    }
    const auto column =
        static_cast<std::size_t>(program_.tiling.grid.column(static_cast<int>(tile), slice, output));
    const double v = analog(start_, sum, tile, slice, output);
    gate += v >= 0.0 && v <= double(top) ? share : 0.0;
    const float code = quant::adc_code(static_cast<float>(std::nearbyint(sum)), program_.gain[column],
                                       program_.offset[column], top);
    converter_rest_.push_back(static_cast<double>(code) - clipped(v, 0.0, double(top)));
    return 0.0;
  });
}

double SurrogateLayer::clipped(double v, double low, double high) const {
  distance_to_edge_ = std::min({distance_to_edge_, std::fabs(v - low), std::fabs(v - high)});
  return std::clamp(v, low, high);
}

std::vector<double> SurrogateLayer::input_digits(const LayerPoint& point, std::size_t cycle) const {
  const quant::BitSlice& slice = program_.input_slices[cycle];
  const auto slope =
      static_cast<double>(quant::digit_slope(slice, static_cast<int>(program_.input_slices.size())));
  std::vector<double> out;
  for (std::size_t i = 0; i < point.x.size(); ++i) {
    const double code = clipped(point.x[i] / point.activation_scale[0], program_.activation_range.low,
                                program_.activation_range.high) +
                        input_rest_[i];
    out.push_back(quant::slice_digit(input_code_[i], slice) + slope * (code - input_code_[i]));
  }
  return out;
}

std::vector<double> SurrogateLayer::cells(const LayerPoint& point) const {
  const quant::CodeRange range = quant::weight_range(layer_.layer.config);
  const quant::WeightEncoding& encoding = quant::weight_encoding(layer_.layer.config.encoding);
  const int slices = static_cast<int>(program_.weight_slices.size());
  std::vector<double> out(program_.cells.size());
  std::size_t next = 0;
  sim::for_each_cell(
      program_.tiling, weight_groups_,
      [&](std::size_t t, std::int64_t row, int j, int o, std::size_t index, std::size_t group) {
        const quant::BitSlice& slice = program_.weight_slices[static_cast<std::size_t>(j)];
        const double code = clipped(point.weight[index] / point.weight_scale[group], range.low, range.high) +
                            cell_rest_[next];
        const double slope = static_cast<double>(quant::digit_slope(slice, slices));
        out[program_.cell_index(t, row, j, o)] =
            encoding.digit(cell_code_[next], slice) + slope * (code - cell_code_[next]);
        ++next;
      });
  return out;
}

double SurrogateLayer::bitline_sum(const std::vector<double>& digits, const std::vector<double>& cell_values,
                                   std::size_t tile, int slice, int output, std::int64_t row,
                                   std::int64_t column) const {
  const mapping::LayerShape& shape = layer_.shape;
  const ir::Window& w = shape.window;
  const mapping::RowTile& rows = program_.tiling.tiles[tile];
  double sum = 0.0;
  std::int64_t cell_row = 0;
  for (std::int64_t c = 0; c < rows.channels; ++c) {
    const std::int64_t channel = shape.group_of(output) * shape.group_inputs() + rows.first_channel + c;
    for (std::int64_t ky = 0; ky < w.kernel[0]; ++ky) {
      for (std::int64_t kx = 0; kx < w.kernel[1]; ++kx, ++cell_row) {
        const std::int64_t y = row * w.stride[0] - w.pad_begin[0] + ky * w.dilation[0];
        const std::int64_t x = column * w.stride[1] - w.pad_begin[1] + kx * w.dilation[1];
        if (y < 0 || x < 0 || y >= layer_.input.height || x >= layer_.input.width) continue;
        sum +=
            digits[static_cast<std::size_t>((channel * layer_.input.height + y) * layer_.input.width + x)] *
            cell_values[program_.cell_index(tile, cell_row, slice, output)];
      }
    }
  }
  return sum;
}

std::size_t SurrogateLayer::gate_index(std::size_t visit, std::size_t tile) const {
  const sim::ImageSize out = sim::output_size(layer_.shape, layer_.input);
  const auto block = static_cast<std::size_t>(layer_.shape.out_channels * out.height * out.width);
  return tile * block + visit % block;
}

// The converter's input in codes, before clipping.
double SurrogateLayer::analog(const LayerPoint& point, double sum, std::size_t tile, int slice,
                              int output) const {
  const int t = static_cast<int>(tile);
  const auto w = static_cast<std::size_t>(weight_groups_.group(t, slice, output));
  const auto p = static_cast<std::size_t>(psum_groups_.group(t, slice, output));
  const double value = point.activation_scale[0] * point.weight_scale[w] * sum;
  return (value - point.centre[p]) / point.step[p] + 0.5 * (layer_.layer.config.adc_levels - 1);
}

template <class Convert>
std::vector<double> SurrogateLayer::accumulate(const LayerPoint& point, Convert&& convert) const {
  const sim::ImageSize out = sim::output_size(layer_.shape, layer_.input);
  const std::vector<double> cell_values = cells(point);
  const auto& grid = program_.tiling.grid;
  std::vector<double> y(static_cast<std::size_t>(grid.outputs * out.height * out.width), 0.0);
  for (std::size_t i = 0; i < program_.input_slices.size(); ++i) {
    const std::vector<double> digits = input_digits(point, i);
    for (std::size_t t = 0; t < program_.tiling.tiles.size(); ++t) {
      for (int j = 0; j < grid.slices; ++j) {
        const int shift =
            program_.input_slices[i].shift + program_.weight_slices[static_cast<std::size_t>(j)].shift;
        std::size_t at = 0;
        for (int o = 0; o < grid.outputs; ++o) {
          for (std::int64_t row = 0; row < out.height; ++row) {
            for (std::int64_t column = 0; column < out.width; ++column) {
              const double sum = bitline_sum(digits, cell_values, t, j, o, row, column);
              y[at++] += std::ldexp(convert(sum, t, j, o), shift);
            }
          }
        }
      }
    }
  }
  return y;
}

std::vector<double> SurrogateLayer::outputs(const LayerPoint& point) const {
  const int levels = layer_.layer.config.adc_levels;
  const double top = levels - 1;
  LayerPoint converters = start_;  // for the sums as they were
  converters.step = point.step;
  converters.centre = point.centre;
  std::size_t next = 0;
  std::vector<double> y = accumulate(point, [&](double sum, std::size_t tile, int slice, int output) {
    const int t = static_cast<int>(tile);
    const auto w = static_cast<std::size_t>(weight_groups_.group(t, slice, output));
    const double product =
        gate_[gate_index(next, tile)] * point.activation_scale[0] * point.weight_scale[w] * sum;
    if (levels == quant::kIdealAdc) return product;
    const auto p = static_cast<std::size_t>(psum_groups_.group(t, slice, output));
    const double v = analog(converters, sum_[next], tile, slice, output);
    const double code = clipped(v, 0.0, top) + converter_rest_[next++];
    return product + point.centre[p] + point.step[p] * (code - 0.5 * top);
  });
  const std::size_t pixels = y.size() / static_cast<std::size_t>(layer_.shape.out_channels);
  for (std::size_t i = 0; i < y.size() && !point.bias.empty(); ++i) y[i] += point.bias[i / pixels];
  return y;
}

}  // namespace bitline::train
