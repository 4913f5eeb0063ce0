// Depthwise layers (one input and one output channel a group): vectors run across the channels, which lie
// side by side in an NHWC image, so no rows are gathered. The other kernels would fill one lane of a vector.
#include <algorithm>
#include <cmath>
#include <limits>

#include "bitline/base/wide.h"
#include "bitline/quant/adc.h"
#include "bitline/sim/impl/kernels.h"

namespace bitline::sim {

namespace {

constexpr std::size_t kLanes = 16;  // channels that are added up together

// The cells of one weight slice: [channel block][tap][lane].
struct DepthwiseSlice {
  std::vector<std::int16_t> cells;
  std::vector<std::int32_t> shift;  // [input slice][channel], what a signed slice adds to a sum
};

struct Taps {
  const std::int64_t* offset;
  std::size_t count;
};

// sums[c] += sum over taps of window[offset + c] * cells[tap][c], for one block of channels. `Sum` holds them
// all.
template <class Sum>
[[gnu::always_inline]] inline void add_block(const std::uint8_t* window, Taps taps, const std::int16_t* cells,
                                             float* sums, const std::int32_t* shift, float unit,
                                             std::size_t channels) {
  Sum total[kLanes] = {};
  for (std::size_t t = 0; t < taps.count; ++t, cells += kLanes) {
    const std::uint8_t* in = window + taps.offset[t];
    for (std::size_t c = 0; c < kLanes; ++c)
      total[c] = static_cast<Sum>(total[c] + static_cast<Sum>(in[c]) * static_cast<Sum>(cells[c]));
  }
  for (std::size_t c = 0; c < channels; ++c) sums[c] = static_cast<float>(total[c] + shift[c]) * unit;
}

template <class Sum>
[[gnu::always_inline]] inline void add_pixel(const std::uint8_t* window, Taps taps, const std::int16_t* cells,
                                             float* sums, const std::int32_t* shift, float unit,
                                             std::size_t channels) {
  for (std::size_t c = 0; c < channels; c += kLanes, cells += taps.count * kLanes)
    add_block<Sum>(window + c, taps, cells, sums + c, shift + c, unit, std::min(kLanes, channels - c));
}

BITLINE_WIDE void add_narrow(const std::uint8_t* window, Taps taps, const std::int16_t* cells, float* sums,
                             const std::int32_t* shift, float unit, std::size_t channels) {
  add_pixel<std::int16_t>(window, taps, cells, sums, shift, unit, channels);
}

BITLINE_WIDE void add_wide(const std::uint8_t* window, Taps taps, const std::int16_t* cells, float* sums,
                           const std::int32_t* shift, float unit, std::size_t channels) {
  add_pixel<std::int32_t>(window, taps, cells, sums, shift, unit, channels);
}

// The same sums from the gathered rows of one channel.
std::int32_t add_rows(const std::uint8_t* rows, const std::int16_t* cells, std::size_t count) {
  std::int32_t sum = 0;
  for (std::size_t t = 0; t < count; ++t) sum += rows[t] * cells[t * kLanes];
  return sum;
}

// A bound on a sum of unsigned digits times cells.
std::int64_t largest_sum(const LayerProgram& program) {
  std::int64_t digit = 1, cell = 1;
  for (const quant::BitSlice& s : program.input_slices)
    digit = std::max<std::int64_t>(digit, s.high() - s.low());
  for (const std::int32_t c : program.cells) cell = std::max<std::int64_t>(cell, std::abs(c));
  return digit * cell * program.tiling.shape.window_size();
}

class DepthwiseLayer final : public PreparedLayer {
 public:
  explicit DepthwiseLayer(const LayerProgram& program)
      : program_(program),
        channels_(static_cast<std::size_t>(program.tiling.shape.in_channels)),
        taps_(static_cast<std::size_t>(program.tiling.shape.window_size())),
        unit_(std::ldexp(1.0f, -program.fraction_bits)),
        add_(largest_sum(program) <= std::numeric_limits<std::int16_t>::max() ? add_narrow : add_wide) {
    for (int j = 0; j < program.tiling.grid.slices; ++j) slices_.push_back(pack(j));
  }

  void run(const ImageCodes& image, std::span<float> y, std::vector<float>* trace) const override {
    const WindowGeometry geometry(program_.tiling.shape, image.size);
    std::vector<WordlineBytes> digits;
    for (const quant::BitSlice& slice : program_.input_slices)
      digits.emplace_back(geometry, image.codes, 1, slice, program_.pad_code);
    std::vector<float> sums(channels_);
    for (std::int64_t p = 0; p < geometry.pixels(); ++p) {
      float* out = y.data() + static_cast<std::size_t>(p) * channels_;
      std::copy(program_.base.begin(), program_.base.end(), out);
      for (std::size_t i = 0; i < digits.size(); ++i) {
        for (std::size_t j = 0; j < slices_.size(); ++j) {
          add_(digits[i].window(p), {geometry.taps().data(), taps_}, slices_[j].cells.data(), sums.data(),
               slices_[j].shift.data() + i * channels_, unit_, channels_);
          convert(i, j, sums, out, trace);
        }
      }
    }
  }

