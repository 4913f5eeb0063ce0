// Sums of the table against the full estimate of the mixed network.
#include "bitline/estimate/array_costs.h"

#include <numeric>

#include "base/error_of.h"
#include "hardware/small_chip.h"
#include "mapping/mapped_net.h"
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "bitline/hardware/spec_reader.h"

namespace bitline::estimate {
namespace {

using hardware::changed;
using hardware::HardwareSpec;
using hardware::parse_small;
using mapping::NetLayer;

constexpr double kTolerance = 1e-12;

struct Precision {
  const char* name;
  int weight_bits, activation_bits;
  double adc_bits;
  Density density;
};
const std::vector<Precision> kPrecisions = {{"W2A2P1.5", 2, 2, 1.58, {0.4, 0.5}},
                                            {"W4A4P4", 4, 4, 4.0, {0.25, 0.4}},
                                            {"W4A8P6", 4, 8, 6.0, {0.2, 0.4}},
                                            {"W8A8P8", 8, 8, 8.0, {0.15, 0.45}}};

const std::vector<NetLayer> kLayers = {
    {3, 64, 3}, {64, 70, 3}, {70, 33, 1, 1, 2}, {33, 150, 3}, {150, 10, 1}};

Candidate candidate(const HardwareSpec& spec, const Precision& p, const std::vector<NetLayer>& layers) {
  quant::CimConfig config = mapping::config_for(mapping::chip_of(spec), p.weight_bits);
  config.activation_bits = p.activation_bits;
  Candidate out{p.name, mapping::chain(layers, 8, config), {}};
  out.options.density = p.density;
  for (const auto& [node, layer] : out.model.layers) out.options.adc_bits[node] = p.adc_bits;
  return out;
}

struct Table {
  HardwareSpec spec;
  mapping::MappingOptions options;
  std::vector<Candidate> candidates;
  ArrayCosts costs;

  explicit Table(HardwareSpec s, const mapping::MappingOptions& o = {},
                 const std::vector<NetLayer>& l = kLayers)
      : spec(std::move(s)), options(o), candidates(all(spec, l)), costs(candidates, spec, o) {}

  static std::vector<Candidate> all(const HardwareSpec& spec, const std::vector<NetLayer>& layers) {
    std::vector<Candidate> out;
    for (const Precision& p : kPrecisions) out.push_back(candidate(spec, p, layers));
    return out;
  }

  // The network with these precisions, mapped and estimated.
  Estimate mixed(const std::vector<std::uint8_t>& choice, std::int64_t& arrays) const {
    quant::QuantizedModel model = candidates[0].model;
    EstimateOptions densities;
    for (std::size_t l = 0; l < choice.size(); ++l) {
      const Candidate& c = candidates[choice[l]];
      model.layers[costs.node(l)] = c.model.layers.at(costs.node(l));
      densities.layers[costs.node(l)] = c.options.density;
      densities.adc_bits[costs.node(l)] = c.options.adc_bits.at(costs.node(l));
    }
    mapping::MappingOptions once = options;
    once.replicate = false;
    const mapping::Mapping mapping = mapping::map_network(model, mapping::chip_of(spec), once);
    arrays = mapping.arrays;
    return estimate(mapping, spec, {}, densities);
  }

