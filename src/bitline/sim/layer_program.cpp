#include "bitline/sim/layer_program.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "bitline/base/error.h"
#include "bitline/quant/check_plan.h"
#include "bitline/quant/encoding.h"
#include "bitline/quant/lsq.h"

namespace bitline::sim {

namespace {

using quant::AdcColumn;
using quant::CimConfig;
using quant::CimLayer;

void require_finite(const std::string& layer, std::span<const float> weight) {
  const auto bad = [](float v) { return !std::isfinite(v); };
  if (std::none_of(weight.begin(), weight.end(), bad)) return;
  bad_input("a weight is not a finite number", Where{{}, 0, 0, layer}, "check the weights");
}

void fill_cells(LayerProgram& program, std::span<const float> weight, const CimLayer& layer) {
  const quant::WeightEncoding& encoding = quant::weight_encoding(layer.config.encoding);
  const quant::CodeRange range = quant::weight_range(layer.config);
  const auto low = static_cast<float>(range.low);
  const auto high = static_cast<float>(range.high);
  const auto visit = [&](std::size_t, std::int64_t, int slice, int, std::size_t index, std::size_t group) {
    const float code = quant::lsq_code(weight[index], layer.weight_scale[group], low, high);
    program.cells.push_back(
        encoding.digit(static_cast<int>(code), program.weight_slices[static_cast<std::size_t>(slice)]));
  };
  for_each_cell(program.tiling, weight_groups(program.tiling, layer.config), visit);
}

// offset * the sum of an output's quantized weights.
void add_offset(const LayerProgram& program, const CimLayer& layer, std::vector<double>& base) {
  const auto offset = static_cast<double>(layer.activation_offset);
  const auto visit = [&](std::size_t t, std::int64_t row, int j, int o, std::size_t, std::size_t group) {
    const double digit = std::ldexp(static_cast<double>(program.cells[program.cell_index(t, row, j, o)]),
                                    program.weight_slices[static_cast<std::size_t>(j)].shift);
    base[static_cast<std::size_t>(o)] += offset * digit * static_cast<double>(layer.weight_scale[group]);
  };
  for_each_cell(program.tiling, weight_groups(program.tiling, layer.config), visit);
}

// Writes the constants of one layer's converters.
class Converters {
 public:
  Converters(LayerProgram& program, const CimLayer& layer)
      : program_(program),
        layer_(layer),
        weights_(weight_groups(program.tiling, layer.config)),
        psums_(psum_groups(program.tiling, layer.config)) {}

  void fill(std::span<const float> bias) {
    const quant::ColumnGrid& grid = program_.tiling.grid;
    base_.assign(static_cast<std::size_t>(grid.outputs), 0.0);
    for (std::size_t o = 0; o < bias.size(); ++o) base_[o] = static_cast<double>(bias[o]);
    const auto sets = static_cast<std::size_t>(quant::range_sets(layer_.config));
    for (std::size_t i = 0; i < sets; ++i) {
      for (int t = 0; t < grid.tiles; ++t) {
        for (int j = 0; j < grid.slices; ++j) {
          for (int o = 0; o < grid.outputs; ++o) add_column(i, t, j, o);
        }
      }
    }
    if (layer_.activation_offset != 0.0f) add_offset(program_, layer_, base_);
    program_.base.assign(base_.begin(), base_.end());
  }

 private:
  // Of the cycles that share converter i.
  double input_weight(std::size_t i) const {
    if (layer_.config.cycle_ranges) return std::ldexp(1.0, program_.input_slices[i].shift);
    double sum = 0.0;
    for (const quant::BitSlice& slice : program_.input_slices) sum += std::ldexp(1.0, slice.shift);
    return sum;
  }

  void add_column(std::size_t i, int t, int j, int o) {
    const float scale = layer_.weight_scale[static_cast<std::size_t>(weights_.group(t, j, o))];
    const int shift = program_.weight_slices[static_cast<std::size_t>(j)].shift;
    const int levels = layer_.config.adc_levels;
    const std::size_t psum =
        i * static_cast<std::size_t>(psums_.count()) + static_cast<std::size_t>(psums_.group(t, j, o));
    if (layer_.config.free_levels) return add_levels(psum, layer_.activation_scale * scale, shift);
    const bool ideal = levels == quant::kIdealAdc;
    const AdcColumn column =
        quant::adc_column(layer_.activation_scale, scale, ideal ? 1.0f : layer_.psum_step[psum],
                          ideal ? 0.0f : layer_.psum_centre[psum], levels, shift);
    program_.gain.push_back(column.gain);
    program_.offset.push_back(column.offset);
    program_.weight.push_back(column.weight);
    base_[static_cast<std::size_t>(o)] += static_cast<double>(column.base) * input_weight(i);
  }

