#include "bitline/sim/calibrate.h"

#include <cmath>
#include <limits>

#include "base/error_of.h"
#include "sim/random_layer.h"
#include "sim/small_net.h"
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include "bitline/sim/network.h"

namespace bitline::sim {
namespace {

using quant::Granularity;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Context with_threads(int threads) {
  Context context;
  context.threads = threads;
  return context;
}

CalibrateOptions options_of(Granularity weight, Granularity psum) {
  CalibrateOptions options;
  options.config.array_rows = 27;  // three channels a tile
  options.config.array_columns = 4;
  options.config.weight_granularity = weight;
  options.config.psum_granularity = psum;
  return options;
}

TEST(Calibrate, LayersOfThePolicyGetAWholeState) {
  const quant::QuantizedModel model =
      calibrate(small_net(1), random_images(8, 1), options_of(Granularity::kColumn, Granularity::kArray), {});
  ASSERT_EQ(model.layers.size(), 2U);
  const quant::CimLayer& layer = model.layers.at("conv2");  // 6 channels: two tiles, two slices, 8 outputs
  EXPECT_EQ(layer.config, options_of(Granularity::kColumn, Granularity::kArray).config);
  EXPECT_FALSE(layer.activation_signed);  // behind a ReLU
  EXPECT_EQ(layer.weight_scale.size(), 2U * 8U);
  EXPECT_EQ(layer.psum_step.size(), 2U * 2U * 2U);
  EXPECT_EQ(layer.psum_centre.size(), 2U * 2U * 2U);
  EXPECT_EQ(model.layers.count("conv3"), 1U);
}

// Two layers of one shape, "one" and "two", that read the same weight and bias or equal copies of them.
ir::Graph twice(bool shared) {
  Dice dice(5);
  ir::Graph graph;
  ir::Conv op;
  op.window.kernel = {3, 3};
  op.window.pad_begin = op.window.pad_end = {1, 1};
  const ir::Tensor weight({3, 3, 3, 3}, dice.normals(81, 0.3f)), bias({3}, dice.normals(3, 0.1f));
  ir::ValueId x = graph.add_input("x", {ir::kBatch, 3, 9, 8});
  ir::ValueId w = graph.add_constant("w", weight), b = graph.add_constant("b", bias);
  x = graph.add_node("relu", ir::Relu{}, {graph.add_node("one", op, {x, w, b})});
  if (!shared) {
    w = graph.add_constant("w2", weight);
    b = graph.add_constant("b2", bias);
  }
  graph.set_output(graph.add_node("two", op, {x, w, b}));
  return graph;
}

TEST(Calibrate, SharedConstantsAreRoundedAsCopiesAre) {
  for (const bool compensate : {false, true}) {
    CalibrateOptions options = options_of(Granularity::kColumn, Granularity::kColumn);
    options.compensate = compensate;
    options.policy.first = options.policy.last = mapping::Placement::kArray;
    const ir::Tensor images = random_images(8, 3);
    const quant::QuantizedModel shared = calibrate(twice(true), images, options, {});
    const quant::QuantizedModel copies = calibrate(twice(false), images, options, {});
    for (const char* name : {"one", "two"}) {
      const ir::Node &a = *shared.graph.find_node(name), &b = *copies.graph.find_node(name);
      for (const std::size_t input : {1U, 2U})
        EXPECT_EQ(shared.graph.constant(a.inputs[input]).data, copies.graph.constant(b.inputs[input]).data)
            << name << " input " << input << (compensate ? " compensated" : " nearest");
      EXPECT_EQ(shared.layers.at(name).weight_scale, copies.layers.at(name).weight_scale);
      EXPECT_EQ(shared.layers.at(name).psum_step, copies.layers.at(name).psum_step);
    }
  }
}

TEST(Calibrate, SignedInputsAreNoticed) {
  CalibrateOptions options = options_of(Granularity::kColumn, Granularity::kColumn);
  options.policy.first = mapping::Placement::kArray;
  const quant::QuantizedModel model = calibrate(small_net(1), random_images(4, 1), options, {});
  EXPECT_TRUE(model.layers.at("conv1").activation_signed);
  EXPECT_FALSE(model.layers.at("conv2").activation_signed);
}

TEST(Calibrate, MinMaxSeesEveryActivation) {
  CalibrateOptions options = options_of(Granularity::kColumn, Granularity::kColumn);
  options.policy.first = mapping::Placement::kArray;
  options.activation_range = quant::parse_range("minmax");
  ir::Tensor images = random_images(2000, 1);
  ASSERT_GT(images.size(), 400'000U);  // more than the other methods look at
  images.data.back() = 64.0f;
  const quant::QuantizedModel model = calibrate(small_net(1), images, options, {});
  const quant::CimLayer& layer = model.layers.at("conv1");
  EXPECT_EQ(layer.activation_scale, 64.0f / static_cast<float>(quant::activation_range(layer).high));
}

TEST(Calibrate, DigitalLayersGetEightBitsNoConverterAndNoVariation) {
  CalibrateOptions options = options_of(Granularity::kColumn, Granularity::kColumn);
  options.policy.first = options.policy.last = mapping::Placement::kDigital;
  const quant::QuantizedModel model = calibrate(small_net(1), random_images(8, 1), options, {});
  for (const char* name : {"conv1", "fc"}) {
    const quant::CimLayer& layer = model.layers.at(name);
    EXPECT_EQ(layer.config, quant::digital_config()) << name;
    EXPECT_TRUE(layer.psum_step.empty());
    EXPECT_EQ(layer.weight_scale.size(), std::string(name) == "fc" ? 5U : 6U);
  }
  EXPECT_EQ(model.layers.at("conv1").config.text(), "W8A8 digital");
  const Network ideal(model);
  const Network chip = ideal.on_chip(parse_variation("lognormal:0.3"), 1, 0);
  const auto cells = [](const Network& network, std::string_view name) {
    for (const LayerProgram* program : network.programs()) {
      if (program->name == name) return program->cells;
    }
    return std::vector<std::int32_t>();
  };
  EXPECT_EQ(cells(chip, "conv1"), cells(ideal, "conv1"));
  EXPECT_EQ(cells(chip, "fc"), cells(ideal, "fc"));
  EXPECT_NE(cells(chip, "conv2"), cells(ideal, "conv2"));
}

TEST(Calibrate, TheSameBitsForAnyNumberOfThreads) {
  const tbb::global_control threads_allowed(tbb::global_control::max_allowed_parallelism,
                                            4);  // also on two cores
  for (const auto granularity : {Granularity::kLayer, Granularity::kColumn}) {
    const CalibrateOptions options = options_of(granularity, granularity);
    const quant::QuantizedModel one = calibrate(small_net(4), random_images(21, 3), options, with_threads(1));
    for (int threads = 2; threads <= 4; ++threads) {
      const quant::QuantizedModel many =
          calibrate(small_net(4), random_images(21, 3), options, with_threads(threads));
      for (const auto& [name, layer] : one.layers) {
        const quant::CimLayer& other = many.layers.at(name);
        EXPECT_EQ(layer.activation_scale, other.activation_scale) << name << ", " << threads << " threads";
        EXPECT_EQ(layer.weight_scale, other.weight_scale);
        EXPECT_EQ(layer.psum_step, other.psum_step);
        EXPECT_EQ(layer.psum_centre, other.psum_centre);
      }
    }
  }
}

// Squared error of conv2's converters on the calibration images, weighted by the slices' significance.
double psum_error(const quant::QuantizedModel& model, const ir::Tensor& images) {
  quant::QuantizedModel ideal = model;
  ideal.layers.at("conv2").config.adc_levels = quant::kIdealAdc;
  const Network converted(model), exact(ideal);
  Trace codes, sums;
  converted.forward(images, &codes);
  exact.forward(images, &sums);
  const quant::CimLayer& layer = model.layers.at("conv2");
  const LayerProgram& program = *converted.programs().front();
  const quant::GroupMap weights = weight_groups(program.tiling, layer.config);
  const quant::GroupMap psums = psum_groups(program.tiling, layer.config);
  const auto& grid = program.tiling.grid;
  const double middle = 0.5 * (layer.config.adc_levels - 1);
  double error = 0.0;
  std::size_t at = 0;
  while (at < codes.front().adc_codes.size()) {
    for (int t = 0; t < grid.tiles; ++t) {
      for (int j = 0; j < grid.slices; ++j) {
        const double significance =
            std::ldexp(1.0, 2 * program.weight_slices[static_cast<std::size_t>(j)].shift);
        for (int o = 0; o < grid.outputs; ++o, ++at) {
          const auto group = static_cast<std::size_t>(psums.group(t, j, o));
          const double unit = double(layer.activation_scale) *
                              double(layer.weight_scale[static_cast<std::size_t>(weights.group(t, j, o))]);
          const double value =
              double(layer.psum_centre[group]) +
              double(layer.psum_step[group]) * (double(codes.front().adc_codes[at]) - middle);
          error += significance * std::pow(value - unit * double(sums.front().adc_codes[at]), 2);
        }
      }
    }
  }
  return error;
}

TEST(Calibrate, FinerGranularityOfConvertersIsNotWorse) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const ir::Tensor images = random_images(16, seed);
    for (const int levels : {2, 3, 4, 8, 16}) {
      const auto error = [&](Granularity psum) {
        CalibrateOptions options = options_of(Granularity::kLayer, psum);
        options.policy.float_layers = {"conv3"};
        options.config.adc_levels = levels;
        return psum_error(calibrate(small_net(seed), images, options, {}), images);
      };
      const double layer = error(Granularity::kLayer), array = error(Granularity::kArray);
      const double column = error(Granularity::kColumn);
      EXPECT_LE(column, 1.01 * array) << "seed " << seed << ", " << levels << " levels";
      EXPECT_LE(array, 1.01 * layer) << "seed " << seed << ", " << levels << " levels";
      EXPECT_LT(column, 0.9 * layer) << "seed " << seed << ", " << levels << " levels";
    }
  }
}

double weight_error(const ir::Graph& graph, Granularity granularity) {
  const CalibrateOptions options = options_of(granularity, Granularity::kLayer);
  const ir::Node& node = *graph.find_node("conv2");
  const mapping::LayerTiling tiling =
      mapping::tile_layer(*mapping::layer_shape(graph, node), options.config, "conv2");
  const std::vector<float>& weight = graph.constant(node.inputs[1]).data;
  const std::vector<float> scales = calibrate_weights(tiling, options.config, {}, weight);
  const quant::GroupMap groups = weight_groups(tiling, options.config);
  EXPECT_EQ(static_cast<int>(scales.size()), groups.count());
  double error = 0.0;
  const auto add = [&](std::size_t, std::int64_t, int slice, int, std::size_t index, std::size_t group) {
    if (slice != 0) return;
    const float code = quant::lsq_code(weight[index], scales[group], -8.0f, 7.0f);
    error += std::pow(double(weight[index]) - double(scales[group] * code), 2);
  };
  for_each_cell(tiling, groups, add);
  return error;
}

TEST(Calibrate, FinerGranularityOfWeightsIsNotWorse) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const ir::Graph graph = small_net(seed);
    const double layer = weight_error(graph, Granularity::kLayer),
                 array = weight_error(graph, Granularity::kArray);
    const double column = weight_error(graph, Granularity::kColumn);
    EXPECT_LE(array, 1.01 * layer) << seed;
    EXPECT_LE(column, 1.01 * array) << seed;
    EXPECT_LE(column, 1.01 * weight_error(graph, Granularity::kChannel)) << seed;
    EXPECT_LT(column, 0.8 * layer) << seed;
  }
}

