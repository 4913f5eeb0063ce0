// What a layer compiles to, and what it refuses.
#include "bitline/sim/layer_program.h"

#include <cmath>
#include <limits>

#include "base/error_of.h"
#include "sim/random_layer.h"
#include <gtest/gtest.h>

#include "bitline/quant/encoding.h"

namespace bitline::sim {
namespace {

TEST(LayerProgram, CellsHoldTheDigitsOfTheWeightCodes) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const RandomLayer layer = random_convolution(seed);
    const LayerProgram program = layer.compile();
    const quant::GroupMap groups = weight_groups(program.tiling, layer.layer.config);
    const quant::WeightEncoding& encoding = quant::weight_encoding(layer.layer.config.encoding);
    const quant::CodeRange range = quant::weight_range(layer.layer.config);
    const std::int64_t window = layer.shape.window_size(), inputs = layer.shape.group_inputs();
    std::vector<int> seen(program.cells.size(), 0);
    for (int t = 0; t < program.tiling.grid.tiles; ++t) {
      const mapping::RowTile tile = program.tiling.tiles[static_cast<std::size_t>(t)];
      for (std::int64_t c = 0; c < tile.channels; ++c) {
        for (std::int64_t k = 0; k < window; ++k) {
          for (int j = 0; j < program.tiling.grid.slices; ++j) {
            for (int o = 0; o < program.tiling.grid.outputs; ++o) {
              const auto at = static_cast<std::size_t>((o * inputs + tile.first_channel + c) * window + k);
              const float scale = layer.layer.weight_scale[static_cast<std::size_t>(groups.group(t, j, o))];
              const float code = quant::lsq_code(layer.weight[at], scale, static_cast<float>(range.low),
                                                 static_cast<float>(range.high));
              const std::size_t cell = program.cell_index(static_cast<std::size_t>(t), c * window + k, j, o);
              ++seen.at(cell);
              ASSERT_EQ(
                  program.cells[cell],
                  encoding.digit(static_cast<int>(code), program.weight_slices[static_cast<std::size_t>(j)]));
            }
          }
        }
      }
    }
    ASSERT_EQ(seen, std::vector<int>(seen.size(), 1)) << "seed " << seed << ": every cell once";
  }
}

TEST(LayerProgram, LargestSumBoundsEverySum) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const RandomLayer layer = random_linear(seed);
    LayerProgram program = layer.compile();
    const std::int64_t bound = largest_psum(program);
    std::int64_t reached = 0;
    for (int j = 0; j < program.tiling.grid.slices; ++j) {
      for (int o = 0; o < program.tiling.grid.outputs; ++o) {
        for (const quant::BitSlice& slice : program.input_slices) {
          std::int64_t sum = 0;
          for (std::int64_t row = 0; row < program.tiling.rows(0); ++row) {
            sum += std::int64_t{program.cells[program.cell_index(0, row, j, o)]} *
                   quant::slice_digit(static_cast<int>(layer.codes[static_cast<std::size_t>(row)]), slice);
          }
          reached = std::max(reached, std::abs(sum));
        }
      }
    }
    EXPECT_LE(reached, bound) << seed;
  }
}

TEST(LayerProgram, InputSlicesFollowTheDac) {
  RandomLayer layer = random_linear(2);
  layer.layer.config.activation_bits = 5;
  layer.layer.activation_signed = false;
  for (const auto& [dac, slices] : {std::pair{0, 1U}, {1, 5U}, {2, 3U}, {4, 2U}, {8, 1U}}) {
    layer.layer.config.dac_bits = dac;
    EXPECT_EQ(layer.compile().input_slices.size(), slices) << dac;
  }
  layer.layer.activation_signed = true;
  layer.layer.config.dac_bits = 2;
  EXPECT_TRUE(layer.compile().input_slices.back().is_signed);
}

RandomLayer plain_layer() {
  RandomLayer layer;
  layer.shape.in_channels = 4;
  layer.shape.out_channels = 3;
  layer.weight.assign(12, 0.5f);
  layer.layer.weight_scale.assign(3, 0.1f);  // one tile, three columns
  layer.layer.psum_step.assign(6, 0.1f);     // two slices
  layer.layer.psum_centre.assign(6, 0.0f);
  return layer;
}

std::string compile_error(const RandomLayer& layer) {
  return error_of([&] { layer.compile(); });
}

TEST(LayerProgram, ScalesOfTheWrongSizeAreRefused) {
  EXPECT_NO_THROW(plain_layer().compile());
  RandomLayer layer = plain_layer();
  layer.layer.weight_scale.pop_back();
  EXPECT_EQ(compile_error(layer),
            "node 'layer': weight scale has 2 entries, expected 3 (the scales belong to another "
            "geometry or granularity)");
  layer = plain_layer();
  layer.layer.psum_step.push_back(1.0f);
  EXPECT_NE(compile_error(layer).find("partial-sum step has 7 entries, expected 6"), std::string::npos);
  layer = plain_layer();
  layer.layer.psum_centre.clear();
  EXPECT_NE(compile_error(layer).find("partial-sum centre has 0 entries, expected 6"), std::string::npos);
  layer.layer.psum_step.clear();
  layer.layer.config.adc_levels = quant::kIdealAdc;  // needs neither
  EXPECT_NO_THROW(layer.compile());
}

TEST(LayerProgram, ScalesThatAreNotPositiveAndFiniteAreRefused) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {0.0f, -1.0f, nan, std::numeric_limits<float>::infinity()}) {
    RandomLayer layer = plain_layer();
    layer.layer.activation_scale = bad;
    EXPECT_NE(compile_error(layer).find("node 'layer': activation scale holds"), std::string::npos) << bad;
    layer = plain_layer();
    layer.layer.weight_scale[1] = bad;
    EXPECT_NE(compile_error(layer).find("expected a positive finite number"), std::string::npos) << bad;
    layer = plain_layer();
    layer.layer.psum_step[5] = bad;
    EXPECT_NE(compile_error(layer).find("partial-sum step holds"), std::string::npos) << bad;
  }
  RandomLayer layer = plain_layer();
  layer.layer.psum_centre[0] = nan;
  EXPECT_NE(compile_error(layer).find("expected a finite number"), std::string::npos);
  layer.layer.psum_centre[0] = -3.0f;
  EXPECT_NO_THROW(layer.compile());
}

TEST(LayerProgram, WeightsThatAreNotFiniteAreRefused) {
  RandomLayer layer = plain_layer();
  layer.weight[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(compile_error(layer), "node 'layer': a weight is not a finite number (check the weights)");
}

}  // namespace
}  // namespace bitline::sim
