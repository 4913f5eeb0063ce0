// Every kernel against the reference: the same output bits and the same ADC codes.
#include "bitline/sim/kernel.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>

#include "base/error_of.h"
#include "sim/emulated_kernels.h"
#include "sim/random_layer.h"
#include <gtest/gtest.h>

#include "bitline/base/cpu.h"
#include "bitline/sim/variation.h"

namespace bitline::sim {
namespace {

struct Output {
  std::vector<float> y, trace;
};

Output run(const CimKernel& kernel, const LayerProgram& program, const RandomLayer& layer) {
  const ImageSize out = output_size(layer.shape, layer.input);
  const std::vector<quant::Code> codes = layer.bytes();
  Output result;
  result.y.assign(static_cast<std::size_t>(layer.shape.out_channels * out.height * out.width), NAN);
  kernel.prepare(program)->run({codes, layer.input, layer.index}, result.y, &result.trace);
  return result;
}

Output run(const char* kernel, const LayerProgram& program, const RandomLayer& layer) {
  return run(choose_kernel(kernel, program), program, layer);
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// How many layers each kernel took.
using Taken = std::map<std::string, int>;

void expect_equal(const LayerProgram& program, const RandomLayer& layer, std::uint64_t seed, Taken& taken) {
  const Output reference = run("reference", program, layer);
  for (const CimKernel* kernel : all_kernels()) {
    if (!kernel->decline(program).empty()) continue;
    const Output output = run(*kernel, program, layer);
    ASSERT_EQ(reference.trace, output.trace) << kernel->name() << ", seed " << seed << ": " << layer.text();
    ASSERT_TRUE(same_bits(reference.y, output.y))
        << kernel->name() << ", seed " << seed << ": " << layer.text();
    ++taken[kernel->name()];
  }
}

// At least this many layers went through every kernel that this processor has, and the emulated ones.
void expect_taken(const Taken& taken, int least) {
  RandomLayer layer = random_linear(1);
  layer.layer.config.activation_bits = 4;
  layer.layer.config.dac_bits = 0;
  const LayerProgram ordinary = layer.compile();
  for (const CimKernel* kernel : all_kernels()) {
    if (!kernel->decline(ordinary).empty()) continue;  // another processor's, or for special layers
    EXPECT_TRUE(taken.count(kernel->name()) == 1 && taken.at(kernel->name()) >= least) << kernel->name();
  }
}

// An activation offset that leaves zero between two codes, a few of them away.
RandomLayer with_offset(RandomLayer layer, std::uint64_t seed) {
  layer.layer.activation_offset = layer.layer.activation_scale * (0.3f - static_cast<float>(seed % 5));
  return layer;
}

TEST(Kernels, LayersWithOffsetsEqualTheReferenceBitForBit) {
  Taken taken;
  int padded = 0;
  for (std::uint64_t seed = 1; seed <= 240; ++seed) {
    const RandomLayer layer = with_offset(seed % 4 == 0   ? random_bit_serial(seed)
                                          : seed % 4 == 1 ? random_depthwise(seed)
                                                          : random_convolution(seed),
                                          seed);
    const LayerProgram program = layer.compile();
    padded += program.pad_code != 0 ? 1 : 0;
    ASSERT_NO_FATAL_FAILURE(expect_equal(program, layer, seed, taken));
  }
  EXPECT_GT(padded, 100);
  EXPECT_GE(taken["lookup"], cpu_features().avx2 ? 30 : 0);
  expect_taken(taken, 100);
}

TEST(Kernels, LayersOfMoreThanEightBitsEqualTheReferenceBitForBit) {
  Taken taken;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    const RandomLayer layer = seed % 3 == 0 ? with_offset(random_wide(seed), seed) : random_wide(seed);
    ASSERT_NO_FATAL_FAILURE(expect_equal(layer.compile(), layer, seed, taken));
  }
  EXPECT_GE(taken["lookup"], cpu_features().avx2 ? 5 : 0);
  expect_taken(taken, 50);
}

// The convolution of scale * code + offset by the quantized weights, with the code of zero around the image.
double convolved(const RandomLayer& c, const LayerProgram& program, std::int64_t output, std::int64_t pixel) {
  const ir::Window& w = c.shape.window;
  const std::int64_t width = output_size(c.shape, c.input).width;
  const quant::GroupMap groups = weight_groups(program.tiling, c.layer.config);
  double sum = c.bias.empty() ? 0.0 : double(c.bias[static_cast<std::size_t>(output)]);
  const auto visit = [&](std::size_t t, std::int64_t row, int j, int o, std::size_t, std::size_t group) {
    if (o != output) return;
    const std::int64_t tap = row % c.shape.window_size(), y = pixel / width, x = pixel % width;
    const std::int64_t channel = c.shape.group_of(o) * c.shape.group_inputs() +
                                 program.tiling.tiles[t].first_channel + row / c.shape.window_size();
    const std::int64_t iy = y * w.stride[0] - w.pad_begin[0] + tap / w.kernel[1] * w.dilation[0];
    const std::int64_t ix = x * w.stride[1] - w.pad_begin[1] + tap % w.kernel[1] * w.dilation[1];
    const bool inside = iy >= 0 && ix >= 0 && iy < c.input.height && ix < c.input.width;
    const std::int64_t at = (channel * c.input.height + iy) * c.input.width + ix;
    const double code = inside ? double(c.codes[static_cast<std::size_t>(at)]) : program.pad_code;
    const double cell = std::ldexp(program.cells[program.cell_index(t, row, j, o)],
                                   program.weight_slices[static_cast<std::size_t>(j)].shift);
    sum += (double(c.layer.activation_scale) * code + double(c.layer.activation_offset)) * cell *
           double(c.layer.weight_scale[group]);
  };
  for_each_cell(program.tiling, groups, visit);
  return sum;
}

TEST(Kernels, AnOffsetIsThatOfTheQuantizedInputsAndTheirPadding) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    RandomLayer layer = with_offset(random_convolution(seed), seed);
    layer.layer.config.adc_levels = quant::kIdealAdc;
    layer.layer.psum_step.clear();
    layer.layer.psum_centre.clear();
    const LayerProgram program = layer.compile();
    const float v = -layer.layer.activation_offset / layer.layer.activation_scale;
    const quant::CodeRange range = quant::activation_range(layer.layer);
    EXPECT_EQ(program.pad_code, std::clamp(static_cast<int>(std::nearbyint(v)), range.low, range.high));
    const std::vector<float> y = run("reference", program, layer).y;
    const std::int64_t outputs = layer.shape.out_channels;
    for (std::int64_t i = 0; i < std::ssize(y); i += 3) {
      const double expected = convolved(layer, program, i % outputs, i / outputs);
      ASSERT_NEAR(double(y[static_cast<std::size_t>(i)]), expected, 1e-3 + 1e-4 * std::fabs(expected))
          << "seed " << seed << ": " << layer.text();
    }
  }
}

