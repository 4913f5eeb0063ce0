#include "bitline/quant/weight_codes.h"

#include <algorithm>
#include <string>

#include "bitline/base/error.h"
#include "bitline/quant/encoding.h"
#include "bitline/quant/lsq.h"

namespace bitline::quant {

namespace {

std::int64_t window_of(const ir::Shape& weight) {
  std::int64_t window = 1;
  for (std::size_t axis = 2; axis < weight.size(); ++axis) window *= weight[axis];
  return window;
}

std::int64_t blocks(std::int64_t extent, std::int64_t block) {
  return (extent + block - 1) / block;
}

// At least 1. Error{kBadInput} when a window does not fit.
std::int64_t channels_of_a_tile(const ir::Shape& weight, const CimConfig& config) {
  const std::int64_t channels = tile_channels(weight[1], window_of(weight), config.array_rows);
  if (channels < 1) {
    bad_input("one kernel window needs " + std::to_string(window_of(weight)) + " rows, but the array has " +
              std::to_string(config.array_rows));
  }
  return channels;
}

}  // namespace

std::int64_t tile_channels(std::int64_t group_inputs, std::int64_t window, int array_rows) {
  return std::min(group_inputs, array_rows / window);
}

ColumnGrid column_grid(const ir::Shape& weight, const CimConfig& config) {
  const WeightEncoding& encoding = weight_encoding(config.encoding);
  ColumnGrid grid;
  grid.tiles = static_cast<int>(blocks(weight[1], channels_of_a_tile(weight, config)));
  grid.slices = static_cast<int>(encoding.slices(config.weight_bits, config.cell_bits).size());
  grid.outputs = static_cast<int>(weight[0]);
  grid.array_columns = std::max(1, config.array_columns / encoding.cells_per_digit);
  return grid;
}

ScaleBlock scale_block(const ir::Shape& weight, const CimConfig& config) {
  if (config.slice_scales)
    bad_input("its bit slices have weight scales of their own, so a weight has no one scale");
  const std::int64_t channels = channels_of_a_tile(weight, config);
  const Partition& p = partition(config.weight_granularity);
  ScaleBlock block{weight[1], weight[0]};
  if (p.by_tile) block.channels = channels;
  if (p.by_output) block.outputs = 1;
  if (p.by_column_tile) block.outputs = column_grid(weight, config).array_columns;
  return block;
}

std::size_t table_size(const ir::Shape& weight, const ScaleBlock& block) {
  return static_cast<std::size_t>(blocks(weight[1], block.channels) * blocks(weight[0], block.outputs));
}

std::vector<std::size_t> scale_entries(const ir::Shape& weight, const ScaleBlock& block) {
  const std::int64_t window = window_of(weight);
  const std::int64_t width = blocks(weight[0], block.outputs);
  std::vector<std::size_t> entries;
  entries.reserve(static_cast<std::size_t>(ir::element_count(weight)));
  for (std::int64_t o = 0; o < weight[0]; ++o) {
    for (std::int64_t c = 0; c < weight[1]; ++c) {
      const auto entry = static_cast<std::size_t>(c / block.channels * width + o / block.outputs);
      entries.insert(entries.end(), static_cast<std::size_t>(window), entry);
    }
  }
  return entries;
}

std::vector<float> weight_scales(const ir::Shape& weight, const CimLayer& layer) {
  const ScaleBlock block = scale_block(weight, layer.config);
  if (const std::size_t count = table_size(weight, block); layer.weight_scale.size() != count) {
    bad_input("it has " + std::to_string(layer.weight_scale.size()) + " weight scales, expected " +
              std::to_string(count));
  }
  std::vector<float> scales;
  for (const std::size_t entry : scale_entries(weight, block)) scales.push_back(layer.weight_scale[entry]);
  return scales;
}

std::vector<int> weight_codes(const ir::Tensor& weight, const CimLayer& layer) {
  const std::vector<float> scales = weight_scales(weight.shape, layer);
  const CodeRange range = weight_range(layer.config);
  std::vector<int> codes(weight.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<int>(
        lsq_code(weight.data[i], scales[i], static_cast<float>(range.low), static_cast<float>(range.high)));
  }
  return codes;
}

ir::Tensor on_grid(const ir::Tensor& weight, const CimLayer& layer) {
  const std::vector<float> scales = weight_scales(weight.shape, layer);
  const std::vector<int> codes = weight_codes(weight, layer);
  ir::Tensor out = weight;
  for (std::size_t i = 0; i < codes.size(); ++i) out.data[i] = static_cast<float>(codes[i]) * scales[i];
  return out;
}

}  // namespace bitline::quant