// Images in an order, from dark to bright: converters that hold few images' sums must not see the dark ones.
TEST(Calibrate, ConvertersSeeImagesFromAllOfTheSet) {
  ir::Tensor images = random_images(64, 3);
  const std::size_t size = images.size() / 64;
  for (std::size_t i = 0; i < images.size(); ++i)
    images.data[i] *= 0.05f + 0.05f * static_cast<float>(i / size);
  for (const Granularity psum : {Granularity::kLayer, Granularity::kColumn}) {
    CalibrateOptions options = options_of(Granularity::kLayer, psum);
    const quant::QuantizedModel all = calibrate(small_net(2), images, options, {});
    options.most_psums = 8 * 2 * 2 * 8 * 5 * 4;  // eight images: tiles, slices, outputs of conv2
    const quant::QuantizedModel some = calibrate(small_net(2), images, options, {});
    double sum = 0.0, expected = 0.0;
    for (std::size_t g = 0; g < all.layers.at("conv2").psum_step.size(); ++g) {
      sum += static_cast<double>(some.layers.at("conv2").psum_step[g]);
      expected += static_cast<double>(all.layers.at("conv2").psum_step[g]);
    }
    EXPECT_NEAR(sum, expected, 0.25 * expected);
  }
}

TEST(Calibrate, AnIdealConverterHasNoSteps) {
  CalibrateOptions options;
  options.config.adc_levels = quant::kIdealAdc;
  const quant::QuantizedModel model = calibrate(small_net(1), random_images(2, 1), options, {});
  EXPECT_TRUE(model.layers.at("conv2").psum_step.empty());
  EXPECT_TRUE(model.layers.at("conv2").psum_centre.empty());
}

