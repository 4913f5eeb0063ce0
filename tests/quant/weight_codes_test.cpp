// Codes and scale tables of weights.
#include "bitline/quant/weight_codes.h"

#include <algorithm>

#include "base/error_of.h"
#include <gtest/gtest.h>

#include "bitline/base/philox.h"

namespace bitline::quant {
namespace {

ir::Tensor random_weight(const ir::Shape& shape, std::uint64_t seed) {
  const Philox random(seed, stream_id("weight codes"));
  ir::Tensor weight(shape);
  for (std::size_t i = 0; i < weight.size(); ++i) weight.data[i] = static_cast<float>(random.normal(i));
  return weight;
}

CimLayer layer_of(Granularity granularity, std::size_t scales) {
  CimLayer layer;
  layer.config.array_rows = 20;  // two channels of a 3x3 window
  layer.config.array_columns = 4;
  layer.config.weight_granularity = granularity;
  for (std::size_t i = 0; i < scales; ++i)
    layer.weight_scale.push_back(0.125f + 0.01f * static_cast<float>(i));
  return layer;
}

TEST(WeightCodes, ATableHasOneScaleForEachGroup) {
  const ir::Shape shape{6, 5, 3, 3};  // tiles of 2, 2 and 1 channels; two column tiles of 4 and 2 outputs
  const auto scale = [&](Granularity granularity, std::size_t count, std::size_t o, std::size_t c) {
    const CimLayer layer = layer_of(granularity, count);
    const std::vector<float> scales = weight_scales(shape, layer);
    const float first = scales[(o * 5 + c) * 9];
    EXPECT_TRUE(std::all_of(scales.begin() + static_cast<std::ptrdiff_t>((o * 5 + c) * 9),
                            scales.begin() + static_cast<std::ptrdiff_t>((o * 5 + c + 1) * 9),
                            [&](float s) { return s == first; }));
    return std::find(layer.weight_scale.begin(), layer.weight_scale.end(), first) -
           layer.weight_scale.begin();
  };
  EXPECT_EQ(scale(Granularity::kLayer, 1, 5, 4), 0);
  EXPECT_EQ(scale(Granularity::kChannel, 6, 5, 4), 5);
  EXPECT_EQ(scale(Granularity::kArray, 6, 3, 1), 0);
  EXPECT_EQ(scale(Granularity::kArray, 6, 4, 3), 1 * 2 + 1);
  EXPECT_EQ(scale(Granularity::kColumn, 18, 5, 4), 2 * 6 + 5);
}

TEST(WeightCodes, ValuesOnTheGridHaveTheSameCodesAgain) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    CimLayer layer = layer_of(Granularity::kColumn, 18);
    layer.config.weight_bits = 1 + static_cast<int>(seed % 8);
    for (float& scale : layer.weight_scale) scale *= 0.3f + static_cast<float>(seed);
    const ir::Tensor weight = random_weight({6, 5, 3, 3}, seed);
    const ir::Tensor grid = on_grid(weight, layer);
    EXPECT_EQ(weight_codes(grid, layer), weight_codes(weight, layer)) << "seed " << seed;
    EXPECT_EQ(on_grid(grid, layer).data, grid.data) << "seed " << seed;
  }
}

TEST(WeightCodes, WhatDoesNotFitIsRefused) {
  const ir::Tensor weight = random_weight({6, 5, 3, 3}, 1);
  EXPECT_EQ(error_of([&] { weight_codes(weight, layer_of(Granularity::kColumn, 6)); }),
            "it has 6 weight scales, expected 18");
  CimLayer layer = layer_of(Granularity::kLayer, 1);
  layer.config.array_rows = 8;
  EXPECT_EQ(error_of([&] { weight_codes(weight, layer); }),
            "one kernel window needs 9 rows, but the array has 8");
  EXPECT_EQ(error_of([&] { column_grid(weight.shape, layer.config); }),
            "one kernel window needs 9 rows, but the array has 8");
  layer.config.slice_scales = true;
  EXPECT_EQ(error_of([&] { weight_codes(weight, layer); }),
            "its bit slices have weight scales of their own, so a weight has no one scale");
}

}  // namespace
}  // namespace bitline::quant
