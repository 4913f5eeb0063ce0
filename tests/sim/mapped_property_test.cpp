// Random layers on random chips: the mapped program gives the codes of the network.
#include "mapping/random_mappings.h"
#include "sim/mapped_case.h"
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "bitline/base/error.h"

namespace bitline::sim {
namespace {

using mapping::draw;
using mapping::Mapping;
using mapping::Packing;
using mapping::RowPolicy;
using mapping::Spread;
using quant::Granularity;

constexpr int kCases = 1000;
constexpr std::uint64_t kSeed = 20251121;

std::vector<mapping::NetLayer> draw_layers() {
  std::vector<mapping::NetLayer> layers(static_cast<std::size_t>(draw(1, 3)));
  std::int64_t channels = 0;
  for (mapping::NetLayer& l : layers) {
    l.groups = draw(1, 4);
    if (channels % l.groups != 0) l.groups = 1;
    l.in = channels > 0 ? channels : l.groups * draw(1, 6);
    if (draw(0, 3) == 0) l.groups = l.in;
    l.out = l.groups * draw(1, 6);
    l.kernel = draw(1, 3);
    l.stride = draw(1, 2);
    channels = l.out;
  }
  return layers;
}

mapping::Chip draw_chip() {
  const int rows = draw(9, 60);
  mapping::Chip chip = mapping::small_chip(rows, draw(1, 24), draw(1, 3), draw(0, 30));
  chip.active_rows = draw(9, rows);
  return chip;
}

quant::CimConfig draw_config(const mapping::Chip& chip) {
  quant::CimConfig config =
      mapping::config_for(chip, draw(2, 8), draw(0, 1) == 0 ? "twos-complement" : "differential");
  constexpr int kLevels[] = {quant::kIdealAdc, quant::kIdealAdc, 2, 3, 16, 256};
  config.adc_levels = kLevels[draw(0, 5)];
  config.activation_bits = draw(1, 8);
  config.dac_bits = draw(0, 2);
  if (draw(0, 7) == 0) {
    config.weight_bits = draw(9, 16);
    config.activation_bits = draw(9, 16);
    config.dac_bits = draw(1, 8);
  }
  config.weight_granularity = static_cast<Granularity>(draw(0, 3));
  config.psum_granularity = static_cast<Granularity>(draw(0, 3));
  const bool converts = config.adc_levels != quant::kIdealAdc;
  config.cycle_ranges = converts && draw(0, 3) == 0;
  config.free_levels = converts && draw(0, 3) == 0;
  return config;
}

mapping::MappingOptions draw_options(const quant::CimConfig& config) {
  const bool by_array =
      config.weight_granularity == Granularity::kArray || config.psum_granularity == Granularity::kArray;
  const bool by_tile =
      config.weight_granularity == Granularity::kArray || config.weight_granularity == Granularity::kColumn;
  mapping::MappingOptions options;
  if (config.adc_levels == quant::kIdealAdc && !by_tile && draw(0, 1) == 1) options.rows = RowPolicy::kPacked;
  if (draw(0, 1) == 1) options.slices = Spread::kSeparate;
  if (draw(0, 1) == 1 && !by_array) options.pairs = Spread::kSeparate;
  options.packing = static_cast<Packing>(draw(0, 2));
  options.replicate = draw(0, 2) > 0;
  return options;
}

// Layers that run without their row tiles: they have fewer sums.
int uncut_layers(const Trace& cut, const Trace& mapped) {
  int count = 0;
  for (std::size_t i = 0; i < cut.size(); ++i)
    count += cut[i].adc_codes.size() != mapped[i].adc_codes.size() ? 1 : 0;
  return count;
}

// A pair in two rounds behind converters with levels is the one thing that cannot run.
bool may_be_refused(const Mapping& mapping, const mapping::MappingOptions& options,
                    const quant::CimConfig& config) {
  return mapping.rounds > 1 && config.encoding == "differential" && config.adc_levels != quant::kIdealAdc &&
         (options.pairs == Spread::kSeparate || mapping.chip.columns == 1);
}

quant::QuantizedModel draw_model(const quant::CimConfig& config) {
  const auto seed = static_cast<std::uint64_t>(draw(0, 100000));
  const ir::Graph graph = random_chain(draw_layers(), draw(3, 6), seed, draw(0, 2));
  quant::QuantizedModel model = calibrated(graph, config, seed);
  if (draw(0, 3) == 0)
    for (auto& [name, layer] : model.layers) layer.activation_offset = 0.3f * layer.activation_scale;
  return model;
}

TEST(MappedProperty, RandomLayersOnRandomChips) {
  mapping::Variety variety;
  int joined = 0, refused = 0;
  EXPECT_TRUE(mapping::holds("mapped programs equal their networks", kCases, kSeed, [&] {
    const mapping::Chip chip = draw_chip();
    const quant::CimConfig config = draw_config(chip);
    const quant::QuantizedModel model = draw_model(config);
    const mapping::MappingOptions options = draw_options(config);
    const Mapping mapping = map_network(model, chip, options);
    variety.add(mapping);
    RC_LOG() << config.text() << "\n" << to_text(mapping);
    const ir::Tensor images = random_inputs(model.graph, 2, 11);
    try {
      const MappedNetwork mapped(model, mapping);
      const Execution actual = run(mapped, images, draw(1, 2));
      RC_ASSERT(difference(run(mapped.network(), images), actual) == "");
      const Execution cut = run(Network(model), images);
      joined += uncut_layers(cut.trace, actual.trace);
      if (options.rows == RowPolicy::kWindows) RC_ASSERT(difference(cut, actual) == "");
    } catch (const Error& e) {
      RC_LOG() << e.what();
      RC_ASSERT(may_be_refused(mapping, options, config));
      ++refused;
    }
  }));
  EXPECT_GT(variety.least(), kCases / 50);
  EXPECT_GT(joined, kCases / 200);
  EXPECT_LT(refused, kCases / 10);
}

}  // namespace
}  // namespace bitline::sim
