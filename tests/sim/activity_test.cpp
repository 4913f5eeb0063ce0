// Ones on wordlines and in cells: by hand, against a count through all windows, and for any threads.
#include "bitline/sim/activity.h"

#include <cstdlib>

#include "sim/random_layer.h"
#include "sim/small_net.h"
#include <gtest/gtest.h>

#include "bitline/quant/encoding.h"
#include "bitline/sim/calibrate.h"

namespace bitline::sim {
namespace {

DigitCount counted(const LayerProgram& program, const std::vector<quant::Code>& codes, ImageSize size) {
  const std::int64_t values = program.tiling.shape.in_channels * size.height * size.width;
  return count_inputs(program, {codes, std::ssize(codes) / values, size, 0});
}

// One channel of 2x2 codes 1 2 / 3 0 under a 2x2 kernel with a row of padding on top; bit by bit.
RandomLayer small_layer(const char* encoding) {
  RandomLayer l;
  l.shape.window.kernel = {2, 2};
  l.shape.window.pad_begin = {1, 0};
  l.layer.config.encoding = encoding;
  l.layer.config.adc_levels = quant::kIdealAdc;
  l.layer.config.activation_bits = 2;
  l.layer.config.weight_bits = 3;
  l.layer.config.cell_bits = 2;
  l.layer.config.dac_bits = 1;
  l.layer.weight_scale = {1.0f};
  l.weight = {3.0f, -3.0f, 1.0f, -1.0f};
  l.input = {2, 2};
  l.codes = {1, 2, 3, 0};
  return l;
}

TEST(Activity, ASmallLayerByHand) {
  const RandomLayer layer = small_layer("twos-complement");
  const LayerProgram program = layer.compile();
  // two windows: padding over 1 2, and 1 2 over 3 0: bits 1 1, twice, and 2 of the 3
  const std::vector<quant::Code> codes = layer.bytes();
  EXPECT_EQ(counted(program, codes, layer.input), (DigitCount{2 + 2 + 2, 2 * 4 * 2, 1}));
  // 3 = 011, -3 = 101, 1 = 001, -1 = 111: low two bits 3 1 1 3, sign digits 0 -1 0 -1 stored as 1 0 1 0
  EXPECT_EQ(count_cells(program), (DigitCount{8 + 2, 8, 3}));
  EXPECT_DOUBLE_EQ(count_cells(program).density(), 10.0 / 24.0);
}

TEST(Activity, PairsHoldMagnitudesInOneOfTwoCells) {
  EXPECT_EQ(count_cells(small_layer("differential").compile()), (DigitCount{3 + 3 + 1 + 1, 2 * 4, 3}));
}

TEST(Activity, WideDigitsCountTheirSize) {
  RandomLayer layer = small_layer("twos-complement");
  layer.layer.config.dac_bits = 0;
  const LayerProgram program = layer.compile();
  const std::vector<quant::Code> codes = layer.bytes();
  EXPECT_EQ(counted(program, codes, layer.input), (DigitCount{(1 + 2) * 2 + 3, 2 * 4, 3}));
}

TEST(Activity, PaddingOfAnOffsetIsDriven) {
  RandomLayer layer = small_layer("twos-complement");
  layer.layer.activation_offset = -3.0f;  // zero is code 3
  const LayerProgram program = layer.compile();
  ASSERT_EQ(program.pad_code, 3);
  const std::vector<quant::Code> codes = layer.bytes();
  EXPECT_EQ(counted(program, codes, layer.input).sum, 6 + 2 * 2);
}

// Digit by digit through every window, row and cycle, the code read as the reference kernel does.
DigitCount through_windows(const RandomLayer& layer, const LayerProgram& program,
                           const std::vector<quant::Code>& bytes) {
  const ir::Window& w = layer.shape.window;
  const ImageSize out = output_size(layer.shape, layer.input);
  DigitCount count;
  for (std::int64_t p = 0; p < out.height * out.width; ++p) {
    for (std::int64_t row = 0; row < layer.shape.in_channels * layer.shape.window_size(); ++row) {
      const std::int64_t c = row / layer.shape.window_size(), tap = row % layer.shape.window_size();
      const std::int64_t y = p / out.width * w.stride[0] + tap / w.kernel[1] * w.dilation[0] - w.pad_begin[0];
      const std::int64_t x = p % out.width * w.stride[1] + tap % w.kernel[1] * w.dilation[1] - w.pad_begin[1];
      const bool inside = y >= 0 && x >= 0 && y < layer.input.height && x < layer.input.width;
      const std::int64_t at = (y * layer.input.width + x) * layer.shape.in_channels + c;
      const int code =
          inside ? bytes[static_cast<std::size_t>(at)] + program.activation_range.low : program.pad_code;
      for (const quant::BitSlice& slice : program.input_slices) {
        count.sum += std::abs(quant::slice_digit(code, slice));
        ++count.digits;
      }
    }
  }
  return count;
}

TEST(Activity, EqualsACountThroughTheWindows) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    RandomLayer layer = seed % 3 == 0   ? random_depthwise(seed)
                        : seed % 3 == 1 ? random_convolution(seed)
                                        : random_bit_serial(seed);
    if (seed % 2 == 0) layer.layer.activation_offset = -0.2f;
    const LayerProgram program = layer.compile();
    const std::vector<quant::Code> codes = layer.bytes();
    const DigitCount fast = counted(program, codes, layer.input);
    const DigitCount slow = through_windows(layer, program, codes);
    ASSERT_EQ(fast.sum, slow.sum) << "seed " << seed << ": " << layer.text();
    ASSERT_EQ(fast.digits, slow.digits) << "seed " << seed << ": " << layer.text();
    ASSERT_LE(fast.density(), 1.0) << "seed " << seed << ": " << layer.text();
  }
}