  std::size_t row_stride(std::size_t tile) const override {
    return static_cast<std::size_t>(program_.tiling.rows(tile));
  }

  void gate(const Cycle& cycle, const RowBlock& rows, const GateBlock& block) const override {
    const auto channel = static_cast<std::size_t>(cycle.group);
    const float share = 1.0f / static_cast<float>(slices_.size() * program_.input_slices.size());
    for (std::size_t j = 0; j < slices_.size(); ++j) {
      const DepthwiseSlice& slice = slices_[j];
      const std::int16_t* cells = slice.cells.data() + channel / kLanes * taps_ * kLanes + channel % kLanes;
      const float factor =
          std::ldexp(1.0f, program_.weight_slices[j].shift + program_.input_slices[cycle.input_slice].shift);
      block.step[j] = block.centre[j] = 0.0f;
      for (std::size_t p = 0; p < static_cast<std::size_t>(rows.count); ++p) {
        const std::int32_t sum = add_rows(rows.bytes + p * rows.stride, cells, taps_) +
                                 slice.shift[cycle.input_slice * channels_ + channel];
        const float psum = static_cast<float>(sum) * unit_;
        quant::adc_backward(converters(cycle.input_slice, j, channel, 1), &psum,
                            {block.dy + p * channels_ + channel, factor, share}, block.gated + p,
                            block.step + j, block.centre + j, block.slopes);
      }
    }
  }

 private:
  DepthwiseSlice pack(int j) const {
    DepthwiseSlice slice;
    slice.cells.assign((channels_ + kLanes - 1) / kLanes * taps_ * kLanes, 0);
    slice.shift.assign(program_.input_slices.size() * channels_, 0);
    for (std::size_t c = 0; c < channels_; ++c) {
      std::int32_t sum = 0;
      for (std::size_t t = 0; t < taps_; ++t) {
        const std::int32_t cell =
            program_
                .cells[program_.cell_index(0, static_cast<std::int64_t>(t), j, static_cast<std::int64_t>(c))];
        slice.cells[(c / kLanes * taps_ + t) * kLanes + c % kLanes] = static_cast<std::int16_t>(cell);
        sum += cell;
      }
      for (std::size_t i = 0; i < program_.input_slices.size(); ++i)
        slice.shift[i * channels_ + c] = sum * program_.input_slices[i].low();
    }
    return slice;
  }

  quant::AdcRow converters(std::size_t i, std::size_t j, std::size_t channel, std::size_t count) const {
    return program_.converters(
        i, program_.tiling.grid.column(0, static_cast<int>(j), static_cast<int>(channel)), count);
  }

  void convert(std::size_t i, std::size_t j, const std::vector<float>& sums, float* y,
               std::vector<float>* trace) const {
    const quant::AdcRow row = converters(i, j, 0, channels_);
    quant::adc_accumulate(row, sums.data(), std::ldexp(1.0f, program_.input_slices[i].shift), y);
    if (trace == nullptr) return;
    trace->resize(trace->size() + channels_);
    quant::adc_codes(row, sums.data(), trace->data() + trace->size() - channels_);
  }

  const LayerProgram& program_;
  std::size_t channels_, taps_;
  float unit_;
  decltype(&add_narrow) add_;
  std::vector<DepthwiseSlice> slices_;
};

class DepthwiseKernel final : public CimKernel {
 public:
  std::string name() const override { return "depthwise"; }
  std::string decline(const LayerProgram& program) const override {
    const mapping::LayerShape& shape = program.tiling.shape;
    if (shape.groups == 1 || shape.group_inputs() != 1 || shape.group_outputs() != 1)
      return "not a depthwise layer";
    if (program.read_noise.active()) return kDeclinesReadNoise;
    for (const std::int32_t cell : program.cells) {
      if (std::abs(cell) > std::numeric_limits<std::int16_t>::max()) return "cells overflow 16 bits";
    }
    return largest_sum(program) > std::numeric_limits<std::int32_t>::max() / 2 ? "sums overflow 32 bits" : "";
  }
  std::unique_ptr<PreparedLayer> prepare(const LayerProgram& program) const override {
    return std::make_unique<DepthwiseLayer>(program);
  }
};

}  // namespace

const CimKernel& depthwise_kernel() {
  static const DepthwiseKernel kernel;
  return kernel;
}

}  // namespace bitline::sim
