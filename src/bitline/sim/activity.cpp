#include "bitline/sim/activity.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <numeric>

#include "bitline/base/error.h"
#include "bitline/base/wide.h"
#include "bitline/quant/stored_levels.h"

namespace bitline::sim {

namespace {

using Magnitudes = std::vector<std::int64_t>;  // by code - lowest code

std::int64_t largest_digit(int bits) {
  return (std::int64_t{1} << bits) - 1;
}

std::int64_t largest_input(const quant::CimConfig& config) {
  return largest_digit(config.dac_bits == 0 ? config.activation_bits : config.dac_bits);
}

std::int64_t magnitude_of(int code, const std::vector<quant::BitSlice>& slices) {
  std::int64_t sum = 0;
  for (const quant::BitSlice& slice : slices) sum += std::abs(quant::slice_digit(code, slice));
  return sum;
}

// In how many windows each index of an axis lies.
std::vector<std::int64_t> windows_over(const ir::Window& w, std::size_t axis, std::int64_t input,
                                       std::int64_t output) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(input), 0);
  for (std::int64_t o = 0; o < output; ++o) {
    for (std::int64_t k = 0; k < w.kernel[axis]; ++k) {
      const std::int64_t at = o * w.stride[axis] + k * w.dilation[axis] - w.pad_begin[axis];
      if (at >= 0 && at < input) ++out[static_cast<std::size_t>(at)];
    }
  }
  return out;
}

std::int64_t sum_of(const quant::Code* codes, std::size_t count, const Magnitudes& magnitudes) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += magnitudes[codes[i]];
  return sum;
}

// The levels of one cell of each digit (quant::StoredLevels::level): of at most 2^22 digits of at most eight
// bits.
BITLINE_WIDE std::int32_t sum_of_levels(const std::int32_t* digits, std::size_t count, std::int32_t sign,
                                        std::int32_t reference) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t level = sign * digits[i] + reference;
    sum += level > 0 ? level : 0;
  }
  return sum;
}

}  // namespace

DigitCount count_inputs(const LayerProgram& program, const BatchCodes& batch) {
  const mapping::LayerShape& shape = program.tiling.shape;
  const ImageSize out = output_size(shape, batch.size);
  Magnitudes magnitudes;
  for (int code = program.activation_range.low; code <= program.activation_range.high; ++code)
    magnitudes.push_back(magnitude_of(code, program.input_slices));
  const auto down = windows_over(shape.window, 0, batch.size.height, out.height);
  const auto across = windows_over(shape.window, 1, batch.size.width, out.width);
  const auto channels = static_cast<std::size_t>(shape.in_channels);
  DigitCount count;
  const quant::Code* codes = batch.codes.data();
  for (std::int64_t n = 0; n < batch.images; ++n) {
    for (const std::int64_t y : down) {
      for (const std::int64_t x : across) {
        count.sum += y * x * sum_of(codes, channels, magnitudes);
        codes += channels;
      }
    }
  }
  const std::int64_t rows = shape.in_channels * batch.images;
  const std::int64_t taps = out.height * out.width * shape.window_size();
  const std::int64_t inside = std::accumulate(down.begin(), down.end(), std::int64_t{0}) *
                              std::accumulate(across.begin(), across.end(), std::int64_t{0});
  count.sum += rows * (taps - inside) * magnitude_of(program.pad_code, program.input_slices);
  count.digits = rows * taps * std::ssize(program.input_slices);
  count.largest = largest_input(program.config);
  return count;
}

DigitCount count_cells(const LayerProgram& program) {
  BITLINE_CHECK(program.fraction_bits == 0);
  std::vector<quant::StoredLevels> levels;
  for (const quant::BitSlice& slice : program.weight_slices) levels.emplace_back(program.config, slice);
  const auto run = static_cast<std::size_t>(program.tiling.grid.outputs);  // cells of one row and slice
  DigitCount count;
  for (std::size_t first = 0, slice = 0; first < program.cells.size(); first += run, ++slice) {
    const quant::StoredLevels& stored = levels[slice % levels.size()];
    for (int cell = 0; cell < stored.cells(); ++cell)
      count.sum += sum_of_levels(program.cells.data() + first, run, stored.sign(cell), stored.reference());
  }
  count.digits = std::ssize(program.cells) * levels.front().cells();
  count.largest = largest_digit(program.config.cell_bits);
  return count;
}

std::vector<LayerDigits> count_digits(const Network& network, const BatchSource& images,
                                      const Context& context) {
  struct Tally {
    std::size_t index = 0;
    std::atomic<std::int64_t> sum{0}, digits{0};
  };
  std::vector<LayerDigits> out;
  std::map<const LayerProgram*, Tally> tallies;
  for (const LayerProgram* program : network.programs()) {
    if (program->config.digital) continue;
    tallies[program].index = out.size();
    out.push_back({program->name, {}, count_cells(*program)});
  }
  const LayerRunner count = [&](const LayerProgram& program, const BatchCodes& batch, std::span<float>,
                                std::vector<float>*) {
    if (const auto it = tallies.find(&program); it != tallies.end()) {
      const DigitCount inputs = count_inputs(program, batch);
      it->second.sum += inputs.sum;
      it->second.digits += inputs.digits;
    }
    return false;  // the kernel runs the layer
  };
  const Forward forward = [&](const ir::Tensor& x, std::uint64_t first) {
    return network.forward(x, nullptr, first, count);
  };
  evaluate({forward}, images, context);
  for (const auto& [program, tally] : tallies) {
    out[tally.index].inputs = {tally.sum, tally.digits, largest_input(program->config)};
  }
  return out;
}

}  // namespace bitline::sim
