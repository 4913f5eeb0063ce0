#include "bitline/sim/wordlines.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "bitline/base/wide.h"

namespace bitline::sim {

namespace {

constexpr std::size_t kPiece = WordlineBytes::kOverrun;

// The runs of one pixel, in whole pieces; what a piece writes too much, the next run overwrites.
void copy_runs(const std::uint8_t* window, std::span<const std::int64_t> taps, std::size_t run,
               std::uint8_t* to) {
  if (run <= kPiece) {
    for (const std::int64_t tap : taps) {
      std::memcpy(to, window + tap, kPiece);
      to += run;
    }
    return;
  }
  for (const std::int64_t tap : taps) {
    for (std::size_t i = 0; i < run; i += kPiece) std::memcpy(to + i, window + tap + i, kPiece);
    to += run;
  }
}

BITLINE_WIDE void to_floats(const std::uint8_t* __restrict bytes, float low, float* __restrict out,
                            std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<float>(bytes[i]) + low;
}

BITLINE_WIDE void add_floats(const std::uint8_t* __restrict bytes, float weight, float* __restrict out,
                             std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] += static_cast<float>(bytes[i]) * weight;
}

BITLINE_WIDE void digits_of(const quant::Code* __restrict codes, unsigned shift, unsigned mask,
                            std::uint8_t* __restrict digits, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) digits[i] = static_cast<std::uint8_t>((codes[i] >> shift) & mask);
}

// Adds the runs of one pixel to the places of its taps.
BITLINE_WIDE void add_runs(const float* __restrict runs, const std::int64_t* taps, std::size_t tap_count,
                           std::size_t channels, float* __restrict window) {
  for (std::size_t tap = 0; tap < tap_count; ++tap, runs += channels) {
    float* to = window + taps[tap];
    for (std::size_t c = 0; c < channels; ++c) to[c] += runs[c];
  }
}

}  // namespace

ImageSize output_size(const mapping::LayerShape& shape, ImageSize input) {
  return {shape.window.output_extent(0, input.height), shape.window.output_extent(1, input.width)};
}

WindowGeometry::WindowGeometry(const mapping::LayerShape& shape, ImageSize input)
    : input_(input), output_(output_size(shape, input)), channels_(shape.in_channels) {
  const ir::Window& w = shape.window;
  top_ = w.pad_begin[0];
  left_ = w.pad_begin[1];
  padded_height_ = input.height + w.pad_begin[0] + w.pad_end[0];
  row_ = (input.width + w.pad_begin[1] + w.pad_end[1]) * channels_;
  step_y_ = w.stride[0] * row_;
  step_x_ = w.stride[1] * channels_;
  for (std::int64_t ky = 0; ky < w.kernel[0]; ++ky) {
    for (std::int64_t kx = 0; kx < w.kernel[1]; ++kx)
      taps_.push_back(ky * w.dilation[0] * row_ + kx * w.dilation[1] * channels_);
  }
}

WordlineBytes::WordlineBytes(const WindowGeometry& geometry, std::span<const quant::Code> codes,
                             std::int64_t images, const quant::BitSlice& slice, int pad_code)
    : geometry_(geometry) {
  const auto row = static_cast<std::size_t>(geometry.input().width * geometry.channels());
  const unsigned mask = (1U << slice.bits) - 1U;
  const auto shift = static_cast<unsigned>(slice.shift);
  bytes_.assign(static_cast<std::size_t>(images) * geometry.padded_size() + kOverrun,
                static_cast<std::uint8_t>(quant::slice_digit(pad_code, slice) - slice.low()));
  const quant::Code* source = codes.data();
  for (std::int64_t n = 0; n < images; ++n) {
    std::uint8_t* image = bytes_.data() + static_cast<std::size_t>(n) * geometry.padded_size();
    for (std::int64_t y = 0; y < geometry.input().height; ++y, source += row) {
      std::uint8_t* to = image + geometry.row_start(y);
      digits_of(source, shift, mask, to, row);
    }
  }
}

const std::uint8_t* WordlineBytes::window(std::int64_t pixel) const {
  const std::int64_t image = pixel / geometry_.pixels();
  return bytes_.data() + static_cast<std::size_t>(image) * geometry_.padded_size() +
         geometry_.corner(pixel - image * geometry_.pixels());
}

void WordlineBytes::gather(std::int64_t first_channel, std::int64_t channels, std::int64_t first,
                           std::int64_t count, std::size_t stride, std::uint8_t* rows) const {
  const auto run = static_cast<std::size_t>(channels);
  const std::int64_t width = geometry_.output().width;
  for (std::int64_t p = first; p < first + count;) {
    const std::int64_t row_end = std::min(first + count, (p / width + 1) * width);
    const std::uint8_t* at = window(p) + first_channel;
    for (; p < row_end; ++p, rows += stride, at += geometry_.step_x())
      copy_runs(at, geometry_.taps(), run, rows);
  }
}

void scatter_rows(const WindowGeometry& geometry, std::int64_t first_channel, std::int64_t channels,
                  std::int64_t first, std::int64_t count, std::size_t stride, const float* rows,
                  float* padded) {
  for (std::int64_t p = first; p < first + count; ++p, rows += stride) {
    const std::int64_t image = p / geometry.pixels();
    float* window = padded + static_cast<std::size_t>(image) * geometry.padded_size() +
                    geometry.corner(p - image * geometry.pixels()) + first_channel;
    add_runs(rows, geometry.taps().data(), geometry.taps().size(), static_cast<std::size_t>(channels),
             window);
  }
}

void rows_to_floats(const std::uint8_t* bytes, std::size_t stride, std::int64_t count, std::size_t width,
                    float low, float* out) {
  for (std::int64_t p = 0; p < count; ++p, bytes += stride, out += width) to_floats(bytes, low, out, width);
}

void add_rows(const std::uint8_t* bytes, std::size_t stride, std::int64_t count, std::size_t width, int shift,
              float* out) {
  const float weight = std::ldexp(1.0f, shift);
  for (std::int64_t p = 0; p < count; ++p, bytes += stride, out += width)
    add_floats(bytes, weight, out, width);
}

std::vector<quant::BitSlice> byte_slices(const quant::CodeRange& range) {
  int bits = 1;
  while ((1 << bits) < range.levels()) ++bits;
  return range.low < 0 ? quant::slice_signed(bits, kByteBits) : quant::slice_unsigned(bits, kByteBits);
}

}  // namespace bitline::sim