// The levels of each weight's cells from its code, without the program's order of cells.
std::int64_t levels_of(const RandomLayer& layer) {
  const quant::WeightEncoding& encoding = quant::weight_encoding(layer.layer.config.encoding);
  const quant::CodeRange range = quant::weight_range(layer.layer.config);
  std::int64_t sum = 0;
  for (const float w : layer.weight) {
    const int code = static_cast<int>(quant::lsq_code(
        w, layer.layer.weight_scale[0], static_cast<float>(range.low), static_cast<float>(range.high)));
    if (encoding.cells_per_digit == 2) {
      for (const quant::BitSlice& s :
           encoding.slices(layer.layer.config.weight_bits, layer.layer.config.cell_bits))
        sum += std::abs(encoding.digit(code, s));
      continue;
    }
    // A sign bit alone is stored as it is; beside others in a cell it is turned over, so that zero lies at
    // half range.
    const int bits = layer.layer.config.weight_bits, cell_bits = layer.layer.config.cell_bits;
    const int stored = (bits - 1) % cell_bits == 0 ? code : code - range.low;
    for (int bit = 0; bit < bits; ++bit) sum += (stored >> bit & 1) << bit % cell_bits;
  }
  return sum;
}

TEST(Activity, CellsHoldTheBitsOfCodes) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    RandomLayer layer = random_convolution(seed);
    layer.layer.config.weight_granularity = quant::Granularity::kLayer;
    layer.layer.config.slice_scales = false;
    layer.layer.weight_scale.resize(1);
    const DigitCount cells = count_cells(layer.compile());
    ASSERT_EQ(cells.sum, levels_of(layer)) << "seed " << seed << ": " << layer.text();
    ASSERT_LE(cells.density(), 1.0) << "seed " << seed << ": " << layer.text();
  }
}

class Counted : public ::testing::Test {
 protected:
  static quant::QuantizedModel model() {
    CalibrateOptions options;
    options.config.dac_bits = 1;
    using mapping::Placement;
    options.policy = {Placement::kArray, Placement::kDigital, Placement::kArray, {}};
    return calibrate(small_net(3), random_images(8, 4), options, Context{});
  }
  static std::vector<LayerDigits> counted(const Network& network, std::vector<std::int64_t> batches,
                                          int threads) {
    Context context;
    context.threads = threads;
    return count_digits(network, random_batches(std::move(batches), 11), context);
  }
};

TEST_F(Counted, TheLayersOnArraysInOrder) {
  const Network network(model());
  const std::vector<LayerDigits> layers = counted(network, {3}, 1);
  ASSERT_EQ(layers.size(), 3u);  // fc is digital
  EXPECT_EQ(layers[0].node, "conv1");
  EXPECT_EQ(layers[2].node, "conv3");
  EXPECT_EQ(layers[0].inputs.digits, 3 * 9 * 8 * 27 * 4);  // images, windows, rows, cycles
  for (const LayerDigits& layer : layers) {
    EXPECT_GT(layer.inputs.density(), 0.0);
    EXPECT_LT(layer.inputs.density(), 1.0);
  }
}

TEST_F(Counted, TheSameForAnyThreadsAndBatches) {
  const Network network(model());
  const std::vector<LayerDigits> one = counted(network, {40, 7}, 1);
  EXPECT_EQ(counted(network, {40, 7}, 2), one);
  EXPECT_EQ(counted(network, {40, 7}, 5), one);
}

}  // namespace
}  // namespace bitline::sim
