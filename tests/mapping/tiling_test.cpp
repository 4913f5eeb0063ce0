// Tilings against the counts of ColumnQuant (DATE 2025) and against the definition.
#include "bitline/mapping/tiling.h"

#include <vector>

#include "base/error_of.h"
#include <gtest/gtest.h>

namespace bitline::mapping {
namespace {

LayerShape conv(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t groups = 1) {
  LayerShape shape;
  shape.in_channels = in;
  shape.out_channels = out;
  shape.groups = groups;
  shape.window.kernel = {kernel, kernel};
  return shape;
}

quant::CimConfig array_of(int rows, int columns = 128) {
  quant::CimConfig config;
  config.array_rows = rows;
  config.array_columns = columns;
  return config;
}

TEST(Tiling, Resnet20CountsOfThePaper) {
  struct Case {
    int rows;
    std::int64_t channels_per_tile;
    std::size_t tiles[3];  // 16, 32 and 64 channels
  };
  for (const Case& c : {Case{64, 7, {3, 5, 10}}, Case{128, 14, {2, 3, 5}}, Case{256, 28, {1, 2, 3}}}) {
    for (std::size_t i = 0; i < 3; ++i) {
      const std::int64_t channels = 16LL << i;
      const LayerTiling tiling = tile_layer(conv(channels, channels, 3), array_of(c.rows), "conv");
      EXPECT_EQ(tiling.tiles.size(), c.tiles[i]) << c.rows << " rows, " << channels << " channels";
      EXPECT_EQ(tiling.tiles[0].channels, std::min(channels, c.channels_per_tile));
      EXPECT_EQ(tiling.grid.tiles, static_cast<int>(c.tiles[i]));
    }
  }
  const LayerTiling last = tile_layer(conv(64, 64, 3), array_of(128), "conv");
  EXPECT_EQ(last.tiles.back().channels, 8);
  EXPECT_EQ(last.rows(0), 126);
  EXPECT_EQ(last.rows(4), 72);
}

TEST(Tiling, EveryChannelOfAGroupIsInExactlyOneTileAndTilesFit) {
  for (const std::int64_t kernel : {1, 2, 3, 5, 7}) {
    for (const std::int64_t groups : {1, 2, 4}) {
      for (const std::int64_t per_group : {1, 3, 16, 65}) {
        for (const int rows : {49, 64, 100, 128}) {
          const LayerTiling tiling =
              tile_layer(conv(groups * per_group, groups * 2, kernel, groups), array_of(rows), "c");
          std::vector<int> seen(static_cast<std::size_t>(per_group), 0);
          for (std::size_t t = 0; t < tiling.tiles.size(); ++t) {
            EXPECT_LE(tiling.rows(t), rows);
            const RowTile tile = tiling.tiles[t];
            for (std::int64_t c = 0; c < tile.channels; ++c)
              ++seen.at(static_cast<std::size_t>(tile.first_channel + c));
          }
          EXPECT_EQ(seen, std::vector<int>(seen.size(), 1));
        }
      }
    }
  }
}

TEST(Tiling, SlicesAndColumnsOfTheArray) {
  quant::CimConfig config = array_of(128, 100);
  config.weight_bits = 5;
  config.cell_bits = 2;
  EXPECT_EQ(tile_layer(conv(8, 300, 1), config, "c").grid, (quant::ColumnGrid{1, 3, 300, 100}));
  config.encoding = "differential";  // a pair of columns for each digit, one bit less of magnitude
  EXPECT_EQ(tile_layer(conv(8, 300, 1), config, "c").grid, (quant::ColumnGrid{1, 2, 300, 50}));
  config.array_columns = 1;
  EXPECT_EQ(tile_layer(conv(8, 300, 1), config, "c").grid.array_columns, 1);
}

TEST(Tiling, AWindowHigherThanTheArrayIsRefused) {
  EXPECT_NO_THROW(tile_layer(conv(3, 8, 7), array_of(49), "stem"));
  EXPECT_EQ(
      error_of([] { tile_layer(conv(3, 8, 7), array_of(48), "stem"); }),
      "node 'stem': one kernel window of 7x7 needs 49 rows, but the array activates 48 at once (use an array "
      "with at least that many active rows, or keep the layer in float)");
}

TEST(Tiling, DequantizationMultiplications) {
  const LayerShape shape = conv(64, 64, 3);  // five tiles
  quant::CimConfig config = array_of(128, 32);
  const auto count = [&](quant::Granularity psum) {
    config.psum_granularity = psum;
    std::int64_t value = -1;
    for (const auto weight : {quant::Granularity::kLayer, quant::Granularity::kColumn}) {
      config.weight_granularity = weight;
      const std::int64_t now = dequantization_multiplications(tile_layer(shape, config, "c"), config);
      EXPECT_TRUE(value == -1 || value == now) << "weight scales must not change the count";
      value = now;
    }
    return value;
  };
  EXPECT_EQ(count(quant::Granularity::kLayer), 2);  // one for each slice
  EXPECT_EQ(count(quant::Granularity::kChannel), 2 * 64);
  EXPECT_EQ(count(quant::Granularity::kArray), 5 * 2 * 2);  // two column tiles of 32
  EXPECT_EQ(count(quant::Granularity::kColumn), 5 * 2 * 64);
  config.dac_bits = 1;
  config.cycle_ranges = true;
  EXPECT_EQ(count(quant::Granularity::kColumn), 4 * 5 * 2 * 64);
}

TEST(Tiling, DequantizationMultiplicationsBehindIdealConverters) {
  const LayerShape shape = conv(64, 64, 3);  // five tiles
  quant::CimConfig config = array_of(128, 32);
  config.adc_levels = quant::kIdealAdc;
  const auto count = [&](quant::Granularity weight) {
    config.weight_granularity = weight;
    return dequantization_multiplications(tile_layer(shape, config, "c"), config);
  };
  EXPECT_EQ(count(quant::Granularity::kLayer), 1);
  EXPECT_EQ(count(quant::Granularity::kChannel), 64);
  EXPECT_EQ(count(quant::Granularity::kColumn), 5 * 64);  // slices are added as integers
  EXPECT_EQ(dequantization_multiplications(tile_layer(shape, quant::digital_config(), "c"),
                                           quant::digital_config()),
            64);
}

TEST(Tiling, SlicesShareWeightScalesUnlessAsked) {
  quant::CimConfig config = array_of(128);
  const LayerTiling tiling = tile_layer(conv(16, 8, 3), config, "c");
  EXPECT_EQ(weight_groups(tiling, config).count(), 2 * 8);
  config.slice_scales = true;
  EXPECT_EQ(weight_groups(tiling, config).count(), 2 * 2 * 8);
  EXPECT_EQ(psum_groups(tiling, config).count(), 2 * 2 * 8);
}

TEST(LayerShape, OfConvolutionLinearAndOthers) {
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {ir::kBatch, 8, 6, 6});
  const ir::ValueId w = graph.add_constant("w", ir::Tensor({12, 2, 3, 1}));
  ir::Conv op;
  op.groups = 4;
  op.window.kernel = {3, 1};
  const ir::ValueId y = graph.add_node("conv", op, {x, w});
  const ir::ValueId half = graph.add_constant("half", ir::Tensor(ir::Shape{}, {0.5f}));
  const ir::ValueId z = graph.add_node("scale", ir::Mul{}, {y, half});
  const ir::ValueId flat = graph.add_node("flat", ir::Flatten{1}, {z});
  const ir::ValueId v = graph.add_constant("v", ir::Tensor({10, 288}));
  graph.set_output(graph.add_node("fc", ir::Linear{}, {flat, v}));

