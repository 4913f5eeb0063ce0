#include "bitline/sim/impl/byte_image.h"

#include <cstring>

namespace bitline::sim {

namespace {

// Short runs are copied in whole pieces; what a piece writes too much, the next run overwrites.
void copy_run(const std::uint8_t* from, std::size_t count, std::uint8_t* to) {
  constexpr std::size_t kPiece = ByteImage::kOverrun;
  for (std::size_t i = 0; i < count; i += kPiece) std::memcpy(to + i, from + i, kPiece);
}

}  // namespace

void ByteImage::fill(std::span<const float> codes, const mapping::LayerShape& shape, ImageSize input,
                     const quant::BitSlice& slice) {
  window_ = shape.window;
  channels_ = shape.in_channels;
  width_ = input.width + window_.pad_begin[1] + window_.pad_end[1];
  const std::int64_t height = input.height + window_.pad_begin[0] + window_.pad_end[0];
  const int low = slice.low();
  bytes_.assign(static_cast<std::size_t>(height * width_ * channels_) + kOverrun,
                static_cast<std::uint8_t>(-low));
  for (std::int64_t y = 0; y < input.height; ++y) {
    std::uint8_t* row =
        bytes_.data() + ((y + window_.pad_begin[0]) * width_ + window_.pad_begin[1]) * channels_;
    for (std::int64_t c = 0; c < channels_; ++c) {
      const float* source = codes.data() + (c * input.height + y) * input.width;
      for (std::int64_t x = 0; x < input.width; ++x) {
        row[x * channels_ + c] =
            static_cast<std::uint8_t>(quant::slice_digit(static_cast<int>(source[x]), slice) - low);
      }
    }
  }
}

void ByteImage::gather(std::int64_t first_channel, std::int64_t channels, ImageSize output,
                       std::int64_t first, std::int64_t count, std::size_t stride, std::uint8_t* rows) const {
  const auto run = static_cast<std::size_t>(channels);
  for (std::int64_t p = first; p < first + count; ++p, rows += stride) {
    const std::int64_t top = p / output.width * window_.stride[0];
    const std::int64_t left = p % output.width * window_.stride[1];
    std::uint8_t* to = rows;
    for (std::int64_t ky = 0; ky < window_.kernel[0]; ++ky) {
      const std::uint8_t* from =
          bytes_.data() + ((top + ky * window_.dilation[0]) * width_ + left) * channels_ + first_channel;
      for (std::int64_t kx = 0; kx < window_.kernel[1]; ++kx, to += run) {
        copy_run(from + kx * window_.dilation[1] * channels_, run, to);
      }
    }
  }
}

}  // namespace bitline::sim