TEST(Calibrate, SumsThatOverflowNameTheNode) {
  ir::Graph graph = small_net(1);
  for (float& weight : graph.constant(graph.find_node("conv2")->inputs[1]).data) weight = 1e38f;
  const std::string text = error_of([&] { calibrate(graph, random_images(2, 1), {}, {}); });
  EXPECT_TRUE(text.starts_with("node 'conv2': calibration met ")) << text;
}

TEST(Calibrate, WeightsThatAreNotFiniteNameTheNode) {
  ir::Graph graph = small_net(1);
  graph.constant(graph.find_node("conv2")->inputs[1]).data[5] = kNan;
  EXPECT_EQ(
      error_of([&] { calibrate(graph, random_images(2, 1), {}, {}); }),
      "node 'conv2': calibration met a value that is not finite (check the weights and the input scaling)");
}

TEST(Calibrate, ActivationsThatAreNotFiniteNameTheNodeTheyReach) {
  ir::Graph graph = small_net(1);
  graph.constant(graph.find_node("conv1")->inputs[1]).data[0] = kNan;  // conv1 stays in float
  EXPECT_EQ(error_of([&] { calibrate(graph, random_images(2, 1), {}, {}); }).rfind("node 'conv2': ", 0), 0U);
}

TEST(Calibrate, ImpossibleGeometryNamesTheNode) {
  CalibrateOptions options;
  options.config.array_rows = 8;
  EXPECT_EQ(
      error_of([&] {
        calibrate(small_net(1), random_images(2, 1), options, {});
      }).rfind("node 'conv2': one kernel window of 3x3 needs 9 rows, but the array activates 8 at once", 0),
      0U);
}

