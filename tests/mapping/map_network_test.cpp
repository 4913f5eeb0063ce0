// Mappings against counts by hand, and the errors of networks that do not fit.
#include "bitline/mapping/map_network.h"

#include "base/error_of.h"
#include "mapping/mapped_net.h"
#include <gtest/gtest.h>

#include "bitline/hardware/spec_reader.h"
#include "bitline/mapping/tiling.h"
#include "bitline/mapping/usage.h"
#include "bitline/mapping/verify_mapping.h"

namespace bitline::mapping {
namespace {

std::string first_violation(const Mapping& mapping, const quant::QuantizedModel& model) {
  const std::vector<Violation> found = verify_mapping(mapping, model);
  return found.empty() ? "" : found.front().name + ": " + found.front().text;
}

TEST(MapNetwork, RowTilesAndColumnTilesByHand) {
  const Chip chip = small_chip(64, 32, 2);
  const auto model = chain({{16, 20, 3}}, 8, config_for(chip, 4));
  const Mapping mapping = map_network(model, chip, {});
  // 144 rows in tiles of 63, 63 and 18; two slices side by side leave room for 16 outputs
  EXPECT_EQ(mapping.arrays, 3 * 2);
  ASSERT_EQ(mapping.blocks.size(), 6u);
  EXPECT_EQ(mapping.blocks[2].first_row, 126);
  EXPECT_EQ(mapping.blocks[2].rows, 18);
  EXPECT_EQ(mapping.blocks[0].width(), 32);
  EXPECT_EQ(mapping.blocks[3].first_output, 16);
  EXPECT_EQ(mapping.blocks[3].width(), 8);
  EXPECT_EQ(mapping.layers[0].positions, 64);
  EXPECT_EQ(mapping.layers[0].input_cycles, 4);
  EXPECT_EQ(first_violation(mapping, model), "");
}

TEST(MapNetwork, PackedRowsFillArrays) {
  const Chip chip = small_chip(64, 32, 2);
  const auto model = chain({{32, 16, 3}}, 8, config_for(chip, 4));
  MappingOptions options;
  EXPECT_EQ(map_network(model, chip, options).arrays, 5);  // 7 of 32 channels each
  options.rows = RowPolicy::kPacked;
  const Mapping mapping = map_network(model, chip, options);
  EXPECT_EQ(mapping.arrays, 5);  // 288 rows: four full arrays and a half one
  EXPECT_EQ(mapping.blocks[3].rows, 64);
  EXPECT_EQ(mapping.blocks[4].rows, 32);
  EXPECT_EQ(first_violation(mapping, model), "");
}

TEST(MapNetwork, SeparateSlicesAgreeWithTheTiling) {
  const Chip chip = small_chip(64, 32, 2);
  for (const char* encoding : {"twos-complement", "differential"}) {
    const auto model = chain({{16, 40, 3}}, 8, config_for(chip, 5, encoding));
    const LayerTiling tiling =
        tile_layer(*layer_shape(model.graph, model.graph.nodes()[0]), model.layers.at("conv0").config, "c");
    MappingOptions options;
    options.slices = Spread::kSeparate;
    const Mapping mapping = map_network(model, chip, options);
    EXPECT_EQ(mapping.arrays, tiling.grid.tiles * tiling.grid.slices * tiling.grid.column_tiles());
    EXPECT_EQ(first_violation(mapping, model), "");
  }
}

TEST(MapNetwork, PairsInTwoArrays) {
  const Chip chip = small_chip(64, 32, 2);
  const auto model = chain({{4, 16, 3}}, 8, config_for(chip, 5, "differential"));
  MappingOptions options;
  EXPECT_EQ(map_network(model, chip, options).arrays, 2);  // 16 outputs x 2 slices x 2 columns
  options.pairs = Spread::kSeparate;
  const Mapping mapping = map_network(model, chip, options);
  EXPECT_EQ(mapping.arrays, 2);
  EXPECT_EQ(mapping.blocks[1].first_part, 1);
  EXPECT_EQ(mapping.blocks[1].parts, 1);
  EXPECT_EQ(first_violation(mapping, model), "");
}

TEST(MapNetwork, DepthwiseGroupsShareAnArrayWhenPacked) {
  const Chip chip = small_chip(64, 32, 2);
  const auto model = chain({{16, 16, 3, 16}}, 8, config_for(chip, 4));
  MappingOptions options;
  options.replicate = false;
  EXPECT_EQ(map_network(model, chip, options).arrays, 16);
  options.packing = Packing::kDiagonal;
  const Mapping diagonal = map_network(model, chip, options);
  EXPECT_EQ(diagonal.arrays, 3);  // seven 9x2 blocks an array
  EXPECT_EQ(reads_of_layers(diagonal)[0], 1);
  EXPECT_EQ(first_violation(diagonal, model), "");
}

TEST(MapNetwork, StackedReadsTakeTurns) {
  Chip chip = small_chip(64, 6, 2);
  chip.active_rows = 20;
  const auto model = chain({{16, 16, 3, 16}}, 8, config_for(chip, 4));
  MappingOptions options;
  options.packing = Packing::kStacked;
  const Mapping mapping = map_network(model, chip, options);
  EXPECT_EQ(mapping.arrays, 3);  // two 9x2 blocks a read, seven in 64 rows
  EXPECT_EQ(reads_of_layers(mapping)[0], 4);
  EXPECT_EQ(stage_cycles(mapping.layers[0], 4), 64 * 4 * 4);
  EXPECT_EQ(first_violation(mapping, model), "");
}

TEST(MapNetwork, RowTilesStackWhereFewRowsAreActive) {
  Chip chip = small_chip(64, 32, 2);
  chip.active_rows = 18;
  const auto model = chain({{16, 16, 3}}, 8, config_for(chip, 4));
  const Mapping mapping = map_network(model, chip, {});
  EXPECT_EQ(mapping.arrays, 3);  // eight tiles of 18 rows, three an array
  EXPECT_EQ(mapping.blocks[2].row, 36);
  EXPECT_EQ(mapping.blocks[2].read, 2);
  EXPECT_EQ(first_violation(mapping, model), "");
}

TEST(MapNetwork, ReplicasBalanceThePipeline) {
  const Chip chip = small_chip(144, 32, 2, 20);
  // 256, 64 and 16 positions, one array each
  const auto model = chain({{16, 16, 3}, {16, 16, 3, 1, 2}, {16, 16, 3, 1, 2}}, 16, config_for(chip, 4));
  const Mapping mapping = map_network(model, chip, {});
  std::vector<std::int64_t> replicas;
  for (const MappedLayer& layer : mapping.layers) replicas.push_back(layer.replicas);
  EXPECT_EQ(replicas, (std::vector<std::int64_t>{15, 4, 1}));
  EXPECT_EQ(mapping.arrays, 20);
  EXPECT_EQ(first_violation(mapping, model), "");
  MappingOptions options;
  options.array_budget = 5;
  EXPECT_EQ(map_network(model, chip, options).layers[0].replicas, 3);
  options.replicate = false;
  EXPECT_EQ(map_network(model, chip, options).arrays, 3);
}

TEST(MapNetwork, RefusesALinearLayerOverPictures) {
  const Chip chip = small_chip(64, 32, 2);
  quant::QuantizedModel model;
  const ir::ValueId x = model.graph.add_input("x", {ir::kBatch, 8, 4, 8});
  const ir::ValueId w = model.graph.add_constant("mix.weight", ir::Tensor({6, 8}));
  model.graph.set_output(model.graph.add_node("mix", ir::Linear{}, {x, w}));
  model.layers["mix"].config = config_for(chip, 4);
  EXPECT_NE(error_of([&] { map_network(model, chip, {}); }, ErrorCode::kUnsupported).find("of [N, 8, 4, 8]"),
            std::string::npos);
}

TEST(MapNetwork, LargerThanTheChipRunsInRounds) {
  Chip chip = small_chip(64, 32, 2, 4);
  const auto model = chain({{16, 40, 3}}, 8, config_for(chip, 4));
  const Mapping mapping = map_network(model, chip, {});
  EXPECT_EQ(mapping.arrays, 9);
  EXPECT_EQ(mapping.rounds, 3);
  EXPECT_EQ(mapping.blocks.back().round, 2);
  EXPECT_EQ(mapping.blocks.back().array, 0);
  EXPECT_EQ(first_violation(mapping, model), "");
  chip.resident = true;
  EXPECT_EQ(error_of([&] { map_network(model, chip, {}); }),
            "the network needs 9 arrays, but small has 4 and keeps its weights (weights.loading: resident) "
            "(use --reload to write arrays again between rounds, or fewer weight bits)");
  MappingOptions options;
  options.reload = true;
  EXPECT_EQ(map_network(model, chip, options).rounds, 3);
}

TEST(MapNetwork, ABudgetWithReloadIsAPartOfTheChip) {
  const Chip chip = small_chip(64, 32, 2, 20), endless = small_chip(64, 32, 2);
  const auto model = chain({{16, 40, 3}}, 8, config_for(chip, 4));
  MappingOptions options;
  options.array_budget = 4;
  EXPECT_NE(error_of([&] { map_network(model, chip, options); }).find("or --reload to run in rounds"),
            std::string::npos);
  options.reload = true;
  for (const Chip& c : {chip, endless}) {
    const Mapping mapping = map_network(model, c, options);
    EXPECT_EQ(mapping.arrays, 9);
    EXPECT_EQ(mapping.rounds, 3);
    for (const Block& block : mapping.blocks) EXPECT_LT(block.array, 4);
    EXPECT_EQ(first_violation(mapping, model), "");
  }
  options.array_budget = 18;
  EXPECT_EQ(map_network(model, chip, options).layers[0].replicas, 2) << "one round, and replicas";
}

TEST(MapNetwork, MacrosAndTilesInOrder) {
  Chip chip = small_chip(64, 32, 2, 3);
  chip.arrays_per_macro = 2;
  chip.macros_per_tile = 2;
  EXPECT_EQ(chip.capacity(), 12);
  Mapping mapping;
  mapping.chip = chip;
  EXPECT_EQ(mapping.macro_of(5), 2);
  EXPECT_EQ(mapping.tile_of(5), 1);
}

TEST(Usage, CountsArraysCellsAndStages) {
  Chip chip = small_chip(64, 32, 2, 3);
  chip.arrays_per_macro = 2;
  const auto model = chain({{16, 20, 3}}, 8, config_for(chip, 4));
  const Usage usage = usage_of(map_network(model, chip, {}));
  EXPECT_EQ(usage.arrays, 6);
  EXPECT_EQ(usage.macros, 3);
  EXPECT_EQ(usage.tiles, 3);
  EXPECT_EQ(usage.cells, 144 * 20 * 2);
  EXPECT_DOUBLE_EQ(usage.utilisation(), 144 * 20 * 2 / (6.0 * 64 * 32));
  EXPECT_EQ(usage.layers[0].cycles, 64 * 4);
}

TEST(MapNetwork, RefusesContradictions) {
  const Chip chip = small_chip(64, 32, 2, 4);
  quant::CimConfig config = config_for(chip, 4);
  const auto error = [&](const quant::CimConfig& c, const MappingOptions& options) {
    return error_of([&] { map_network(chain({{8, 8, 3}}, 8, c), chip, options); });
  };
  quant::CimConfig other = config;
  other.array_rows = 128;
  EXPECT_EQ(error(other, {}),
            "node 'conv0': the layer is quantized for arrays of 128x32 cells of 2 bits, but small activates "
            "64x32 cells of 2 bits (quantize it for this hardware, or map it on the other)");
  MappingOptions options;
  options.array_budget = 5;
  EXPECT_NE(error(config, options).find("budget of 5 is more than small has: 4"), std::string::npos);
  options.array_budget = 1;
  EXPECT_NE(error(config, options).find("needs 2 arrays, more than the budget of 1"), std::string::npos);
  other = config;
  other.psum_granularity = quant::Granularity::kArray;
  options = {};
  options.slices = Spread::kAdjacent;
  EXPECT_NE(error(other, options).find("node 'conv0': array-wise scales"), std::string::npos);
  const Chip narrow = small_chip(64, 1, 2);
  EXPECT_NE(error_of([&] {
              map_network(chain({{8, 8, 3}}, 8, config_for(narrow, 4)), narrow, options);
            }).find("one weight takes 2 neighbouring columns"),
            std::string::npos);
  const Chip low = small_chip(8, 32, 2);
  EXPECT_EQ(error_of([&] {
              map_network(chain({{8, 8, 3}}, 8, config_for(low, 4)), low, {});
            }),
            "node 'conv0': one kernel window of 3x3 needs 9 rows, but small activates 8 at once (use --rows "
            "packed, an array with more active rows, or --float-layers conv0)");
}

TEST(MapNetwork, CalibratedPartialSumsKeepTheirTiles) {
  const Chip chip = small_chip(64, 32, 2);
  auto model = chain({{8, 8, 3}}, 8, config_for(chip, 4));
  model.layers["conv0"].psum_step = {1.0f};
  MappingOptions options;
  options.rows = RowPolicy::kPacked;
  EXPECT_NE(error_of([&] { map_network(model, chip, options); }).find("node 'conv0': the layer's ADC ranges"),
            std::string::npos);
}

TEST(MapNetwork, DigitalLayersStayBeside) {
  const Chip chip = small_chip(64, 32, 2);
  auto model = chain({{8, 8, 3}, {8, 8, 3}}, 8, config_for(chip, 4));
  model.layers["conv0"].config = quant::digital_config();
  const Mapping mapping = map_network(model, chip, {});
  EXPECT_EQ(mapping.digital, std::vector<std::string>{"conv0"});
  EXPECT_EQ(mapping.layers.size(), 1u);
  EXPECT_EQ(first_violation(mapping, model), "");
  model.layers["conv1"].config = quant::digital_config();
  EXPECT_EQ(error_of([&] { map_network(model, chip, {}); }), "no layer of the network is on the array");
}

TEST(MapNetwork, ChipOfTheDesigns) {
  const Chip isaac = chip_of(hardware::open_hardware(io::posix(), "isaac"));
  EXPECT_EQ(isaac.capacity(), 16128);
  EXPECT_EQ(isaac.rows, 128);
  EXPECT_TRUE(isaac.resident);
  EXPECT_EQ(chip_of(hardware::open_array_spec(io::posix(), "64x32:1b")).capacity(), 0);
}

}  // namespace
}  // namespace bitline::mapping
