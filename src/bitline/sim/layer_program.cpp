#include "bitline/sim/layer_program.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "bitline/base/error.h"
#include "bitline/quant/encoding.h"
#include "bitline/quant/lsq.h"

namespace bitline::sim {

namespace {

using quant::AdcColumn;
using quant::CimConfig;
using quant::CimLayer;

void require_scales(const std::string& layer, const char* what, const std::vector<float>& values, int count,
                    bool positive) {
  const Where where{{}, 0, 0, layer};
  if (values.size() != static_cast<std::size_t>(count)) {
    bad_input(std::string(what) + " has " + std::to_string(values.size()) + " entries, expected " +
                  std::to_string(count),
              where, "the scales belong to another geometry or granularity");
  }
  for (const float v : values) {
    if (!std::isfinite(v) || (positive && v <= 0.0f)) {
      bad_input(std::string(what) + " holds " + std::to_string(v) +
                    (positive ? ", expected a positive finite number" : ", expected a finite number"),
                where);
    }
  }
}

void check_state(const std::string& name, const mapping::LayerTiling& tiling, const CimLayer& layer) {
  const CimConfig& config = layer.config;
  require_scales(name, "activation scale", {layer.activation_scale}, 1, true);
  require_scales(name, "weight scale", layer.weight_scale, weight_groups(tiling, config).count(), true);
  if (config.adc_levels == quant::kIdealAdc) return;
  const int groups = psum_groups(tiling, config).count();
  require_scales(name, "partial-sum step", layer.psum_step, groups, true);
  require_scales(name, "partial-sum centre", layer.psum_centre, groups, false);
}

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

// The constants of column (t, j, o).
AdcColumn column_constants(const LayerProgram& program, const CimLayer& layer, int t, int j, int o) {
  const auto weight = static_cast<std::size_t>(weight_groups(program.tiling, layer.config).group(t, j, o));
  const int shift = program.weight_slices[static_cast<std::size_t>(j)].shift;
  const float scale = layer.weight_scale[weight];
  const int levels = layer.config.adc_levels;
  if (levels == quant::kIdealAdc) {
    return quant::adc_column(layer.activation_scale, scale, 1.0f, 0.0f, levels, shift);
  }
  const auto psum = static_cast<std::size_t>(psum_groups(program.tiling, layer.config).group(t, j, o));
  return quant::adc_column(layer.activation_scale, scale, layer.psum_step[psum], layer.psum_centre[psum],
                           levels, shift);
}

void fill_columns(LayerProgram& program, std::span<const float> bias, const CimLayer& layer) {
  const quant::ColumnGrid& grid = program.tiling.grid;
  double input_weight = 0.0;
  for (const quant::BitSlice& slice : program.input_slices) input_weight += std::ldexp(1.0, slice.shift);
  std::vector<double> base(static_cast<std::size_t>(grid.outputs), 0.0);
  for (std::size_t o = 0; o < bias.size(); ++o) base[o] = static_cast<double>(bias[o]);
  for (int t = 0; t < grid.tiles; ++t) {
    for (int j = 0; j < grid.slices; ++j) {
      for (int o = 0; o < grid.outputs; ++o) {
        const AdcColumn column = column_constants(program, layer, t, j, o);
        program.gain.push_back(column.gain);
        program.offset.push_back(column.offset);
        program.weight.push_back(column.weight);
        base[static_cast<std::size_t>(o)] += static_cast<double>(column.base) * input_weight;
      }
    }
  }
  program.base.assign(base.begin(), base.end());
}

}  // namespace

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
  check_state(name, program.tiling, layer);
  require_finite(name, weight);
  program.activation_scale = layer.activation_scale;
  program.activation_range = quant::activation_range(layer);
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
  fill_columns(program, bias, layer);
  return program;
}

}  // namespace bitline::sim