TEST(Kernels, ConvolutionsEqualTheReferenceBitForBit) {
  Taken taken;
  std::size_t most_tiles = 0, values = 0;
  for (std::uint64_t seed = 1; seed <= 320; ++seed) {
    const RandomLayer layer = random_convolution(seed);
    const LayerProgram program = layer.compile();
    ASSERT_NO_FATAL_FAILURE(expect_equal(program, layer, seed, taken));
    most_tiles = std::max(most_tiles, program.tiling.tiles.size());
    values += layer.codes.size();
  }
  EXPECT_GE(most_tiles, 4U);
  EXPECT_GT(values, 20000U);
  expect_taken(taken, 200);
}

TEST(Kernels, LinearLayersEqualTheReferenceBitForBit) {
  Taken taken;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    const RandomLayer layer = random_linear(seed);
    ASSERT_NO_FATAL_FAILURE(expect_equal(layer.compile(), layer, seed, taken));
  }
  expect_taken(taken, 80);
}

TEST(Kernels, DepthwiseLayersEqualTheReferenceBitForBit) {
  Taken taken;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const RandomLayer layer = random_depthwise(seed);
    const LayerProgram program = layer.compile();
    EXPECT_EQ(choose_kernel("auto", program).name(), "depthwise");
    ASSERT_NO_FATAL_FAILURE(expect_equal(program, layer, seed, taken));
    ASSERT_NO_FATAL_FAILURE(expect_equal(perturb(program, {"lognormal", 0.2}, 1, seed), layer, seed, taken));
  }
  EXPECT_EQ(taken["depthwise"], 100);
  expect_taken(taken, 50);
}

TEST(Kernels, OneBitInputsEqualTheReferenceBitForBit) {
  Taken taken;
  for (std::uint64_t seed = 1; seed <= 160; ++seed) {
    const LayerProgram program = random_bit_serial(seed).compile();
    ASSERT_NO_FATAL_FAILURE(expect_equal(program, random_bit_serial(seed), seed, taken));
  }
  EXPECT_GE(taken["lookup"], cpu_features().avx2 ? 100 : 0);
  expect_taken(taken, 100);
}