TEST(Calibrate, NoImagesAreAnError) {
  EXPECT_EQ(error_of([&] {
              calibrate(small_net(1), ir::Tensor({0, 3, 9, 8}), {}, {});
            }),
            "calibration got no images (give at least one)");
}

TEST(Calibrate, AnInvalidConfigurationIsRefusedFirst) {
  CalibrateOptions options;
  options.config.weight_bits = 17;
  EXPECT_EQ(error_of([&] { calibrate(small_net(1), random_images(2, 1), options, {}); }),
            "weight_bits = 17 is out of range (expected 1 to 16)");
}

TEST(Network, RefusesALayerThatTheGraphLacks) {
  quant::QuantizedModel model = calibrate(small_net(1), random_images(2, 1), {}, {});
  model.layers.emplace("conv9", model.layers.at("conv2"));
  EXPECT_EQ(error_of([&] { Network network(model); }),
            "node 'conv9': the model quantizes a layer that its graph does not have");
}

TEST(Network, RefusesALinearLayerOverPictures) {
  quant::QuantizedModel model;
  const ir::ValueId x = model.graph.add_input("x", {ir::kBatch, 8, 4, 8});
  const ir::ValueId w = model.graph.add_constant("mix.weight", ir::Tensor({6, 8}));
  model.graph.set_output(model.graph.add_node("mix", ir::Linear{}, {x, w}));
  model.layers["mix"] = {};
  EXPECT_NE(error_of([&] { Network network(model); }, ErrorCode::kUnsupported).find("of [N, 8, 4, 8]"),
            std::string::npos);
}

double logit_error(const quant::QuantizedModel& model, const ir::Graph& graph, const ir::Tensor& images) {
  const ir::Tensor given = Network(model).forward(images), expected = ir::run_graph(graph, images);
  double error = 0.0;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto d = static_cast<double>(given.data[i] - expected.data[i]);
    error += d * d;
  }
  return error;
}

