// Mapped execution against the unmapped network, code for code; what is broken is noticed.
#include "bitline/sim/mapped_network.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>

#include "base/error_of.h"
#include "sim/mapped_case.h"
#include <gtest/gtest.h>

namespace bitline::sim {
namespace {

using mapping::Chip;
using mapping::Mapping;
using mapping::MappingOptions;
using mapping::Packing;
using mapping::Spread;

// A plain layer of three row tiles, a depthwise one, a grouped one with stride, a pointwise one, a
// classifier.
ir::Graph varied_net() {
  return random_chain({{8, 12, 3}, {12, 12, 3, 12}, {12, 10, 3, 2, 2}, {10, 6, 1}}, 6, 1, 5);
}

Chip chip_of_rows(std::int64_t rows, std::int64_t active, std::int64_t arrays = 0) {
  Chip chip = mapping::small_chip(rows, 16, 2, arrays);
  chip.active_rows = active;
  return chip;
}

quant::QuantizedModel varied_model(const Chip& chip, const std::string& encoding = "twos-complement",
                                   int dac_bits = 0) {
  quant::CimConfig config = mapping::config_for(chip, 4, encoding);
  config.dac_bits = dac_bits;
  return calibrated(varied_net(), config, 3);
}

void expect_equal(const quant::QuantizedModel& model, const Mapping& mapping, const std::string& what = {}) {
  const ir::Tensor images = random_inputs(model.graph, 2, 7);
  EXPECT_EQ(difference(run(Network(model, "reference"), images), run(MappedNetwork(model, mapping), images)),
            "")
      << what;
}

std::vector<MappingOptions> every_spread_and_packing() {
  std::vector<MappingOptions> out;
  for (const Spread slices : {Spread::kAdjacent, Spread::kSeparate}) {
    for (const Spread pairs : {Spread::kAdjacent, Spread::kSeparate}) {
      for (const Packing packing : {Packing::kNone, Packing::kDiagonal, Packing::kStacked}) {
        MappingOptions options;
        options.slices = slices;
        options.pairs = pairs;
        options.packing = packing;
        out.push_back(options);
      }
    }
  }
  return out;
}

TEST(MappedNetwork, EverySpreadAndPackingGivesTheSameCodes) {
  const Chip chip = chip_of_rows(64, 27);
  std::int64_t reads = 0;
  for (const std::string encoding : {"twos-complement", "differential"}) {
    for (const int dac_bits : {0, 1}) {
      const quant::QuantizedModel model = varied_model(chip, encoding, dac_bits);
      for (const MappingOptions& options : every_spread_and_packing()) {
        const Mapping mapping = map_network(model, chip, options);
        for (const mapping::Block& b : mapping.blocks) reads = std::max(reads, b.read + 1);
        expect_equal(model, mapping,
                     encoding + ", dac " + std::to_string(dac_bits) + ", slices " + name_of(options.slices) +
                         ", pairs " + name_of(options.pairs) + ", packing " + name_of(options.packing));
      }
    }
  }
  EXPECT_GT(reads, 2);
}

TEST(MappedNetwork, ReplicasDivideThePositions) {
  const Chip chip = chip_of_rows(27, 27, 400);
  const quant::QuantizedModel model = varied_model(chip, "differential");
  const Mapping mapping = map_network(model, chip, {});
  std::set<std::int64_t> replicas;
  for (const mapping::MappedLayer& layer : mapping.layers) replicas.insert(layer.replicas);
  EXPECT_GT(*replicas.rbegin(), 7);
  expect_equal(model, mapping);
}

// The first layer, which is placed once, `count` times; the replica in each of the further arrays.
std::map<std::int64_t, std::int64_t> add_replicas(Mapping& mapping, std::int64_t count) {
  const std::vector<mapping::Block> blocks = mapping.blocks;
  mapping.layers[0].replicas = count;
  std::map<std::int64_t, std::int64_t> replica_of;
  for (std::int64_t replica = 1; replica < count; ++replica) {
    for (mapping::Block block : blocks) {
      if (block.layer != 0) continue;
      block.replica = replica;
      block.array += replica * mapping.arrays;
      replica_of[block.array] = replica;
      mapping.blocks.push_back(block);
    }
  }
  mapping.arrays += std::ssize(replica_of);
  return replica_of;
}

// 36 positions on 7 replicas: six have 6 positions each, the last has none. So only its cells may be
// anything.
TEST(MappedNetwork, EachReplicaHasItsShare) {
  const Chip chip = chip_of_rows(27, 27);
  const quant::QuantizedModel model = varied_model(chip);
  Mapping mapping = map_network(model, chip, {});
  const std::map<std::int64_t, std::int64_t> replica_of = add_replicas(mapping, 7);
  const MappedNetwork mapped(model, mapping);
  const ir::Tensor images = random_inputs(model.graph, 1, 7);
  const Execution expected = run(Network(model), images);
  EXPECT_EQ(difference(expected, run(mapped, images)), "");
  for (const std::int64_t broken : {6, 5}) {
    const CellEdit edit = [&](std::int64_t, std::int64_t array, std::span<std::int16_t> cells) {
      const auto it = replica_of.find(array);
      if (it != replica_of.end() && it->second == broken)
        std::fill(cells.begin(), cells.end(), std::int16_t{1});
    };
    const Execution actual = run(mapped, images, 1, edit);
    const std::vector<float>&a = expected.trace[0].adc_codes, &b = actual.trace[0].adc_codes;
    ASSERT_EQ(a.size(), b.size());
    const std::ptrdiff_t share = std::ssize(a) / 36 * 6;
    EXPECT_TRUE(std::equal(a.begin(), a.begin() + 5 * share, b.begin())) << broken;
    EXPECT_EQ(std::equal(a.begin() + 5 * share, a.end(), b.begin() + 5 * share), broken == 6);
  }
}

TEST(MappedNetwork, RoundsAreWrittenAndReadInTurn) {
  const Chip chip = chip_of_rows(27, 27, 4);
  for (const std::string encoding : {"twos-complement", "differential"}) {
    const quant::QuantizedModel model = varied_model(chip, encoding, 1);
    const Mapping mapping = map_network(model, chip, {});
    EXPECT_GT(mapping.rounds, 3);
    expect_equal(model, mapping, encoding);
    std::vector<std::pair<std::int64_t, std::int64_t>> written;
    run(MappedNetwork(model, mapping), random_inputs(model.graph, 3, 7), 1,
        [&](std::int64_t round, std::int64_t array, std::span<std::int16_t>) {
          written.emplace_back(round, array);
        });
    EXPECT_EQ(std::ssize(written), mapping.arrays) << "once for the whole batch";
    EXPECT_TRUE(std::is_sorted(written.begin(), written.end()));
  }
}

TEST(ArrayBankRounds, AnArrayOfAnotherRoundIsNotRead) {
  const Chip chip = chip_of_rows(27, 27, 4);
  const quant::QuantizedModel model = varied_model(chip);
  const Mapping mapping = map_network(model, chip, {});
  const Network network(model);
  ArrayBank bank(mapping, network.programs());
  bank.write(0);
  EXPECT_EQ(bank.array(0, 3).round, 0);
  EXPECT_EQ(bank.array(0, 3).cells.size(), 27U * 16U);
  error_of([&] { bank.array(1, 3); }, ErrorCode::kInternal);
  bank.write(1);
  EXPECT_EQ(bank.array(1, 3).round, 1);
  error_of([&] { bank.array(0, 3); }, ErrorCode::kInternal);
}

TEST(ArrayBankCells, PairsHoldMagnitudes) {
  const Chip chip = chip_of_rows(64, 27);
  for (const std::string encoding : {"twos-complement", "differential"}) {
    const quant::QuantizedModel model = varied_model(chip, encoding);
    int lowest = 0, highest = 0;
    std::int64_t used = 0;
    run(MappedNetwork(model, map_network(model, chip, {})), random_inputs(model.graph, 1, 7), 1,
        [&](std::int64_t, std::int64_t, std::span<std::int16_t> cells) {
          for (const std::int16_t cell : cells) {
            lowest = std::min<int>(lowest, cell);
            highest = std::max<int>(highest, cell);
            used += cell != 0 ? 1 : 0;
          }
        });
    EXPECT_EQ(lowest, encoding == "differential" ? 0 : -2) << "the digit with the sign";
    EXPECT_EQ(highest, 3);
    EXPECT_GT(used, 1000);
  }
}

TEST(MappedNetwork, ThreadsDoNotMatter) {
  const Chip chip = chip_of_rows(64, 27, 60);
  const quant::QuantizedModel model = varied_model(chip, "differential");
  const MappedNetwork mapped(model, map_network(model, chip, {}));
  const ir::Tensor images = random_inputs(model.graph, 3, 7);
  EXPECT_EQ(difference(run(mapped, images, 1), run(mapped, images, 4)), "");
  EXPECT_EQ(mapped.forward(images, {}).data, run(mapped, images).logits) << "without a trace";
}

TEST(MappedNetwork, LayersInLogicStayBeside) {
  const Chip chip = chip_of_rows(27, 27);
  CalibrateOptions options;
  options.config = mapping::config_for(chip, 4);
  options.policy.first = options.policy.last = mapping::Placement::kDigital;
  const ir::Graph graph = varied_net();
  const quant::QuantizedModel model = calibrate(graph, random_inputs(graph, 3, 3), options, {});
  const Mapping mapping = map_network(model, chip, {});
  EXPECT_EQ(mapping.digital, (std::vector<std::string>{"conv0", "fc"}));
  expect_equal(model, mapping);
}

// Blocks may lie anywhere: other arrays, other columns, reads in another order.
TEST(MappedNetwork, MovedBlocksGiveTheSameCodes) {
  const Chip chip = chip_of_rows(64, 27, 40);
  const quant::QuantizedModel model = varied_model(chip, "differential");
  MappingOptions options;
  options.packing = Packing::kStacked;
  options.replicate = false;
  Mapping mapping = map_network(model, chip, options);
  for (mapping::Block& block : mapping.blocks) {
    block.array = 39 - block.array;
    block.row = 64 - block.row - block.rows;
    block.column = 16 - block.column - block.width();
    block.read = 20 - block.read;
  }
  std::reverse(mapping.blocks.begin(), mapping.blocks.end());
  expect_equal(model, mapping);
}

class Packed : public ::testing::Test {
 protected:
  quant::QuantizedModel model(int levels, quant::Granularity granularity) const {
    quant::CimConfig config = mapping::config_for(chip_, 4, "differential");
    config.adc_levels = levels;
    config.weight_granularity = granularity;
    return calibrated(varied_net(), config, 3);
  }
  Mapping packed(quant::QuantizedModel model, Spread pairs = Spread::kAuto) const {
    for (auto& [name, layer] : model.layers) layer.psum_step.clear();
    MappingOptions options;
    options.rows = mapping::RowPolicy::kPacked;
    options.pairs = pairs;
    return map_network(model, chip_, options);
  }
  Chip chip_ = chip_of_rows(23, 23);
};

TEST_F(Packed, RowsRunBehindIdealConverters) {
  const ir::Tensor images = random_inputs(varied_net(), 2, 7);
  for (const auto granularity : {quant::Granularity::kLayer, quant::Granularity::kChannel}) {
    const quant::QuantizedModel cut = model(quant::kIdealAdc, granularity);
    const MappedNetwork mapped(cut, packed(cut));
    const Execution actual = run(mapped, images);
    EXPECT_EQ(difference(run(mapped.network(), images), actual), "");
    const Execution whole = run(Network(cut), images);
    ASSERT_EQ(whole.logits.size(), actual.logits.size());
    for (std::size_t i = 0; i < whole.logits.size(); ++i)
      EXPECT_NEAR(whole.logits[i], actual.logits[i], 1e-4 * (1.0 + std::fabs(whole.logits[i])));
    EXPECT_EQ(actual.trace[0].adc_codes.size() * 4, whole.trace[0].adc_codes.size()) << "one tile of four";
    EXPECT_EQ(whole.trace[3].adc_codes, actual.trace[3].adc_codes) << "a layer that one array holds";
  }
}

TEST_F(Packed, RowsNeedIdealConvertersAndScalesThatTilesShare) {
  const quant::QuantizedModel coarse = model(16, quant::Granularity::kChannel);
  const std::string levels = error_of([&] { MappedNetwork(coarse, packed(coarse)); });
  EXPECT_NE(levels.find("node 'conv0': a block holds rows 0 to 22 of the matrix, but the layer's converters "
                        "are calibrated for row tiles of 18"),
            std::string::npos)
      << levels;
  const quant::QuantizedModel columns = model(quant::kIdealAdc, quant::Granularity::kColumn);
  const std::string scales = error_of([&] { MappedNetwork(columns, packed(columns)); });
  EXPECT_NE(scales.find("node 'conv0': a block adds up rows of several row tiles"), std::string::npos)
      << scales;
}

TEST(MappedNetwork, APairIsSubtractedInOneRound) {
  Chip chip = chip_of_rows(27, 27, 3);
  quant::CimConfig config = mapping::config_for(chip, 4, "differential");
  MappingOptions options;
  options.pairs = Spread::kSeparate;
  const ir::Graph graph = varied_net();
  const quant::QuantizedModel model = calibrated(graph, config, 3);
  const std::string error = error_of([&] { MappedNetwork(model, map_network(model, chip, options)); });
  EXPECT_NE(error.find("node 'conv0': the columns of a differential pair are in rounds"), std::string::npos)
      << error;
  config.adc_levels = quant::kIdealAdc;  // sums are integers, which logic may subtract later
  const quant::QuantizedModel ideal = calibrated(graph, config, 3);
  expect_equal(ideal, map_network(ideal, chip, options));
}

TEST(MappedNetwork, OtherNetworksAndArraysAreNamed) {
  const Chip chip = chip_of_rows(27, 27);
  const quant::QuantizedModel model = varied_model(chip);
  const Mapping mapping = map_network(model, chip, {});
  const auto error = [&](const Mapping& m) { return error_of([&] { MappedNetwork(model, m); }); };
  Mapping other = mapping;
  other.layers[1].node = "conv7";
  EXPECT_NE(error(other).find("node 'conv7': the mapping places a layer that the network does not have"),
            std::string::npos);
  other = mapping;
  other.layers.pop_back();
  std::erase_if(other.blocks, [&](const auto& b) { return b.layer == std::ssize(other.layers); });
  EXPECT_NE(error(other).find("node 'fc': the mapping does not place this layer"), std::string::npos);
  other = mapping;
  other.chip.rows = other.chip.active_rows = 128;
  EXPECT_NE(error(other).find("node 'conv0': the layer is quantized for arrays of 27x16"), std::string::npos);
  other = mapping;
  ++other.layers[2].positions;
  EXPECT_NE(error(other).find("layer-shape, 'conv2'"), std::string::npos);
  other = mapping;
  ++other.blocks[0].column;
  EXPECT_NE(error(other).find("cell-range"), std::string::npos) << error(other);
  other = mapping;
  other.rounds = 2;
  for (mapping::Block& b : other.blocks) b.round = b.layer == 2 ? 0 : 1;
  EXPECT_NE(error(other).find("node 'conv2': the layer is in round 0, after a layer of round 1"),
            std::string::npos);
}

// What no check of the blocks can see, because it went wrong between the mapping and the cells.
class WrongCells : public ::testing::Test {
 protected:
  WrongCells() {
    model_ = varied_model(chip_, "differential");
    mapping_ = map_network(model_, chip_, {});
    mapped_ = std::make_unique<MappedNetwork>(model_, mapping_);
    expected_ = run(Network(model_), images());
  }
  ir::Tensor images() const { return random_inputs(model_.graph, 2, 7); }