TEST(Kernels, EqualUnderCellVariation) {
  Taken taken;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    const RandomLayer layer = seed % 4 == 0 ? random_linear(seed) : random_convolution(seed);
    const Variation variation{seed % 2 == 0 ? "lognormal" : "gaussian",
                              0.05 * static_cast<double>(seed % 8 + 1)};
    ASSERT_NO_FATAL_FAILURE(expect_equal(perturb(layer.compile(), variation, 3, seed), layer, seed, taken));
  }
  expect_taken(taken, 120);
}

TEST(Kernels, EqualUnderReadNoise) {
  Taken taken;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    RandomLayer layer = seed % 4 == 0 ? random_linear(seed) : random_convolution(seed);
    layer.index = seed * 1000;
    Variation variation{seed % 2 == 0 ? "lognormal" : "none", seed % 2 == 0 ? 0.1 : 0.0};
    variation.read = 0.05 * static_cast<double>(seed % 8 + 1);
    ASSERT_NO_FATAL_FAILURE(expect_equal(perturb(layer.compile(), variation, 3, seed), layer, seed, taken));
  }
  EXPECT_EQ(taken["depthwise"] + taken["lookup"], 0);
  expect_taken(taken, 100);
}

TEST(Kernels, ImagesOfMoreThanOneBlockOfPixels) {
  Taken taken;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    RandomLayer layer = random_convolution(seed);
    layer.input = {layer.input.height + 40, layer.input.width + 33};
    Dice dice(seed);
    const quant::CodeRange range = quant::activation_range(layer.layer);
    layer.codes.resize(
        static_cast<std::size_t>(layer.shape.in_channels * layer.input.height * layer.input.width));
    for (float& code : layer.codes) code = static_cast<float>(dice.between(range.low, range.high));
    ASSERT_NO_FATAL_FAILURE(expect_equal(layer.compile(), layer, seed, taken));
  }
  expect_taken(taken, 6);
}

struct Gates {
  std::vector<float> gated, step, centre;
};

// Backward through all converters of a layer, one image: tile after tile, group after group.
Gates gates_of(const CimKernel& kernel, const LayerProgram& program, const RandomLayer& layer,
               const std::vector<float>& dy, const quant::AdcSlopes& slopes) {
  const auto prepared = kernel.prepare(program);
  const WindowGeometry geometry(layer.shape, layer.input);
  const std::vector<quant::Code> codes = layer.bytes();
  Gates out;
  for (std::size_t t = 0; t < program.tiling.tiles.size(); ++t) {
    for (std::int64_t g = 0; g < layer.shape.groups; ++g) {
      std::vector<float> gated(static_cast<std::size_t>(geometry.pixels() * layer.shape.group_outputs()),
                               0.0f);
      for (std::size_t i = 0; i < program.input_slices.size(); ++i) {
        const std::size_t stride = prepared->row_stride(t);
        std::vector<std::uint8_t> rows(static_cast<std::size_t>(geometry.pixels()) * stride +
                                       WordlineBytes::kOverrun);
        WordlineBytes(geometry, codes, 1, program.input_slices[i])
            .gather(g * layer.shape.group_inputs() + program.tiling.tiles[t].first_channel,
                    program.tiling.tiles[t].channels, 0, geometry.pixels(), stride, rows.data());
        std::vector<float> step(
            static_cast<std::size_t>(program.tiling.grid.slices * layer.shape.group_outputs()), NAN);
        std::vector<float> centre = step;
        prepared->gate({t, g, i}, {rows.data(), geometry.pixels(), stride},
                       {dy.data(), gated.data(), step.data(), centre.data(), &slopes});
        out.step.insert(out.step.end(), step.begin(), step.end());
        out.centre.insert(out.centre.end(), centre.begin(), centre.end());
      }
      out.gated.insert(out.gated.end(), gated.begin(), gated.end());
    }
  }
  return out;
}