TEST(Calibrate, CompensatedWeightsLeaveLessErrorInTheLogits) {
  double nearest = 0.0, compensated = 0.0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const ir::Graph graph = small_net(seed);
    CalibrateOptions options;
    options.config.weight_bits = 3;
    options.config.activation_bits = 6;
    options.config.adc_levels = 256;
    const ir::Tensor images = random_images(48, seed), others = random_images(48, seed + 100);
    nearest += logit_error(calibrate(graph, images, options, {}), graph, others);
    options.compensate = true;
    Context four;
    four.threads = 4;
    const quant::QuantizedModel one = calibrate(graph, images, options, {});
    compensated += logit_error(one, graph, others);
    const quant::QuantizedModel many = calibrate(graph, images, options, four);
    for (const auto& [id, tensor] : one.graph.constants())
      EXPECT_EQ(tensor.data, many.graph.constant(id).data);
  }
  EXPECT_LT(compensated, 0.8 * nearest);
}

TEST(Network, KernelsGiveTheSameLogits) {
  const quant::QuantizedModel model = calibrate(small_net(1), random_images(8, 1), {}, {});
  const ir::Tensor images = random_images(5, 2);
  const Network slow(model, "reference");
  for (const CimKernel* kernel : cim_kernels()) {
    if (!kernel->decline(*slow.programs().front()).empty()) continue;
    const Network network(model, kernel->name());
    EXPECT_EQ(network.kernel("conv2").name(), kernel->name());
    EXPECT_EQ(network.forward(images).data, slow.forward(images).data) << kernel->name();
  }
}

double logit_error(const quant::QuantizedModel& model, const ir::Tensor& images) {
  const ir::Tensor expected = ir::run_graph(small_net(4), images), y = Network(model).forward(images);
  double error = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i)
    error += std::pow(double(y.data[i]) - double(expected.data[i]), 2);
  return error;
}

TEST(Calibrate, CycleRangesAndFreeLevelsAreSizedAndLoseLess) {
  const ir::Tensor images = random_images(16, 5);
  CalibrateOptions options = options_of(Granularity::kColumn, Granularity::kColumn);
  options.config.adc_levels = 4;
  options.config.dac_bits = 1;
  const double plain = logit_error(calibrate(small_net(4), images, options, {}), images);
  options.config.cycle_ranges = true;
  const quant::QuantizedModel cycles = calibrate(small_net(4), images, options, {});
  const quant::CimLayer& layer = cycles.layers.at("conv2");
  EXPECT_EQ(layer.psum_step.size(), 4U * 2U * 2U * 8U);  // cycles, tiles, slices, outputs
  EXPECT_EQ(layer.config.text(), "W4A4P2 column/column 27x4 2b dac1 cycle-ranges");
  EXPECT_LT(logit_error(cycles, images), plain);
  options.config.free_levels = true;
  const quant::QuantizedModel free = calibrate(small_net(4), images, options, {});
  EXPECT_EQ(free.layers.at("conv2").psum_levels.size(), layer.psum_step.size() * 4);
  EXPECT_LT(logit_error(free, images), plain);
}

TEST(Calibrate, KernelsAgreeOnCycleRangesAndFreeLevels) {
  const ir::Tensor images = random_images(6, 7);
  for (const bool cycle_ranges : {false, true}) {
    for (const bool free_levels : {false, true}) {
      CalibrateOptions options = options_of(Granularity::kColumn, Granularity::kArray);
      options.config.dac_bits = 2;
      options.config.adc_levels = 8;
      options.config.cycle_ranges = cycle_ranges;
      options.config.free_levels = free_levels;
      const quant::QuantizedModel model = calibrate(small_net(9), images, options, {});
      Trace expected, got;
      const ir::Tensor y = Network(model, "reference").forward(images, &expected);
      EXPECT_EQ(Network(model, "blocked").forward(images, &got).data, y.data);
      ASSERT_EQ(got.size(), expected.size());
      for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i].adc_codes, expected[i].adc_codes);
      EXPECT_EQ(Network(model).forward(images).data, y.data);
      const Network network(model);
      const std::string reason = error_of(
          [&] {
            if (cycle_ranges || free_levels) choose_kernel("portable", *network.programs().front());
            if (!cycle_ranges && !free_levels) unsupported("as usual");
          },
          ErrorCode::kUnsupported);
      EXPECT_NE(reason.find(free_levels    ? "free levels"
                            : cycle_ranges ? "cycle to cycle"
                                           : "as usual"),
                std::string::npos)
          << reason;
    }
  }
}

}  // namespace
}  // namespace bitline::sim