  testing::AssertionResult equal(const std::vector<std::uint8_t>& choice) const {
    std::int64_t arrays = 0;
    const Estimate full = mixed(choice, arrays);
    const NetworkCost sum = costs.total(choice);
    const auto near = [](double a, double b) { return std::abs(a - b) <= kTolerance * std::abs(b); };
    if (sum.arrays == arrays && near(sum.energy, full.energy) &&
        near(sum.period, full.period.value_or(0.0)) && near(sum.latency, full.latency.value_or(0.0)) &&
        sum.fits)
      return testing::AssertionSuccess();
    return testing::AssertionFailure()
           << sum.energy << " J for " << full.energy << ", " << sum.period << " s for "
           << full.period.value_or(0.0) << ", " << sum.arrays << " arrays for " << arrays;
  }
};

std::vector<HardwareSpec> chips() {
  std::vector<HardwareSpec> out;
  for (const char* name : {"isaac", "rram-128", "puma", "cascade"})
    out.push_back(hardware::open_hardware(io::posix(), name));
  out.push_back(parse_small(changed("tiles: 3", "tiles: 300")));
  return out;
}

TEST(ArrayCosts, UniformNetworks) {
  for (const HardwareSpec& spec : chips()) {
    const Table table(spec);
    for (std::size_t c = 0; c < kPrecisions.size(); ++c)
      EXPECT_TRUE(table.equal(std::vector<std::uint8_t>(kLayers.size(), static_cast<std::uint8_t>(c))))
          << spec.name << " " << kPrecisions[c].name;
  }
}

TEST(ArrayCosts, MixedNetworks) {
  for (const HardwareSpec& spec : chips()) {
    mapping::MappingOptions options;
    for (const mapping::Packing packing : {mapping::Packing::kNone, mapping::Packing::kStacked}) {
      options.packing = packing;
      const Table table(spec, options);
      EXPECT_TRUE(rc::check(spec.name, [&] {
        std::vector<std::uint8_t> choice;
        for (std::size_t l = 0; l < kLayers.size(); ++l)
          choice.push_back(*rc::gen::inRange<std::uint8_t>(0, static_cast<std::uint8_t>(kPrecisions.size())));
        RC_ASSERT(table.equal(choice));
      }));
    }
  }
}

// 64 inputs, 40 outputs of two slices on 4 positions, as estimate_test.cpp counts them.
TEST(ArrayCosts, AnEntryByHand) {
  const HardwareSpec spec = parse_small();
  Candidate one = candidate(spec, {"W4A4", 4, 4, 8.0, {}}, {{64, 40, 1}});
  one.model = mapping::chain({{64, 40, 1}}, 2, one.model.layers.at("conv0").config);
  one.options = {};
  const ArrayCosts costs({one}, spec, {});
  EXPECT_EQ(costs.cost(0, 0).work, (std::vector<double>{32, 32}));
  EXPECT_EQ(costs.cost(0, 0).cycles, 32.0);
  EXPECT_DOUBLE_EQ(costs.cost(0, 0).energy,
                   64 * 1e-3 * 10e-9 + 2048 * 2e-3 / 128 * 10e-9 + 2560 * 2e-3 * 1e-9);
  const std::vector<std::uint8_t> choice = {0};
  EXPECT_DOUBLE_EQ(costs.total(choice).energy, costs.cost(0, 0).energy + (1e-3 + 5e-3) * 320e-9);
}

TEST(ArrayCosts, AllArraysAndTheChipsOwnAreTheChip) {
  for (const char* name : {"isaac", "puma"}) {
    const HardwareSpec spec = hardware::open_hardware(io::posix(), name);
    const Table table(spec);
    const std::vector<std::uint8_t> choice(kLayers.size(), 0);
    const NetworkCost cost = table.costs.total(choice);
    const auto rest = static_cast<double>(mapping::chip_of(spec).capacity() - cost.arrays);
    EXPECT_NEAR((cost.area + rest * table.costs.array_area()) / roll_up(spec).chip().area, 1.0, kTolerance);
  }
}

TEST(ArrayCosts, SaysWhatDoesNotFit) {
  const Table table(parse_small());  // 24 arrays
  EXPECT_FALSE(table.costs.total(std::vector<std::uint8_t>(kLayers.size(), 3)).fits);
}

TEST(ArrayCosts, RefusesWhatIsNoTable) {
  const HardwareSpec spec = parse_small(changed("router: {kind: router, shared_by: 2, power: 10 mW,",
                                                "router: {kind: router, shared_by: 2, energy: 1 pJ,"));
  EXPECT_EQ(error_of([&] { ArrayCosts({}, spec, {}); }), "a table of costs has 1 to 256 candidates");
  EXPECT_EQ(error_of([&] { ArrayCosts({candidate(spec, kPrecisions[0], kLayers)}, spec, {}); },
                     ErrorCode::kUnsupported),
            "'tile.router' states an energy of a use, which depends on where all layers lie (estimate such a "
            "chip network by network)");
  const HardwareSpec small = parse_small();
  EXPECT_EQ(error_of([&] {
              ArrayCosts(
                  {candidate(small, kPrecisions[0], kLayers), candidate(small, kPrecisions[1], {{3, 64, 3}})},
                  small, {});
            }),
            "node 'conv1': candidate W4A4P4 has other layers on arrays than the first one");
}

}  // namespace
}  // namespace bitline::estimate
