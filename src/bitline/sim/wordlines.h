// The wordline inputs of a layer: which activation reaches which row of an array.
//
// Images are NHWC (channels innermost). The rows of a row tile are ordered (ky, kx, channel), so that the
// inputs of one output pixel are a few contiguous runs of the image with its padding written out. Activation
// codes and their digits are unsigned: code - low of the range (quant::Code), digit - low of the slice (a
// byte).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bitline/mapping/tiling.h"
#include "bitline/quant/lsq.h"
#include "bitline/quant/slicing.h"

namespace bitline::sim {

struct ImageSize {
  std::int64_t height = 1;
  std::int64_t width = 1;
};

ImageSize output_size(const mapping::LayerShape& shape, ImageSize input);

// Where the taps of an output pixel lie in a padded image.
class WindowGeometry {
 public:
  WindowGeometry(const mapping::LayerShape& shape, ImageSize input);

  ImageSize input() const { return input_; }
  ImageSize output() const { return output_; }
  std::int64_t pixels() const { return output_.height * output_.width; }  // of the output
  std::int64_t channels() const { return channels_; }
  std::size_t image_size() const {
    return static_cast<std::size_t>(input_.height * input_.width * channels_);
  }
  std::size_t padded_size() const { return static_cast<std::size_t>(padded_height_ * row_); }
  // First element of input row y in the padded image.
  std::int64_t row_start(std::int64_t y) const { return (y + top_) * row_ + left_ * channels_; }
  // First element under the window of an output pixel; add tap() for the tap (ky, kx).
  std::int64_t corner(std::int64_t pixel) const {
    return pixel / output_.width * step_y_ + pixel % output_.width * step_x_;
  }
  std::int64_t step_x() const { return step_x_; }  // from corner to corner in a row of the output
  std::span<const std::int64_t> taps() const { return taps_; }

 private:
  ImageSize input_, output_;
  std::int64_t channels_, top_, left_, padded_height_, row_, step_y_, step_x_;
  std::vector<std::int64_t> taps_;
};

// The digits of one input slice of a few images, padded.
class WordlineBytes {
 public:
  // codes: [image][H][W][C]. pad_code: of the padding.
  WordlineBytes(const WindowGeometry& geometry, std::span<const quant::Code> codes, std::int64_t images,
                const quant::BitSlice& slice, int pad_code = 0);

  const std::uint8_t* image() const { return bytes_.data(); }  // of the first image, padding included
  // The window of an output pixel, counted through all images: add a tap and a channel. kOverrun bytes behind
  // its last channel may be read.
  const std::uint8_t* window(std::int64_t pixel) const;
  // rows[pixel][(ky, kx, channel)] of the tile's channels, for output pixels [first, first + count) counted
  // through all images; `stride` bytes a pixel. Up to kOverrun bytes behind the last row are overwritten.
  void gather(std::int64_t first_channel, std::int64_t channels, std::int64_t first, std::int64_t count,
              std::size_t stride, std::uint8_t* rows) const;

  static constexpr std::size_t kOverrun = 16;

 private:
  const WindowGeometry& geometry_;
  std::vector<std::uint8_t> bytes_;
};

// The transpose of gather, on gradients: rows [pixel][stride] are added to padded images of floats.
void scatter_rows(const WindowGeometry& geometry, std::int64_t first_channel, std::int64_t channels,
                  std::int64_t first, std::int64_t count, std::size_t stride, const float* rows,
                  float* padded);

// Rows of bytes [pixel][stride] as dense floats [pixel][width], each byte + low.
void rows_to_floats(const std::uint8_t* bytes, std::size_t stride, std::int64_t count, std::size_t width,
                    float low, float* out);
// The same of a higher slice: adds each byte * 2^shift.
void add_rows(const std::uint8_t* bytes, std::size_t stride, std::int64_t count, std::size_t width, int shift,
              float* out);

// The bytes that hold whole activation codes: slices of kByteBits, one or two.
inline constexpr int kByteBits = 8;
std::vector<quant::BitSlice> byte_slices(const quant::CodeRange& range);

}  // namespace bitline::sim
