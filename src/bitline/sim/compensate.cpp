#include "bitline/sim/compensate.h"

#include <algorithm>
#include <cstdint>

#include "bitline/quant/compensated_rounding.h"
#include "bitline/quant/lsq.h"
#include "bitline/sim/layer_program.h"
#include "bitline/sim/layout.h"
#include "bitline/sim/matmul.h"
#include "bitline/sim/wordlines.h"

namespace bitline::sim {

namespace {

constexpr std::int64_t kBlockPixels = 4096;

// Second moments of the rows (ky, kx, channel) of one convolution group, in activation codes.
std::vector<float> moments_of(const mapping::LayerShape& shape, const ir::Tensor& last,
                              const quant::CimLayer& layer, std::int64_t group) {
  const ImageSize size = last.shape.size() == 4 ? ImageSize{last.dim(2), last.dim(3)} : ImageSize{};
  const WindowGeometry geometry(shape, size);
  const quant::CodeRange range = quant::activation_range(layer);
  std::vector<std::uint8_t> codes(last.size());
  quant::lsq_bytes(last.data, layer.activation_scale, range, codes);
  const WordlineBytes bytes(geometry, codes, last.dim(0), whole_code(range));
  const std::int64_t rows = shape.group_inputs() * shape.window_size(),
                     pixels = geometry.pixels() * last.dim(0);
  const auto stride = static_cast<std::size_t>(rows);
  std::vector<float> moments(stride * stride, 0.0f), dense;
  std::vector<std::uint8_t> gathered(kBlockPixels * stride + WordlineBytes::kOverrun);
  for (std::int64_t first = 0; first < pixels; first += kBlockPixels) {
    const std::int64_t count = std::min(kBlockPixels, pixels - first);
    dense.resize(static_cast<std::size_t>(count) * stride);
    bytes.gather(group * shape.group_inputs(), shape.group_inputs(), first, count, stride, gathered.data());
    rows_to_floats(gathered.data(), stride, count, stride, static_cast<float>(range.low), dense.data());
    matmul({rows, rows, count}, dense.data(), true, dense.data(), false, 1.0f, moments.data());
  }
  return moments;
}

}  // namespace

void compensate_weights(const mapping::LayerShape& shape, const ir::Tensor& x, const quant::CimLayer& layer,
                        std::vector<float>& weight) {
  const mapping::LayerTiling tiling = mapping::tile_layer(shape, layer.config, "layer");
  std::vector<float> scales(weight.size());
  for_each_cell(tiling, weight_groups(tiling, layer.config),
                [&](std::size_t, std::int64_t, int, int, std::size_t index, std::size_t group) {
                  scales[index] = layer.weight_scale[group];
                });
  const ir::Tensor last = x.shape.size() == 4 ? to_channels_last(x) : x;
  const std::int64_t window = shape.window_size(), channels = shape.group_inputs(),
                     outputs = shape.group_outputs();
  const auto rows = static_cast<std::size_t>(window * channels), width = static_cast<std::size_t>(outputs);
  std::vector<float> matrix(rows * width), grid(rows * width);
  for (std::int64_t g = 0; g < shape.groups; ++g) {
    // [O][channel][tap] to [tap][channel][O], and back.
    const auto for_each_weight = [&](auto&& visit) {
      for (std::int64_t o = 0; o < outputs; ++o) {
        for (std::int64_t c = 0; c < channels; ++c) {
          for (std::int64_t tap = 0; tap < window; ++tap)
            visit(static_cast<std::size_t>(((g * outputs + o) * channels + c) * window + tap),
                  static_cast<std::size_t>((tap * channels + c) * outputs + o));
        }
      }
    };
    for_each_weight([&](std::size_t from, std::size_t to) {
      matrix[to] = weight[from];
      grid[to] = scales[from];
    });
    quant::round_compensated(moments_of(shape, last, layer, g), window * channels, outputs, grid,
                             quant::weight_range(layer.config), matrix);
    for_each_weight([&](std::size_t to, std::size_t from) { weight[to] = matrix[from]; });
  }
}

}  // namespace bitline::sim