TEST(Kernels, GradientsOfConvertersEqualTheReferenceBitForBit) {
  Taken taken;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const RandomLayer layer = seed % 4 == 0   ? random_linear(seed)
                              : seed % 4 == 1 ? random_depthwise(seed)
                                              : random_convolution(seed);
    if (layer.layer.config.adc_levels == quant::kIdealAdc) continue;
    const LayerProgram program = layer.compile();
    const WindowGeometry geometry(layer.shape, layer.input);
    const std::vector<float> dy = Dice(seed).normals(geometry.pixels() * layer.shape.out_channels, 1.0f);
    // Straight-through and asr without a correction, ewgs and tanh with mde; clipped values may pass.
    const std::size_t surrogate = std::initializer_list<std::size_t>{0, 1, 3, 2}.begin()[seed / 4 % 4];
    const quant::AdcSlopes slopes{{&quant::surrogates()[surrogate], surrogate == 3 ? 0.4f : 2.0f,
                                   &quant::corrections()[surrogate > 1 ? 1 : 0], 0.3f},
                                  seed / 16 % 3 == 0};
    const Gates expected = gates_of(choose_kernel("reference", program), program, layer, dy, slopes);
    for (const CimKernel* kernel : all_kernels()) {
      if (!kernel->decline(program).empty()) continue;
      const Gates given = gates_of(*kernel, program, layer, dy, slopes);
      ASSERT_EQ(given.gated, expected.gated) << kernel->name() << ", seed " << seed << ": " << layer.text();
      ASSERT_EQ(given.step, expected.step) << kernel->name() << ", seed " << seed << ": " << layer.text();
      ASSERT_EQ(given.centre, expected.centre) << kernel->name() << ", seed " << seed << ": " << layer.text();
      ++taken[kernel->name()];
    }
  }
  expect_taken(taken, 100);
}

TEST(Kernels, TheTraceIsAppendedAndOptional) {
  const RandomLayer layer = random_convolution(4);
  const LayerProgram program = layer.compile();
  const Output once = run("reference", program, layer);
  for (const CimKernel* kernel : all_kernels()) {
    if (!kernel->decline(program).empty()) continue;
    std::vector<float> y(once.y.size()), plain(once.y.size()), trace = {-7.0f};
    const auto prepared = kernel->prepare(program);
    const std::vector<quant::Code> codes = layer.bytes();
    prepared->run({codes, layer.input}, y, &trace);
    prepared->run({codes, layer.input}, plain);
    ASSERT_EQ(trace.size(), once.trace.size() + 1) << kernel->name();
    EXPECT_EQ(trace[0], -7.0f);
    EXPECT_TRUE(std::equal(once.trace.begin(), once.trace.end(), trace.begin() + 1));
    EXPECT_TRUE(same_bits(y, plain));
  }
}

// 65,536 rows of 8-bit inputs and 8-bit cells: sums leave the integers of fp32.
RandomLayer tall_layer() {
  RandomLayer layer;
  layer.shape.in_channels = 65536;
  layer.shape.out_channels = 1;
  layer.layer.config.weight_bits = 8;
  layer.layer.config.cell_bits = 8;
  layer.layer.config.activation_bits = 8;
  layer.layer.config.adc_levels = quant::kIdealAdc;
  layer.layer.config.array_rows = 65536;
  layer.layer.weight_scale = {1.0f};
  layer.layer.config.weight_granularity = quant::Granularity::kLayer;
  layer.weight.assign(65536, 127.0f);
  layer.codes.assign(65536, 255.0f);
  return layer;
}

TEST(Kernels, BlockedDeclinesSumsThatFloatCannotHold) {
  RandomLayer layer = tall_layer();
  const LayerProgram tall = layer.compile();
  EXPECT_EQ(largest_psum(tall), std::int64_t{65536} * 127 * 255);
  EXPECT_EQ(choose_kernel("auto", tall).name(), "reference");
  EXPECT_EQ(error_of([&] { choose_kernel("blocked", tall); }, ErrorCode::kUnsupported),
            "node 'layer': no kernel can run this layer (blocked: partial sums can exceed 2^24, the integers "
            "of fp32)");
  EXPECT_EQ(run("reference", tall, layer).trace, std::vector<float>{2122383360.0f});
  std::fill(layer.weight.begin(), layer.weight.end(), 1.0f);  // the same array, small cells
  const LayerProgram small = layer.compile();
  EXPECT_NE(choose_kernel("auto", small).name(), "reference");
  EXPECT_EQ(run("blocked", small, layer).trace, std::vector<float>{16711680.0f});
}

TEST(Kernels, AChipWithVariationStillRunsOnTheIntegerKernels) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const LayerProgram chip = perturb(random_convolution(seed).compile(), {"lognormal", 0.1}, 1, 1);
    EXPECT_EQ(choose_kernel("portable", chip).decline(chip), "") << seed;
    EXPECT_LE(largest_psum(chip), std::int64_t{1} << 24);
  }
}

TEST(Kernels, AnUnknownNameSuggestsTheNearest) {
  const LayerProgram program = random_linear(1).compile();
  EXPECT_EQ(error_of([&] { choose_kernel("referense", program); }),
            "unknown kernel 'referense' (did you mean 'reference'?)");
}

}  // namespace
}  // namespace bitline::sim
