// Wordline inputs against the definition of a convolution's window.
#include "bitline/sim/wordlines.h"

#include <cmath>

#include "sim/random_layer.h"
#include <gtest/gtest.h>

namespace bitline::sim {
namespace {

constexpr std::int64_t kImages = 2;

// The codes of two images, the second backwards, [image][H][W][C].
std::vector<quant::Code> two_images(const RandomLayer& layer) {
  std::vector<quant::Code> codes = layer.bytes();
  codes.insert(codes.end(), codes.rbegin(), codes.rend());
  return codes;
}

// Where tap (ky, kx) of an output pixel, counted through the images, reads [image][H][W]; -1 in the
// padding.
std::int64_t source(const RandomLayer& layer, std::int64_t pixel, std::int64_t tap) {
  const ir::Window& w = layer.shape.window;
  const ImageSize out = output_size(layer.shape, layer.input);
  const std::int64_t image = pixel / (out.height * out.width);
  const std::int64_t oy = pixel / out.width % out.height, ox = pixel % out.width;
  const std::int64_t y = oy * w.stride[0] + tap / w.kernel[1] * w.dilation[0] - w.pad_begin[0];
  const std::int64_t x = ox * w.stride[1] + tap % w.kernel[1] * w.dilation[1] - w.pad_begin[1];
  if (y < 0 || x < 0 || y >= layer.input.height || x >= layer.input.width) return -1;
  return (image * layer.input.height + y) * layer.input.width + x;
}

TEST(Wordlines, RowsHoldTheDigitsUnderTheWindow) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    const RandomLayer layer = random_convolution(seed);
    const WindowGeometry geometry(layer.shape, layer.input);
    const std::vector<quant::Code> codes = two_images(layer);
    const std::int64_t pixels = kImages * geometry.pixels(), first = pixels / 3,
                       window = layer.shape.window_size();
    const std::int64_t channel = layer.shape.in_channels / 2, channels = layer.shape.in_channels - channel;
    const auto stride = static_cast<std::size_t>(channels * window + 3);
    for (const quant::BitSlice& slice : layer.compile().input_slices) {
      std::vector<std::uint8_t> rows(static_cast<std::size_t>(pixels - first) * stride +
                                     WordlineBytes::kOverrun);
      WordlineBytes(geometry, codes, kImages, slice)
          .gather(channel, channels, first, pixels - first, stride, rows.data());
      for (std::int64_t p = first; p < pixels; ++p) {
        for (std::int64_t row = 0; row < channels * window; ++row) {
          const std::int64_t at = source(layer, p, row / channels);
          const int low = quant::activation_range(layer.layer).low;
          const int code =
              at < 0
                  ? 0
                  : codes[static_cast<std::size_t>(at * layer.shape.in_channels + channel + row % channels)] +
                        low;
          const std::size_t byte =
              static_cast<std::size_t>(p - first) * stride + static_cast<std::size_t>(row);
          ASSERT_EQ(rows[byte] + slice.low(), quant::slice_digit(code, slice))
              << "seed " << seed << ": " << layer.text() << ", pixel " << p << " row " << row;
        }
      }
    }
  }
}

TEST(Wordlines, ScatterIsTheTransposeOfGather) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    RandomLayer layer = random_convolution(seed);
    layer.layer.activation_signed = false;
    const WindowGeometry geometry(layer.shape, layer.input);
    std::vector<quant::Code> codes = two_images(layer);
    for (quant::Code& code : codes) code &= 0xffu;
    const std::int64_t pixels = kImages * geometry.pixels(), channels = layer.shape.in_channels;
    const auto stride = static_cast<std::size_t>(channels * layer.shape.window_size());
    std::vector<std::uint8_t> rows(static_cast<std::size_t>(pixels) * stride + WordlineBytes::kOverrun);
    const WordlineBytes bytes(geometry, codes, kImages, {0, 8, false});
    bytes.gather(0, channels, 0, pixels, stride, rows.data());
    Dice dice(seed);
    const std::vector<float> gradient = dice.normals(pixels * static_cast<std::int64_t>(stride), 1.0f);
    std::vector<float> padded(kImages * geometry.padded_size(), 0.0f);
    scatter_rows(geometry, 0, channels, 0, pixels, stride, gradient.data(), padded.data());
    double forward = 0.0, backward = 0.0;  // <gather(codes), g> = <codes, scatter(g)>
    for (std::size_t i = 0; i < gradient.size(); ++i) forward += double(rows[i]) * double{gradient[i]};
    for (std::size_t n = 0; n < kImages; ++n) {
      for (std::int64_t y = 0; y < layer.input.height; ++y) {
        const auto width = static_cast<std::size_t>(layer.input.width * channels);
        const float* row = padded.data() + n * geometry.padded_size() + geometry.row_start(y);
        const quant::Code* code =
            codes.data() + n * geometry.image_size() + static_cast<std::size_t>(y) * width;
        for (std::size_t i = 0; i < width; ++i) backward += double{row[i]} * double(code[i]);
      }
    }
    ASSERT_NEAR(forward, backward, 1e-3 * (1.0 + std::abs(forward)))
        << "seed " << seed << ": " << layer.text();
  }
}

TEST(Wordlines, WholeCodesAreBytes) {
  EXPECT_EQ(byte_slices(quant::unsigned_range(5)).at(0).bits, 5);
  EXPECT_EQ(byte_slices(quant::signed_range(5)).at(0).low(), -16);
  EXPECT_EQ(byte_slices(quant::signed_range(1)).at(0).low(), -1);
  EXPECT_EQ(byte_slices(quant::signed_range(8)).size(), 1u);
  // a pixel of three channels, 12 bits: two bytes of every code
  for (const quant::CodeRange range : {quant::unsigned_range(12), quant::signed_range(12)}) {
    const std::vector<quant::Code> codes = {0, 1237, 4095};
    mapping::LayerShape shape;
    shape.in_channels = 3;
    const WindowGeometry geometry(shape, {});
    std::vector<float> whole(3);
    const std::vector<quant::BitSlice> slices = byte_slices(range);
    ASSERT_EQ(slices.size(), 2u);
    for (const quant::BitSlice& slice : slices) {
      const WordlineBytes bytes(geometry, codes, 1, slice);
      std::vector<std::uint8_t> rows(3 + WordlineBytes::kOverrun);
      bytes.gather(0, 3, 0, 1, 3, rows.data());
      if (slice.shift == 0) rows_to_floats(rows.data(), 3, 1, 3, static_cast<float>(range.low), whole.data());
      if (slice.shift > 0) add_rows(rows.data(), 3, 1, 3, slice.shift, whole.data());
    }
    for (std::size_t i = 0; i < codes.size(); ++i)
      EXPECT_EQ(whole[i], static_cast<float>(codes[i]) + static_cast<float>(range.low));
  }
}

}  // namespace
}  // namespace bitline::sim
