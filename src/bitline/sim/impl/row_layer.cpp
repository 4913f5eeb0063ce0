#include "bitline/sim/impl/row_layer.h"

#include <algorithm>
#include <cmath>

#include "bitline/quant/adc.h"

namespace bitline::sim {

namespace {

constexpr std::int64_t kBlockPixels = 64;  // their bytes and outputs stay in the first cache

}  // namespace

std::size_t RowLayer::row_stride(std::size_t tile) const {
  return static_cast<std::size_t>((program_.tiling.rows(tile) + kQuad - 1) / kQuad * kQuad);
}

int RowLayer::first_column(const Cycle& cycle, int slice) const {
  return program_.tiling.grid.column(static_cast<int>(cycle.tile), slice,
                                     static_cast<int>(cycle.group * group_outputs()));
}

float RowLayer::gate_share() const {
  return 1.0f / static_cast<float>(program_.tiling.grid.slices * std::ssize(program_.input_slices));
}

float RowLayer::gate_factor(const Cycle& cycle, int slice) const {
  return std::ldexp(1.0f, program_.weight_slices[static_cast<std::size_t>(slice)].shift +
                              program_.input_slices[cycle.input_slice].shift);
}

std::size_t RowLayer::columns_per_pixel() const {
  return static_cast<std::size_t>(program_.tiling.grid.columns()) * program_.input_slices.size();
}

void RowLayer::run(std::span<const std::uint8_t> codes, ImageSize input, std::span<float> y,
                   std::vector<float>* trace) const {
  const WindowGeometry geometry(shape(), input);
  const auto columns = static_cast<std::int64_t>(columns_per_pixel());
  float* codes_out = nullptr;
  if (trace != nullptr) {
    const std::size_t old = trace->size();
    trace->resize(old + static_cast<std::size_t>(geometry.pixels() * columns));
    codes_out = trace->data() + old;
  }
  std::vector<WordlineBytes> digits;
  for (const quant::BitSlice& slice : program_.input_slices) digits.emplace_back(geometry, codes, 1, slice);
  for (std::int64_t first = 0; first < geometry.pixels(); first += kBlockPixels) {
    run_block(digits, first, std::min(kBlockPixels, geometry.pixels() - first),
              y.data() + first * shape().out_channels,
              codes_out == nullptr ? nullptr : codes_out + first * columns);
  }
}

void RowLayer::run_block(const std::vector<WordlineBytes>& digits, std::int64_t first, std::int64_t count,
                         float* y, float* trace) const {
  for (std::int64_t p = 0; p < count; ++p)
    std::copy(program_.base.begin(), program_.base.end(), y + p * shape().out_channels);
  thread_local std::vector<std::uint8_t> bytes;
  for (std::size_t t = 0; t < program_.tiling.tiles.size(); ++t) {
    const mapping::RowTile& tile = program_.tiling.tiles[t];
    const std::size_t stride = row_stride(t);
    bytes.resize(static_cast<std::size_t>(count) * stride + WordlineBytes::kOverrun);
    for (std::int64_t g = 0; g < shape().groups; ++g) {
      for (std::size_t i = 0; i < digits.size(); ++i) {
        digits[i].gather(g * shape().group_inputs() + tile.first_channel, tile.channels, first, count, stride,
                         bytes.data());
        const RowBlock rows{bytes.data(), count, stride};
        convert({t, g, i}, rows, y);
        if (trace != nullptr) write_trace({t, g, i}, rows, trace);
      }
    }
  }
}

void RowLayer::write_trace(const Cycle& cycle, const RowBlock& rows, float* trace) const {
  const auto& grid = program_.tiling.grid;
  const auto outputs = static_cast<std::size_t>(group_outputs());
  const auto slices = static_cast<std::size_t>(grid.slices);
  std::vector<float> sums(static_cast<std::size_t>(rows.count) * slices * outputs);
  add_up(cycle, rows, sums.data());
  const std::size_t first = (cycle.tile * program_.input_slices.size() + cycle.input_slice) * slices;
  for (std::size_t p = 0; p < static_cast<std::size_t>(rows.count); ++p) {
    for (std::size_t j = 0; j < slices; ++j) {
      const int column = first_column(cycle, static_cast<int>(j));
      const quant::AdcRow row{program_.gain.data() + column, program_.offset.data() + column,
                              program_.weight.data() + column, outputs, program_.config.adc_levels};
      quant::adc_codes(row, sums.data() + (p * slices + j) * outputs,
                       trace + p * columns_per_pixel() +
                           (first + j) * static_cast<std::size_t>(grid.outputs) +
                           static_cast<std::size_t>(cycle.group) * outputs);
    }
  }
}

}  // namespace bitline::sim
