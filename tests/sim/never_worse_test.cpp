// What is meant to help never harms: compensated rounding and equalization on the calibration images, for
// networks with dead channels, nearly dead ones and huge biases.
#include <cmath>
#include <string>

#include "sim/random_layer.h"
#include "sim/small_net.h"
#include <gtest/gtest.h>

#include "bitline/ir/interpreter.h"
#include "bitline/sim/equalized.h"
#include "bitline/sim/network.h"

namespace bitline::sim {
namespace {

double output_error(const quant::QuantizedModel& model, const ir::Graph& graph, const ir::Tensor& images) {
  const ir::Tensor got = Network(model).forward(images), expected = ir::run_graph(graph, images);
  double error = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i)
    error += std::pow(static_cast<double>(got.data[i]) - static_cast<double>(expected.data[i]), 2);
  return error / static_cast<double>(got.size());
}

// An output channel's weights become zero, next to nothing or stay; so does a bias, or it becomes huge.
void spoil(ir::Graph& graph, const std::string& layer, Dice& dice) {
  const ir::Node& node = *graph.find_node(layer);
  ir::Tensor& weight = graph.constant(node.inputs[1]);
  const std::size_t each = weight.size() / static_cast<std::size_t>(weight.dim(0));
  for (std::int64_t channel = 0; channel < weight.dim(0); ++channel) {
    const float factor = dice.pick({1.0f, 1.0f, 1.0f, 0.0f, 1e-3f, 1e-6f});
    for (std::size_t i = 0; i < each; ++i)
      weight.data[static_cast<std::size_t>(channel) * each + i] *= factor;
    if (node.inputs.size() > 2)
      graph.constant(node.inputs[2]).data[static_cast<std::size_t>(channel)] *=
          dice.pick({1.0f, 1.0f, 1.0f, 30.0f});
  }
}

CalibrateOptions random_options(Dice& dice) {
  CalibrateOptions options;
  options.policy.first = options.policy.last = mapping::Placement::kArray;
  options.config.array_rows = 27;
  options.config.array_columns = 16;
  options.config.weight_bits = dice.between(2, 4);
  options.config.activation_bits = dice.between(1, 4);
  options.config.adc_levels = dice.pick({2, 4, 8, 16, quant::kIdealAdc});
  options.config.weight_granularity = dice.pick({quant::Granularity::kLayer, quant::Granularity::kColumn});
  options.config.psum_granularity = dice.pick({quant::Granularity::kLayer, quant::Granularity::kColumn});
  return options;
}

ir::Graph one_layer(Dice& dice, bool has_bias) {
  ir::Graph graph;
  ir::Conv op;
  op.window.kernel = {3, 3};
  op.window.pad_begin = op.window.pad_end = {1, 1};
  std::vector<ir::ValueId> inputs = {graph.add_input("x", {ir::kBatch, 3, 9, 8}),
                                     graph.add_constant("w", {{6, 3, 3, 3}, dice.normals(162, 0.3f)})};
  if (has_bias) inputs.push_back(graph.add_constant("b", {{6}, dice.normals(6, 0.3f)}));
  graph.set_output(graph.add_node("conv", op, inputs));
  return graph;
}

TEST(NeverWorse, CompensatedLayersOnTheCalibrationImages) {
  int undone = 0;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    Dice dice(seed);
    ir::Graph graph = one_layer(dice, dice.coin());
    spoil(graph, "conv", dice);
    CalibrateOptions options = random_options(dice);
    const ir::Tensor images = random_images(8, seed);
    const double nearest = output_error(calibrate(graph, images, options, {}), graph, images);
    options.compensate = true;
    Context context;
    context.log = [&undone](LogLevel, std::string_view line) {
      undone += line.find("compensation undone") != std::string_view::npos ? 1 : 0;
    };
    const double compensated = output_error(calibrate(graph, images, options, context), graph, images);
    EXPECT_LE(compensated, nearest * (1.0 + 1e-4)) << "seed " << seed << ", " << options.config.text();
  }
  EXPECT_GT(undone, 0);   // it is needed,
  EXPECT_LT(undone, 60);  // and the exception
}

TEST(NeverWorse, EqualizedNetworksOnTheCalibrationImages) {
  int kept = 0, undone = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Dice dice(seed);
    ir::Graph graph = small_net(seed);
    if (seed % 4 != 0)
      for (const char* layer : {"conv1", "conv2", "conv3"}) spoil(graph, layer, dice);
    CalibrateOptions options = random_options(dice);
    options.compensate = dice.coin();
    const ir::Tensor images = random_images(20, seed);
    const EqualizedCalibration made = calibrate_equalized(graph, images, options, {});
    const double without = output_error(calibrate(graph, images, options, {}), graph, images);
    EXPECT_LE(output_error(made.model, graph, images), without * (1.0 + 1e-6)) << "seed " << seed;
    EXPECT_NEAR(made.error_without, without, 1e-6 * without);
    EXPECT_EQ(made.kept, made.error_with <= made.error_without);
    (made.kept ? kept : undone) += 1;
    Context four;
    four.threads = 4;
    EXPECT_EQ(calibrate_equalized(graph, images, options, four).error_with, made.error_with);
  }
  EXPECT_GT(kept, 5);
  EXPECT_GT(undone, 5);
}

}  // namespace
}  // namespace bitline::sim
