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

quant::AdcRow RowLayer::converters(const Cycle& cycle, std::size_t slice) const {
  return program_.converters(cycle.input_slice, first_column(cycle, static_cast<int>(slice)),
                             static_cast<std::size_t>(group_outputs()));
}

std::size_t RowLayer::ordinal(const Cycle& cycle, std::size_t slice) const {
  return (cycle.tile * program_.input_slices.size() + cycle.input_slice) *
             static_cast<std::size_t>(program_.tiling.grid.slices) +
         slice;
}

void RowLayer::run(const ImageCodes& image, std::span<float> y, std::vector<float>* trace) const {
  const WindowGeometry geometry(shape(), image.size);
  const std::int64_t pixels = geometry.pixels();
  const auto columns = static_cast<std::int64_t>(columns_per_pixel());
  float* codes_out = nullptr;
  if (trace != nullptr) {
    const std::size_t old = trace->size();
    trace->resize(old + static_cast<std::size_t>(pixels * columns));
    codes_out = trace->data() + old;
  }
  std::vector<WordlineBytes> digits;
  for (const quant::BitSlice& slice : program_.input_slices)
    digits.emplace_back(geometry, image.codes, 1, slice, program_.pad_code);
  for (std::int64_t first = 0; first < pixels; first += kBlockPixels) {
    const std::uint64_t counted =
        image.index * static_cast<std::uint64_t>(pixels) + static_cast<std::uint64_t>(first);
    run_block(digits, {first, std::min(kBlockPixels, pixels - first), counted,
                       y.data() + first * shape().out_channels,
                       codes_out == nullptr ? nullptr : codes_out + first * columns});
  }
}

void RowLayer::run_block(const std::vector<WordlineBytes>& digits, const Block& block) const {
  for (std::int64_t p = 0; p < block.count; ++p)
    std::copy(program_.base.begin(), program_.base.end(), block.y + p * shape().out_channels);
  thread_local std::vector<std::uint8_t> bytes;
  for (std::size_t t = 0; t < program_.tiling.tiles.size(); ++t) {
    const mapping::RowTile& tile = program_.tiling.tiles[t];
    const std::size_t stride = row_stride(t);
    bytes.resize(static_cast<std::size_t>(block.count) * stride + WordlineBytes::kOverrun);
    for (std::int64_t g = 0; g < shape().groups; ++g) {
      for (std::size_t i = 0; i < digits.size(); ++i) {
        digits[i].gather(g * shape().group_inputs() + tile.first_channel, tile.channels, block.first,
                         block.count, stride, bytes.data());
        run_cycle({t, g, i}, {bytes.data(), block.count, stride}, block);
      }
    }
  }
}

void RowLayer::run_cycle(const Cycle& cycle, const RowBlock& rows, const Block& block) const {
  const bool noisy = program_.read_noise.active();
  if (!noisy) convert(cycle, rows, block.y);
  if (!noisy && block.trace == nullptr) return;
  const Sums sums = read(cycle, rows, block);
  if (noisy) convert_sums(cycle, sums, block);
  if (block.trace != nullptr) write_trace(cycle, sums, block);
}

RowLayer::Sums RowLayer::read(const Cycle& cycle, const RowBlock& rows, const Block& block) const {
  const auto outputs = static_cast<std::size_t>(group_outputs());
  const auto slices = static_cast<std::size_t>(program_.tiling.grid.slices);
  Sums sums(static_cast<std::size_t>(rows.count) * slices * outputs);
  add_up(cycle, rows, sums.data());
  if (!program_.read_noise.active()) return sums;
  const float deviation = read_deviation(program_, cycle.tile);
  Conversions at;
  at.ordinals = program_.tiling.tiles.size() * program_.input_slices.size() * slices;
  at.first_output = static_cast<std::uint64_t>(cycle.group) * outputs;
  at.outputs = static_cast<std::uint64_t>(program_.tiling.grid.outputs);
  for (std::size_t p = 0; p < static_cast<std::size_t>(rows.count); ++p) {
    at.pixel = block.counted + p;
    for (std::size_t j = 0; j < slices; ++j) {
      at.ordinal = ordinal(cycle, j);
      add_read_noise(program_.read_noise, deviation, at,
                     std::span(sums).subspan((p * slices + j) * outputs, outputs));
    }
  }
  return sums;
}

void RowLayer::convert_sums(const Cycle& cycle, const Sums& sums, const Block& block) const {
  const float input_weight = std::ldexp(1.0f, program_.input_slices[cycle.input_slice].shift);
  const auto outputs = static_cast<std::size_t>(group_outputs());
  const auto slices = static_cast<std::size_t>(program_.tiling.grid.slices);
  for (std::size_t p = 0; p < static_cast<std::size_t>(block.count); ++p) {
    float* y = block.y + p * program_.base.size() + static_cast<std::size_t>(cycle.group) * outputs;
    for (std::size_t j = 0; j < slices; ++j)
      quant::adc_accumulate(converters(cycle, j), sums.data() + (p * slices + j) * outputs, input_weight, y);
  }
}

void RowLayer::write_trace(const Cycle& cycle, const Sums& sums, const Block& block) const {
  const auto outputs = static_cast<std::size_t>(group_outputs());
  const auto slices = static_cast<std::size_t>(program_.tiling.grid.slices);
  const auto all_outputs = static_cast<std::size_t>(program_.tiling.grid.outputs);
  for (std::size_t p = 0; p < static_cast<std::size_t>(block.count); ++p) {
    for (std::size_t j = 0; j < slices; ++j) {
      quant::adc_codes(converters(cycle, j), sums.data() + (p * slices + j) * outputs,
                       block.trace + p * columns_per_pixel() + ordinal(cycle, j) * all_outputs +
                           static_cast<std::size_t>(cycle.group) * outputs);
    }
  }
}

void RowLayer::gate_sums(const Cycle& cycle, const RowBlock& rows, const GateBlock& block) const {
  const auto outputs = static_cast<std::size_t>(group_outputs());
  const auto slices = static_cast<std::size_t>(program_.tiling.grid.slices);
  thread_local std::vector<float> sums;
  sums.resize(static_cast<std::size_t>(rows.count) * slices * outputs);
  add_up(cycle, rows, sums.data());
  std::fill_n(block.step, slices * outputs, 0.0f);
  std::fill_n(block.centre, slices * outputs, 0.0f);
  for (std::size_t p = 0; p < static_cast<std::size_t>(rows.count); ++p) {
    const float* dy = block.dy + p * program_.base.size() + static_cast<std::size_t>(cycle.group) * outputs;
    for (std::size_t j = 0; j < slices; ++j) {
      quant::adc_backward(converters(cycle, j), sums.data() + (p * slices + j) * outputs,
                          {dy, gate_factor(cycle, static_cast<int>(j)), gate_share()},
                          block.gated + p * outputs, block.step + j * outputs, block.centre + j * outputs,
                          block.slopes);
    }
  }
}

}  // namespace bitline::sim