  const auto conv_shape = layer_shape(graph, *graph.find_node("conv"));
  ASSERT_TRUE(conv_shape.has_value());
  EXPECT_EQ(conv_shape->in_channels, 8);
  EXPECT_EQ(conv_shape->group_inputs(), 2);
  EXPECT_EQ(conv_shape->out_channels, 12);
  EXPECT_EQ(conv_shape->group_outputs(), 3);
  EXPECT_EQ(conv_shape->group_of(11), 3);
  EXPECT_EQ(conv_shape->window_size(), 3);
  EXPECT_FALSE(layer_shape(graph, *graph.find_node("scale")).has_value());  // a constant, but not a matrix
  EXPECT_FALSE(layer_shape(graph, *graph.find_node("flat")).has_value());
  const auto linear = layer_shape(graph, *graph.find_node("fc"));
  ASSERT_TRUE(linear.has_value());
  EXPECT_EQ(linear->in_channels, 288);
  EXPECT_EQ(linear->out_channels, 10);
  EXPECT_EQ(linear->window_size(), 1);
}

TEST(LayerShape, ActivationsAsWeightsAreNotALayer) {
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {ir::kBatch, 4});
  graph.set_output(graph.add_node("product", ir::Linear{}, {x, x}));
  EXPECT_FALSE(layer_shape(graph, graph.nodes()[0]).has_value());
}

}  // namespace
}  // namespace bitline::mapping
