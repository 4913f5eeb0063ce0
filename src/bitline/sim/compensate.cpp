#include "bitline/sim/compensate.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "bitline/quant/compensated_rounding.h"
#include "bitline/quant/lsq.h"
#include "bitline/sim/layer_program.h"
#include "bitline/sim/layout.h"
#include "bitline/sim/matmul.h"
#include "bitline/sim/wordlines.h"

namespace bitline::sim {

namespace {

constexpr std::int64_t kExactSum = std::int64_t{1} << 24;  // integers of fp32
constexpr std::int64_t kMostPixels = 4096;                 // gathered at once
constexpr int kCodeBits = 8;

int dropped_bits(const quant::CimLayer& layer) {
  return std::max(0, layer.config.activation_bits - kCodeBits);
}

// The activation codes of all images, and how many pixels' products an exact fp32 sum holds.
struct LayerInputs {
  const WordlineBytes& bytes;
  std::int64_t pixels;
  std::int64_t block;
  float low;
  double offset = 0.0;  // of a value, in codes
};

// Of codes of more than eight bits, the upper eight: what products of fp32 hold exactly.
std::vector<quant::Code> codes_of(const ir::Tensor& last, const quant::CimLayer& layer) {
  std::vector<quant::Code> codes(last.size());
  quant::lsq_codes(last.data, layer.activation_scale, quant::activation_range(layer), codes,
                   layer.activation_offset);
  if (const int shift = dropped_bits(layer); shift > 0)
    for (quant::Code& code : codes) code = static_cast<quant::Code>(code >> shift);
  return codes;
}

// Second moments of the rows (ky, kx, channel) of one convolution group, in activation codes: exact, so the
// same on every processor.
std::vector<double> moments_of(const mapping::LayerShape& shape, const LayerInputs& inputs,
                               std::int64_t group) {
  const std::int64_t rows = shape.group_inputs() * shape.window_size();
  const auto stride = static_cast<std::size_t>(rows);
  std::vector<double> moments(stride * stride, 0.0), totals(stride, 0.0);
  std::vector<float> dense(static_cast<std::size_t>(inputs.block) * stride), sums(moments.size());
  std::vector<std::uint8_t> gathered(dense.size() + WordlineBytes::kOverrun);
  for (std::int64_t first = 0; first < inputs.pixels; first += inputs.block) {
    const std::int64_t count = std::min(inputs.block, inputs.pixels - first);
    inputs.bytes.gather(group * shape.group_inputs(), shape.group_inputs(), first, count, stride,
                        gathered.data());
    rows_to_floats(gathered.data(), stride, count, stride, inputs.low, dense.data());
    matmul({rows, rows, count}, dense.data(), true, dense.data(), false, 0.0f, sums.data());
    for (std::size_t i = 0; i < sums.size(); ++i) moments[i] += static_cast<double>(sums[i]);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count) * stride; ++i)
      totals[i % stride] += static_cast<double>(dense[i]);
  }
  // sum (a + d)(b + d) = sum ab + d (sum a + sum b) + d^2 n
  const double all = inputs.offset * static_cast<double>(inputs.pixels);
  for (std::size_t i = 0; i < moments.size(); ++i)
    moments[i] += inputs.offset * (totals[i / stride] + totals[i % stride] + all);
  return moments;
}

}  // namespace

std::int64_t compensate_weights(const mapping::LayerShape& shape, const ir::Tensor& x,
                                const quant::CimLayer& layer, std::vector<float>& weight) {
  const mapping::LayerTiling tiling = mapping::tile_layer(shape, layer.config, "layer");
  std::vector<float> scales(weight.size());
  for_each_cell(tiling, weight_groups(tiling, layer.config),
                [&](std::size_t, std::int64_t, int, int, std::size_t index, std::size_t group) {
                  scales[index] = layer.weight_scale[group];
                });
  const ir::Tensor last = x.shape.size() == 4 ? to_channels_last(x) : x;
  const ImageSize size = x.shape.size() == 4 ? ImageSize{x.dim(2), x.dim(3)} : ImageSize{};
  quant::CodeRange range = quant::activation_range(layer);
  range = {range.low >> dropped_bits(layer), range.high >> dropped_bits(layer)};
  const WindowGeometry geometry(shape, size);
  const WordlineBytes bytes(geometry, codes_of(last, layer), x.dim(0), byte_slices(range).front());
  const std::int64_t largest = std::max(-range.low, range.high);
  const LayerInputs inputs{
      bytes, geometry.pixels() * x.dim(0), std::min(kMostPixels, kExactSum / (largest * largest)),
      static_cast<float>(range.low),
      std::ldexp(static_cast<double>(layer.activation_offset) / static_cast<double>(layer.activation_scale),
                 -dropped_bits(layer))};
  const std::int64_t window = shape.window_size(), channels = shape.group_inputs(),
                     outputs = shape.group_outputs();
  const auto rows = static_cast<std::size_t>(window * channels), width = static_cast<std::size_t>(outputs);
  std::vector<float> matrix(rows * width), grid(rows * width);
  std::int64_t kept = 0;
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
    kept += quant::round_compensated(moments_of(shape, inputs, g), window * channels, outputs, grid,
                                     quant::weight_range(layer.config), matrix);
    for_each_weight([&](std::size_t to, std::size_t from) { weight[to] = matrix[from]; });
  }
  return kept;
}

}  // namespace bitline::sim
