#include "bitline/sim/im2col.h"

#include <algorithm>
#include <cstring>

namespace bitline::sim {

namespace {

// Output columns [begin, end) of a row whose input column x = ox * stride + shift lies inside the image.
struct Run {
  std::int64_t begin, end, shift;
};

Run valid_run(const ir::Window& w, std::int64_t kx, std::int64_t in_width, std::int64_t out_width) {
  const std::int64_t stride = w.stride[1];
  const std::int64_t shift = kx * w.dilation[1] - w.pad_begin[1];
  const std::int64_t begin = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
  const std::int64_t end = in_width - shift <= 0 ? 0 : (in_width - shift - 1) / stride + 1;
  return {std::min(begin, out_width), std::clamp(end, std::min(begin, out_width), out_width), shift};
}

// Calls visit(row, input row pointer offset or -1, output offset, run) for each tap and output row.
template <class Visit>
void walk(const mapping::LayerShape& shape, ImageSize input, std::int64_t first_channel,
          std::int64_t channel_count, RowBlock block, Visit&& visit) {
  const ir::Window& w = shape.window;
  const ImageSize out = output_size(shape, input);
  std::int64_t row = 0;
  for (std::int64_t c = first_channel; c < first_channel + channel_count; ++c) {
    for (std::int64_t ky = 0; ky < w.kernel[0]; ++ky) {
      for (std::int64_t kx = 0; kx < w.kernel[1]; ++kx, ++row) {
        const Run run = valid_run(w, kx, input.width, out.width);
        for (std::int64_t r = 0; r < block.count; ++r) {
          const std::int64_t y = (block.first + r) * w.stride[0] + ky * w.dilation[0] - w.pad_begin[0];
          const bool inside = y >= 0 && y < input.height;
          const std::int64_t source = inside ? (c * input.height + y) * input.width + run.shift : -1;
          visit(row, inside, source, (row * block.count + r) * out.width, run, out.width);
        }
      }
    }
  }
}

}  // namespace

ImageSize output_size(const mapping::LayerShape& shape, ImageSize input) {
  return {shape.window.output_extent(0, input.height), shape.window.output_extent(1, input.width)};
}

std::int64_t rows_per_block(ImageSize output, std::int64_t pixels) {
  return std::clamp<std::int64_t>(pixels / std::max<std::int64_t>(output.width, 1), 1,
                                  std::max<std::int64_t>(output.height, 1));
}

void im2col(const float* image, const mapping::LayerShape& shape, ImageSize input, std::int64_t first_channel,
            std::int64_t channel_count, RowBlock block, float* columns) {
  const std::int64_t stride = shape.window.stride[1];
  walk(shape, input, first_channel, channel_count, block,
       [&](std::int64_t, bool inside, std::int64_t source, std::int64_t target, const Run& run,
           std::int64_t width) {
         float* out = columns + target;
         if (!inside) {
           std::fill(out, out + width, 0.0f);
           return;
         }
         std::fill(out, out + run.begin, 0.0f);
         std::fill(out + run.end, out + width, 0.0f);
         const float* in = image + source;
         if (stride == 1) {
           std::copy(in + run.begin, in + run.end, out + run.begin);
         } else {
           for (std::int64_t x = run.begin; x < run.end; ++x) out[x] = in[x * stride];
         }
       });
}

void col2im(const float* columns, const mapping::LayerShape& shape, ImageSize input,
            std::int64_t first_channel, std::int64_t channel_count, RowBlock block, float* image) {
  const std::int64_t stride = shape.window.stride[1];
  walk(
      shape, input, first_channel, channel_count, block,
      [&](std::int64_t, bool inside, std::int64_t source, std::int64_t target, const Run& run, std::int64_t) {
        if (!inside) return;
        const float* in = columns + target;
        float* out = image + source;
        for (std::int64_t x = run.begin; x < run.end; ++x) out[x * stride] += in[x];
      });
}

}  // namespace bitline::sim
