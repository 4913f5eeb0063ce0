// The wordline inputs of a row tile: which activation reaches which row, for a block of output pixels.
//
// Rows are ordered as the weights (channel, ky, kx); the matrix is [rows][pixels], so that each row is a
// shifted copy of an image row. Padding is zero.
#pragma once

#include <cstdint>

#include "bitline/mapping/tiling.h"

namespace bitline::sim {

struct ImageSize {
  std::int64_t height = 1;
  std::int64_t width = 1;
};

struct RowBlock {  // output rows [first, first + count)
  std::int64_t first = 0;
  std::int64_t count = 0;
};

ImageSize output_size(const mapping::LayerShape& shape, ImageSize input);

// How many output rows make a block of about `pixels` pixels (at least one row).
std::int64_t rows_per_block(ImageSize output, std::int64_t pixels);

// columns[row][pixel] = image[first_channel + ..][...]. `image` is [C][H][W]; channels [first, first +
// count).
void im2col(const float* image, const mapping::LayerShape& shape, ImageSize input, std::int64_t first_channel,
            std::int64_t channel_count, RowBlock block, float* columns);

// The transpose of im2col: adds columns back into the image.
void col2im(const float* columns, const mapping::LayerShape& shape, ImageSize input,
            std::int64_t first_channel, std::int64_t channel_count, RowBlock block, float* image);

}  // namespace bitline::sim