  void add_levels(std::size_t psum, float unit, int shift) {
    const auto levels = static_cast<std::size_t>(layer_.config.adc_levels);
    const float* own = layer_.psum_levels.data() + psum * levels;
    for (std::size_t k = 0; k < levels; ++k) program_.values.push_back(std::ldexp(own[k], shift));
    for (std::size_t k = 0; k + 1 < levels; ++k)
      program_.thresholds.push_back(0.5f * (own[k] + own[k + 1]) / unit);
  }

  LayerProgram& program_;
  const CimLayer& layer_;
  quant::GroupMap weights_, psums_;
  std::vector<double> base_;
};

}  // namespace

quant::AdcRow LayerProgram::converters(std::size_t cycle, int column, std::size_t count) const {
  const std::size_t at = (config.cycle_ranges ? cycle : 0) * static_cast<std::size_t>(tiling.grid.columns()) +
                         static_cast<std::size_t>(column);
  if (!config.free_levels)
    return {gain.data() + at, offset.data() + at, weight.data() + at, count, config.adc_levels};
  const auto levels = static_cast<std::size_t>(config.adc_levels);
  return {nullptr,
          nullptr,
          nullptr,
          count,
          config.adc_levels,
          thresholds.data() + at * (levels - 1),
          values.data() + at * levels};
}

std::string uneven_converters(const LayerProgram& program) {
  if (program.config.free_levels) return "converters have free levels";
  return program.config.cycle_ranges ? "converter ranges differ from cycle to cycle" : "";
}

float read_deviation(const LayerProgram& program, std::size_t tile) {
  return static_cast<float>(program.read_noise.sigma *
                            std::sqrt(static_cast<double>(program.tiling.rows(tile))));
}

std::int64_t largest_psum(const LayerProgram& program) {
  std::int64_t input = 1;
  for (const quant::BitSlice& s : program.input_slices) {
    input = std::max<std::int64_t>({input, std::abs(s.low()), s.high()});
  }
  const auto columns = static_cast<std::size_t>(program.tiling.grid.slices * program.tiling.grid.outputs);
  std::int64_t tallest = 1;
  for (std::size_t t = 0; t < program.tiling.tiles.size(); ++t) {
    std::vector<std::int64_t> sums(columns, 0);
    for (std::int64_t row = 0; row < program.tiling.rows(t); ++row) {
      const std::size_t begin = program.cell_index(t, row, 0, 0);
      for (std::size_t c = 0; c < columns; ++c) sums[c] += std::abs(std::int64_t{program.cells[begin + c]});
    }
    tallest = std::max(tallest, *std::max_element(sums.begin(), sums.end()));
  }
  return tallest * input;
}

LayerProgram compile_layer(const std::string& name, const mapping::LayerShape& shape,
                           std::span<const float> weight, std::span<const float> bias,
                           const CimLayer& layer) {
  LayerProgram program;
  program.name = name;
  program.config = layer.config;
  program.tiling = mapping::tile_layer(shape, layer.config, name);
  quant::check_scales(name, program.tiling.grid, layer);
  require_finite(name, weight);
  program.activation_scale = layer.activation_scale;
  program.activation_offset = layer.activation_offset;
  program.activation_range = quant::activation_range(layer);
  program.pad_code = quant::zero_code(layer);
  const int bits = layer.config.activation_bits;
  const int cycle_bits = layer.config.dac_bits == 0 ? bits : std::min(bits, layer.config.dac_bits);
  program.input_slices = layer.activation_signed ? quant::slice_signed(bits, cycle_bits)
                                                 : quant::slice_unsigned(bits, cycle_bits);
  program.weight_slices =
      quant::weight_encoding(layer.config.encoding).slices(layer.config.weight_bits, layer.config.cell_bits);
  std::size_t cells = 0;
  for (std::size_t t = 0; t < program.tiling.tiles.size(); ++t) {
    program.tile_offset.push_back(cells);
    cells += static_cast<std::size_t>(program.tiling.rows(t) * program.tiling.grid.slices *
                                      program.tiling.grid.outputs);
  }
  program.cells.reserve(cells);
  fill_cells(program, weight, layer);
  Converters(program, layer).fill(bias);
  return program;
}

}  // namespace bitline::sim