  std::string difference_with(const CellEdit& edit) const {
    return difference(expected_, run(*mapped_, images(), 1, edit));
  }

  Chip chip_ = chip_of_rows(64, 27);
  quant::QuantizedModel model_;
  Mapping mapping_;
  std::unique_ptr<MappedNetwork> mapped_;
  Execution expected_;
};

TEST_F(WrongCells, NoneWithoutAnEdit) {
  EXPECT_EQ(difference_with({}), "");
}

TEST_F(WrongCells, TwoBlocksSwapped) {
  std::map<std::int64_t, std::vector<std::int16_t>> cells;
  difference_with([&](std::int64_t, std::int64_t array, std::span<std::int16_t> c) {
    cells[array] = {c.begin(), c.end()};
  });
  for (std::int64_t array = 0; array + 1 < mapping_.arrays; ++array) {
    if (cells[array] == cells[array + 1]) continue;
    EXPECT_NE(difference_with([&](std::int64_t, std::int64_t at, std::span<std::int16_t> c) {
                if (at == array) std::copy_n(cells[array + 1].begin(), c.size(), c.begin());
                if (at == array + 1) std::copy_n(cells[array].begin(), c.size(), c.begin());
              }),
              "")
        << array;
  }
}

TEST_F(WrongCells, OneBlockShiftedByAColumn) {
  for (std::int64_t array = 0; array < mapping_.arrays; ++array) {
    EXPECT_NE(difference_with([&](std::int64_t, std::int64_t at, std::span<std::int16_t> c) {
                if (at == array) std::rotate(c.begin(), c.begin() + 1, c.end());
              }),
              "")
        << array;
  }
}

TEST_F(WrongCells, OneRowMissing) {
  EXPECT_EQ(difference_with([&](std::int64_t, std::int64_t at, std::span<std::int16_t> c) {
              if (at == 0) std::fill_n(c.begin(), 16, std::int16_t{0});
            }),
            "conv0: ADC codes");
}

// A mapping that puts what another wrote elsewhere: blocks of equal size that changed places on one side
// only.
TEST_F(WrongCells, CellsOfAnotherMapping) {
  Mapping other = mapping_;
  ASSERT_EQ(other.blocks[0].rows, other.blocks[1].rows);
  std::swap(other.blocks[0].first_row, other.blocks[1].first_row);
  EXPECT_EQ(difference(expected_, run(MappedNetwork(model_, other), images())), "") << "consistent: the same";
  std::map<std::int64_t, std::vector<std::int16_t>> cells;
  run(MappedNetwork(model_, other), images(), 1,
      [&](std::int64_t, std::int64_t array, std::span<std::int16_t> c) {
        cells[array] = {c.begin(), c.end()};
      });
  EXPECT_EQ(difference_with([&](std::int64_t, std::int64_t at, std::span<std::int16_t> c) {
              std::copy(cells[at].begin(), cells[at].end(), c.begin());
            }),
            "conv0: ADC codes");
}

}  // namespace
}  // namespace bitline::sim
