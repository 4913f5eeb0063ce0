// Cells that differ from what was written: as much as asked, the same for the same chip.
#include "bitline/sim/variation.h"

#include <cmath>
#include <set>

#include "base/error_of.h"
#include "sim/random_layer.h"
#include "sim/small_net.h"
#include <gtest/gtest.h>

#include "bitline/base/hash.h"
#include "bitline/base/philox.h"
#include "bitline/sim/calibrate.h"
#include "bitline/sim/network.h"

namespace bitline::sim {
namespace {

LayerProgram wide_layer(const std::string& name = "layer") {
  Dice dice(77);
  mapping::LayerShape shape;
  shape.in_channels = 100;
  shape.out_channels = 120;
  quant::CimLayer layer;
  layer.config.weight_bits = 6;
  layer.config.cell_bits = 6;
  layer.config.adc_levels = quant::kIdealAdc;
  layer.weight_scale.assign(120, 1.0f);
  std::vector<float> weight;
  for (int i = 0; i < 12000; ++i) weight.push_back(static_cast<float>(dice.between(-20, 20)));
  return compile_layer(name, shape, weight, {}, layer);
}

double cell(const LayerProgram& program, std::size_t i) {
  return std::ldexp(static_cast<double>(program.cells[i]), -program.fraction_bits);
}

TEST(Variation, SigmaZeroIsTheIdentity) {
  const LayerProgram program = wide_layer();
  for (const Variation& none : {Variation{}, Variation{"lognormal", 0.0}}) {
    const LayerProgram same = perturb(program, none, 1, 2);
    EXPECT_EQ(same.cells, program.cells);
    EXPECT_EQ(same.fraction_bits, 0);
  }
}

TEST(Variation, ZeroDigitsStayZeroWhereDigitsVary) {
  const LayerProgram program = wide_layer();
  const LayerProgram chip = perturb(program, {"lognormal-digit", 0.2}, 1, 2);
  EXPECT_GT(chip.fraction_bits, 4);
  std::size_t zeros = 0, moved = 0;
  for (std::size_t i = 0; i < program.cells.size(); ++i) {
    if (program.cells[i] == 0) {
      ASSERT_EQ(chip.cells[i], 0);
      ++zeros;
    } else {
      moved += cell(chip, i) != cell(program, i) ? 1 : 0;
    }
  }
  EXPECT_GT(zeros, 100U);
  EXPECT_GT(moved, 11000U);
  EXPECT_EQ(chip.gain, program.gain);
  EXPECT_EQ(chip.weight, program.weight);
  EXPECT_EQ(chip.base, program.base);
}

TEST(Variation, AChipIsAFunctionOfSeedChipAndLayer) {
  const Variation variation{"lognormal", 0.1};
  const LayerProgram program = wide_layer();
  const LayerProgram chip = perturb(program, variation, 5, 3);
  EXPECT_EQ(perturb(program, variation, 5, 3).cells, chip.cells);
  EXPECT_NE(perturb(program, variation, 5, 4).cells, chip.cells);
  EXPECT_NE(perturb(program, variation, 6, 3).cells, chip.cells);
  EXPECT_NE(perturb(wide_layer("other"), variation, 5, 3).cells, chip.cells);
}

struct Spread {
  double mean = 0.0, deviation = 0.0;
  std::size_t count = 0;
};

template <class Measure>
Spread spread_of(const LayerProgram& before, const LayerProgram& after, Measure&& measure) {
  Spread s;
  double square = 0.0;
  for (std::size_t i = 0; i < before.cells.size(); ++i) {
    if (std::abs(before.cells[i]) < 3) continue;  // where the grid of the cells is fine beside the spread
    const double value = measure(cell(after, i) / cell(before, i));
    s.mean += value;
    square += value * value;
    ++s.count;
  }
  s.mean /= static_cast<double>(s.count);
  s.deviation = std::sqrt(square / static_cast<double>(s.count) - s.mean * s.mean);
  return s;
}

TEST(Variation, LognormalFactorsHaveTheAskedSpread) {
  const LayerProgram program = wide_layer();
  for (const double sigma : {0.05, 0.1, 0.25}) {
    const LayerProgram chip = perturb(program, {"lognormal-digit", sigma}, 1, 1);
    const Spread s = spread_of(program, chip, [](double factor) { return std::log(factor); });
    ASSERT_GT(s.count, 9000U);
    EXPECT_NEAR(s.mean, 0.0, 4.0 * sigma / std::sqrt(static_cast<double>(s.count)));
    EXPECT_NEAR(s.deviation, sigma, 0.03 * sigma);
  }
}

TEST(Variation, GaussianFactorsHaveTheAskedSpread) {
  const LayerProgram program = wide_layer();
  const LayerProgram chip = perturb(program, {"gaussian-digit", 0.1}, 1, 1);
  const Spread s = spread_of(program, chip, [](double factor) { return factor; });
  EXPECT_NEAR(s.mean, 1.0, 0.4 / std::sqrt(static_cast<double>(s.count)));
  EXPECT_NEAR(s.deviation, 0.1, 0.003);
}

// One row, one slice: the digit `code` of an encoding, 4,000 outputs alike, read on one chip.
struct StoredDigit {
  const char* encoding;
  int bits, cell_bits, code;
};

LayerProgram equal_digits(const StoredDigit& digit) {
  constexpr int kOutputs = 4000;
  mapping::LayerShape shape;
  shape.in_channels = 1;
  shape.out_channels = kOutputs;
  quant::CimLayer layer;
  layer.config.encoding = digit.encoding;
  layer.config.weight_bits = digit.bits;
  layer.config.cell_bits = digit.cell_bits;
  layer.config.adc_levels = quant::kIdealAdc;
  layer.config.array_columns = 1;  // a reference for each output
  layer.weight_scale.assign(kOutputs, 1.0f);
  const std::vector<float> weight(kOutputs, static_cast<float>(digit.code));
  return compile_layer("layer", shape, weight, {}, layer);
}

Spread spread_of(const LayerProgram& chip) {
  Spread s;
  double squares = 0.0;
  for (std::size_t i = 0; i < chip.cells.size(); ++i) {
    s.mean += cell(chip, i);
    squares += cell(chip, i) * cell(chip, i);
    ++s.count;
  }
  s.mean /= static_cast<double>(s.count);
  s.deviation = std::sqrt(squares / static_cast<double>(s.count) - s.mean * s.mean);
  return s;
}

// A lognormal factor has the mean exp(s^2/2) and the deviation mean * sqrt(exp(s^2) - 1); cells and
// references vary alone.
TEST(Variation, StoredLevelsVaryAsTheyConduct) {
  const double sigma = 0.1, mean = std::exp(sigma * sigma / 2.0);
  const double each = mean * std::sqrt(std::exp(sigma * sigma) - 1.0);
  struct Expected {
    StoredDigit digit;
    const char* more;
    double level, reference, lowest;  // of the cells that conduct, in steps
  };
  const Expected cases[] = {
      {{"twos-complement", 2, 2, 0}, "", 2.0, 2.0, 0.0},           // zero lies at half range
      {{"twos-complement", 4, 4, -8}, "", 0.0, 8.0, 0.0},          // the lowest: the reference alone
      {{"twos-complement", 1, 1, -1}, "", 1.0, 0.0, 0.0},          // a sign alone is stored as it is
      {{"differential", 3, 2, -3}, "", 3.0, 0.0, 0.0},             // one cell of the pair
      {{"differential", 3, 2, 0}, "+onoff:4", 0.0, 0.0, 1.0},      // both cells at g0
      {{"twos-complement", 2, 2, 1}, "+onoff:4", 3.0, 2.0, 1.0},   // g0 = 3 / (4 - 1)
      {{"twos-complement", 1, 1, 0}, "+onoff:11", 0.0, 0.0, 0.1},  // an empty cell and its reference
  };
  for (const Expected& e : cases) {
    SCOPED_TRACE(std::string(e.digit.encoding) + " " + std::to_string(e.digit.code) + e.more);
    const LayerProgram program = equal_digits(e.digit);
    const Spread s =
        spread_of(perturb(program, parse_variation("lognormal:0.1" + std::string(e.more)), 1, 1));
    const double cell_level = e.level + e.lowest, partner = e.reference + e.lowest;
    const double deviation = each * std::hypot(cell_level, partner);
    const double sign = e.digit.code < 0 && e.level > 0.0 ? -1.0 : 1.0;
    EXPECT_NEAR(s.mean, sign * mean * (cell_level - partner), 4.0 * deviation / std::sqrt(4000.0) + 1e-3);
    EXPECT_NEAR(s.deviation, deviation, 0.05 * deviation);
  }
}

TEST(Variation, EmptyCellsOfAnUnlimitedRatioDoNotVary) {
  for (const StoredDigit& digit :
       {StoredDigit{"differential", 3, 2, 0}, StoredDigit{"twos-complement", 1, 1, 0}}) {
    const LayerProgram program = equal_digits(digit);
    const LayerProgram chip = perturb(program, {"lognormal", 1.0}, 1, 1);
    EXPECT_EQ(chip.cells, std::vector<std::int32_t>(program.cells.size(), 0)) << digit.encoding;
  }
}

TEST(Variation, ConductancesAreNeverBelowZero) {
  for (const char* model : {"gaussian", "gaussian-digit"}) {
    const LayerProgram chip = perturb(equal_digits({"differential", 3, 2, 3}), {model, 1.0}, 1, 1);
    std::size_t none = 0;
    for (const std::int32_t value : chip.cells) {
      ASSERT_GE(value, 0) << model;
      none += value == 0 ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(none) / 4000.0, 0.1587, 0.02) << model;  // 1 - Phi(1)
  }
}

TEST(Variation, OutputsOfAColumnTileShareTheirReference) {
  LayerProgram program = equal_digits({"twos-complement", 4, 4, -8});  // cells at level 0: references alone
  program.tiling.grid.array_columns = 100;
  const LayerProgram chip = perturb(program, {"lognormal", 0.2}, 1, 1);
  std::set<std::int32_t> values;
  for (std::size_t o = 0; o < chip.cells.size(); ++o) {
    ASSERT_EQ(chip.cells[o], chip.cells[o / 100 * 100]);
    values.insert(chip.cells[o]);
  }
  EXPECT_GT(values.size(), 35U);
}

// The reading of most papers, by its formula.
TEST(Variation, DigitsAreMultipliedWhereTheModelSaysSo) {
  const LayerProgram program = wide_layer();
  const LayerProgram chip = perturb(program, {"lognormal-digit", 0.25}, 5, 3);
  const Philox random(5, stream_id("cell-variation", 3, hash_bytes(std::string_view("layer"))));
  for (std::size_t i = 0; i < program.cells.size(); ++i) {
    const double digit = program.cells[i] * std::exp(0.25 * random.normal(i));
    ASSERT_EQ(chip.cells[i],
              static_cast<std::int32_t>(std::nearbyint(std::ldexp(digit, chip.fraction_bits))));
  }
}

TEST(Variation, PerturbingAPerturbedLayerStartsFromItsCells) {
  const LayerProgram program = wide_layer();
  const LayerProgram chip = perturb(program, {"lognormal-digit", 0.3}, 1, 1);
  const LayerProgram aged = perturb(chip, {"lognormal-digit", 0.001}, 1, 2);
  for (std::size_t i = 0; i < program.cells.size(); ++i) {
    ASSERT_NEAR(cell(aged, i), cell(chip, i), 0.01 * std::fabs(cell(chip, i)) + 0.02);
  }
}

TEST(Variation, ChipsOfANetworkDifferAndRepeat) {
  CalibrateOptions options;
  const ir::Tensor images = random_images(6, 1);
  const Network network(calibrate(small_net(1), images, options, {}));
  const Variation variation{"lognormal", 0.2};
  const std::vector<float> plain = network.forward(images).data;
  const std::vector<float> first = network.on_chip(variation, 9, 0).forward(images).data;
  EXPECT_NE(first, plain);
  EXPECT_NE(network.on_chip(variation, 9, 1).forward(images).data, first);
  EXPECT_EQ(network.on_chip(variation, 9, 0).forward(images).data, first);
  EXPECT_EQ(network.on_chip({}, 9, 0).forward(images).data, plain);
}

// Cells of each kind, counted: how many read their lowest and their highest level.
struct StuckCount {
  double low = 0.0, high = 0.0, kept = 0.0;
};

StuckCount count_stuck(const LayerProgram& program, const LayerProgram& chip, int slice) {
  const auto& grid = program.tiling.grid;
  const quant::BitSlice& levels = program.weight_slices[static_cast<std::size_t>(slice)];
  StuckCount count;
  double all = 0.0;
  for (std::size_t i = 0; i < program.cells.size(); ++i) {
    if (static_cast<int>(i) / grid.outputs % grid.slices != slice) continue;
    const double value = cell(chip, i);
    all += 1.0;
    // What was written elsewhere tells a stuck cell from one that holds the level anyway.
    if (value == cell(program, i)) {
      count.kept += 1.0;
    } else {
      EXPECT_TRUE(value == levels.low() || value == levels.high()) << value;
      (value == levels.low() ? count.low : count.high) += 1.0;
    }
  }
  return {count.low / all, count.high / all, count.kept / all};
}

TEST(Variation, CellsAreStuckAsOftenAsAsked) {
  const LayerProgram program =
      wide_layer();  // one signed slice of 6 bits, digits -20 .. 20: never at a bound
  const StuckCount count =
      count_stuck(program, perturb(program, parse_variation("saf0:0.1+saf1:0.03"), 1, 2), 0);
  EXPECT_NEAR(count.low, 0.1, 0.01);
  EXPECT_NEAR(count.high, 0.03, 0.006);
  EXPECT_NEAR(count.kept, 0.87, 0.012);
}

TEST(Variation, EitherCellOfADifferentialPairCanBeStuck) {
  RandomLayer layer = random_linear(3);
  layer.layer.config.encoding = "differential";
  layer.layer.config.weight_bits = 3;
  layer.layer.config.cell_bits = 2;
  layer.layer.config.weight_granularity = layer.layer.config.psum_granularity = quant::Granularity::kLayer;
  layer.layer.config.adc_levels = quant::kIdealAdc;
  layer.layer.config.slice_scales = false;
  layer.layer.weight_scale = {0.2f};
  layer.layer.psum_step.clear();
  layer.layer.psum_centre.clear();
  const LayerProgram program = layer.compile();
  const LayerProgram low = perturb(program, parse_variation("saf0:1"), 1, 1);
  EXPECT_EQ(low.cells, std::vector<std::int32_t>(program.cells.size(), 0));
  const LayerProgram high = perturb(program, parse_variation("saf1:1"), 1, 1);  // both: they cancel
  EXPECT_EQ(high.cells, std::vector<std::int32_t>(program.cells.size(), 0));
  std::set<std::int32_t> values;
  for (const std::int32_t value : perturb(program, parse_variation("saf1:0.5"), 1, 1).cells)
    values.insert(value);
  EXPECT_EQ(*values.begin(), -3);
  EXPECT_EQ(*values.rbegin(), 3);
}

TEST(Variation, StuckCellsDoNotSpread) {
  const LayerProgram program = wide_layer();
  const Variation both = parse_variation("lognormal-digit:0.1+saf1:0.5");
  const LayerProgram spread = perturb(program, {"lognormal-digit", 0.1}, 1, 2),
                     chip = perturb(program, both, 1, 2);
  std::size_t stuck = 0;
  for (std::size_t i = 0; i < program.cells.size(); ++i) {
    if (cell(chip, i) == 31.0) {
      ++stuck;
    } else {
      ASSERT_NEAR(cell(chip, i), cell(spread, i), 0.01);
    }
  }
  EXPECT_NEAR(static_cast<double>(stuck) / static_cast<double>(program.cells.size()), 0.5, 0.02);
}

TEST(Variation, TextIsReadAndWritten) {
  EXPECT_EQ(parse_variation("none").text(), "none");
  EXPECT_FALSE(parse_variation("none").active());
  const Variation read = parse_variation("lognormal:0.1");
  EXPECT_EQ(read.model, "lognormal");
  EXPECT_EQ(read.sigma, 0.1);
  EXPECT_EQ(read.text(), "lognormal:0.1");
  EXPECT_EQ(parse_variation("gaussian:2").text(), "gaussian:2");
  EXPECT_EQ(parse_variation("gaussian:0").text(), "none");
  EXPECT_EQ(parse_variation("saf1:0.5+lognormal:0.2+saf0:0.01").text(), "lognormal:0.2+saf0:0.01+saf1:0.5");
  EXPECT_FALSE(parse_variation("saf0:0").active());
}

TEST(Variation, BadTextsAreRefused) {
  for (const char* text : {"lognormal", "lognormal:", "lognormal:-0.1", "lognormal:2.01", "lognormal:nan",
                           "lognormal:0.1x", "gaussian: 0.1", "gaussian:inf"}) {
    EXPECT_EQ(error_of([&] { parse_variation(text); }, ErrorCode::kUsage),
              "variation '" + std::string(text) +
                  "' is not valid (expected MODEL:SIGMA with SIGMA from 0 to 2, such as lognormal:0.1)");
  }
  EXPECT_EQ(error_of([] { parse_variation("saf0:1.1"); }, ErrorCode::kUsage),
            "variation 'saf0:1.1' is not valid (expected a rate from 0 to 1, such as saf0:0.01)");
  EXPECT_EQ(error_of([] { parse_variation("saf0:0.6+saf1:0.6"); }, ErrorCode::kUsage),
            "the rates of saf0 and saf1 add up to more than 1");
  EXPECT_EQ(error_of([] { parse_variation("lognormal:0.1+gaussian:0.1"); }, ErrorCode::kUsage),
            "a variation has one model of spread (leave one of them out)");
  EXPECT_EQ(error_of([] { parse_variation("lognormal:0.1+onoff:1"); }, ErrorCode::kUsage),
            "variation 'onoff:1' is not valid (expected a ratio of conductances from 1.001 to 1e9, such as "
            "onoff:100)");
  for (const char* text : {"onoff:10", "saf0:0.1+onoff:10", "lognormal-digit:0.1+onoff:10"}) {
    EXPECT_EQ(error_of([&] { parse_variation(text); }, ErrorCode::kUsage),
              "'onoff' changes nothing without a model that varies stored levels (add lognormal:SIGMA or "
              "gaussian:SIGMA, or leave it out)");
  }
  EXPECT_EQ(error_of([] { parse_variation("lognorml:0.1"); }, ErrorCode::kUsage),
            "unknown variation model 'lognorml' (did you mean 'lognormal'?)");
  EXPECT_NE(
      error_of([] { parse_variation(""); }, ErrorCode::kUsage)
          .find("known: none, onoff, saf0, saf1, read, lognormal, gaussian, lognormal-digit, gaussian-digit"),
      std::string::npos);
}

// Sums of many images under read noise less the sums without: [image][column].
std::vector<float> fluctuations(const LayerProgram& program, double sigma, std::uint64_t images) {
  Variation variation;
  variation.read = sigma;
  const LayerProgram chip = perturb(program, variation, 1, 2);
  const std::vector<quant::Code> codes(static_cast<std::size_t>(program.tiling.shape.in_channels), 1);
  std::vector<float> y(program.base.size()), plain, out;
  choose_kernel("reference", program).prepare(program)->run({codes, {}}, y, &plain);
  const auto prepared = choose_kernel("auto", chip).prepare(chip);
  for (std::uint64_t image = 0; image < images; ++image) {
    std::vector<float> noisy;
    prepared->run({codes, {}, image}, y, &noisy);
    for (std::size_t i = 0; i < noisy.size(); ++i) out.push_back(noisy[i] - plain[i]);
  }
  return out;
}

TEST(ReadNoise, HasTheAskedDeviationAndNoMean) {
  const double sigma = 0.4;
  const std::vector<float> noise = fluctuations(wide_layer(), sigma, 400);  // 100 rows, 120 columns
  ASSERT_EQ(noise.size(), 48000U);
  double sum = 0.0, squares = 0.0, fourth = 0.0, beyond_two = 0.0;
  for (const float n : noise) {
    const double z = n / (sigma * 10.0);  // sqrt(100 rows)
    sum += z;
    squares += z * z;
    fourth += z * z * z * z;
    beyond_two += std::fabs(z) > 2.0 ? 1.0 : 0.0;
  }
  const auto count = static_cast<double>(noise.size());
  EXPECT_NEAR(sum / count, 0.0, 0.02);
  EXPECT_NEAR(squares / count, 1.0, 0.02);
  EXPECT_NEAR(fourth / count, 3.0, 0.15);
  EXPECT_NEAR(beyond_two / count, 0.0455, 0.004);
}

TEST(ReadNoise, DiffersBetweenImagesColumnsAndChips) {
  const LayerProgram program = wide_layer();
  const std::vector<float> noise = fluctuations(program, 1.0, 2);
  double between_images = 0.0, between_columns = 0.0;
  for (std::size_t i = 0; i < 119; ++i) {
    between_images += noise[i] * noise[120 + i] / 100.0;
    between_columns += noise[i] * noise[i + 1] / 100.0;
  }
  EXPECT_LT(std::fabs(between_images / 119.0), 0.3);
  EXPECT_LT(std::fabs(between_columns / 119.0), 0.3);
  Variation variation;
  variation.read = 1.0;
  EXPECT_NE(perturb(program, variation, 1, 2).read_noise.stream,
            perturb(program, variation, 1, 3).read_noise.stream);
  EXPECT_EQ(perturb(program, variation, 1, 2).cells, program.cells);
}

TEST(ReadNoise, IsReadFromTextAndCheckedAtItsLimits) {
  EXPECT_EQ(parse_variation("read:0.05+lognormal:0.1").text(), "lognormal:0.1+read:0.05");
  EXPECT_EQ(error_of([] { parse_variation("read:-1"); }, ErrorCode::kUsage),
            "variation 'read:-1' is not valid (expected digits a row from 0 to 100, such as read:0.05)");
}

}  // namespace
}  // namespace bitline::sim
