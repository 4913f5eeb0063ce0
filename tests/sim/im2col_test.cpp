// Wordline inputs against the definition of a convolution's window.
#include "bitline/sim/im2col.h"

#include "sim/random_layer.h"
#include <gtest/gtest.h>

namespace bitline::sim {
namespace {

// The value under tap (channel, ky, kx) of output pixel (oy, ox); 0 in the padding.
float tap(const RandomLayer& layer, std::int64_t channel, std::int64_t ky, std::int64_t kx, std::int64_t oy,
          std::int64_t ox) {
  const ir::Window& w = layer.shape.window;
  const std::int64_t y = oy * w.stride[0] + ky * w.dilation[0] - w.pad_begin[0];
  const std::int64_t x = ox * w.stride[1] + kx * w.dilation[1] - w.pad_begin[1];
  if (y < 0 || x < 0 || y >= layer.input.height || x >= layer.input.width) return 0.0f;
  return layer.codes[static_cast<std::size_t>((channel * layer.input.height + y) * layer.input.width + x)];
}

std::vector<float> expected_columns(const RandomLayer& layer, RowBlock block) {
  const ImageSize out = output_size(layer.shape, layer.input);
  std::vector<float> columns;
  for (std::int64_t c = 0; c < layer.shape.in_channels; ++c) {
    for (std::int64_t k = 0; k < layer.shape.window_size(); ++k) {
      const std::int64_t width = layer.shape.window.kernel[1];
      for (std::int64_t p = 0; p < block.count * out.width; ++p) {
        columns.push_back(tap(layer, c, k / width, k % width, block.first + p / out.width, p % out.width));
      }
    }
  }
  return columns;
}

TEST(Im2col, EveryRowIsTheShiftedImage) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    const RandomLayer layer = random_convolution(seed);
    const ImageSize out = output_size(layer.shape, layer.input);
    for (const RowBlock block :
         {RowBlock{0, out.height}, RowBlock{out.height / 2, out.height - out.height / 2}}) {
      const std::vector<float> expected = expected_columns(layer, block);
      std::vector<float> columns(expected.size(), -99.0f);
      im2col(layer.codes.data(), layer.shape, layer.input, 0, layer.shape.in_channels, block, columns.data());
      ASSERT_EQ(columns, expected) << "seed " << seed << ": " << layer.text();
    }
  }
}

TEST(Im2col, ChannelsAreTakenFromTheFirstAsked) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const RandomLayer layer = random_convolution(seed);
    const ImageSize out = output_size(layer.shape, layer.input);
    const std::vector<float> all = expected_columns(layer, {0, out.height});
    const std::size_t each = all.size() / static_cast<std::size_t>(layer.shape.in_channels);
    const std::int64_t last = layer.shape.in_channels - 1;
    std::vector<float> columns(each);
    im2col(layer.codes.data(), layer.shape, layer.input, last, 1, {0, out.height}, columns.data());
    EXPECT_TRUE(std::equal(columns.begin(), columns.end(), all.end() - static_cast<std::ptrdiff_t>(each)));
  }
}

TEST(Im2col, BackIsTheTranspose) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const RandomLayer layer = random_convolution(seed);
    const ImageSize out = output_size(layer.shape, layer.input);
    const std::vector<float> columns = expected_columns(layer, {0, out.height});
    Dice dice(seed);
    std::vector<float> other(columns.size());
    for (float& v : other) v = static_cast<float>(dice.between(-3, 3));
    std::vector<float> image(layer.codes.size(), 0.0f);
    col2im(other.data(), layer.shape, layer.input, 0, layer.shape.in_channels, {0, out.height}, image.data());
    double forward = 0.0, backward = 0.0;
    for (std::size_t i = 0; i < columns.size(); ++i) forward += double(columns[i]) * double(other[i]);
    for (std::size_t i = 0; i < image.size(); ++i) backward += double(layer.codes[i]) * double(image[i]);
    EXPECT_EQ(forward, backward) << "seed " << seed;
  }
}

TEST(Im2col, BlocksHaveAtLeastOneRow) {
  EXPECT_EQ(rows_per_block({32, 32}, 256), 8);
  EXPECT_EQ(rows_per_block({32, 500}, 256), 1);
  EXPECT_EQ(rows_per_block({3, 4}, 256), 3);
}

}  // namespace
}  // namespace bitline::sim
