// Batch-norm folded into the scales of layers on arrays leaves codes, sums and conversions as they were.
#include <cmath>
#include <set>

#include "quantized_net.h"
#include "sim/random_layer.h"
#include "sim/small_net.h"
#include <gtest/gtest.h>

#include "bitline/ir/shapes.h"
#include "bitline/quant/check_plan.h"
#include "bitline/quant/fold_norms.h"
#include "bitline/quant/weight_codes.h"
#include "bitline/sim/calibrate.h"
#include "bitline/sim/verify.h"

namespace bitline::differential {
namespace {

using quant::Granularity;

// conv -> norm -> relu three times, then a norm behind a linear layer. Factors of both signs; where asked,
// one that is zero.
ir::Graph normed_net(std::uint64_t seed, bool with_zero) {
  sim::Dice dice(seed);
  ir::Graph g;
  const auto norm = [&](const std::string& name, ir::ValueId x, std::int64_t channels) {
    std::vector<float> gamma = dice.normals(channels, 1.0f), variance = dice.normals(channels, 1.0f);
    if (with_zero) gamma[1] = 0.0f;
    for (float& v : variance) v = 0.5f + v * v;
    const auto constant = [&](const char* role, std::vector<float> values) {
      return g.add_constant(name + role, ir::Tensor({channels}, std::move(values)));
    };
    const ir::ValueId out =
        g.add_node(name, ir::BatchNorm{1e-3f},
                   {x, constant(".gamma", gamma), constant(".beta", dice.normals(channels, 0.5f)),
                    constant(".mean", dice.normals(channels, 0.3f)), constant(".variance", variance)});
    return out;
  };
  ir::ValueId x = g.add_input("x", {ir::kBatch, 3, 9, 8});
  std::int64_t channels = 3;
  for (const std::int64_t outputs : {6, 8, 8}) {
    const std::string name = "conv" + std::to_string(g.nodes().size());
    ir::Conv op;
    op.window = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
    std::vector<ir::ValueId> inputs = {
        x, g.add_constant(name + ".weight",
                          ir::Tensor({outputs, channels, 3, 3}, dice.normals(outputs * channels * 9, 0.3f)))};
    if (dice.coin())
      inputs.push_back(g.add_constant(name + ".bias", ir::Tensor({outputs}, dice.normals(outputs, 0.3f))));
    x = g.add_node(name + ".relu", ir::Relu{}, {norm(name + ".norm", g.add_node(name, op, inputs), outputs)});
    channels = outputs;
  }
  x = g.add_node("flat", ir::Flatten{1}, {g.add_node("pool", ir::GlobalAveragePool{}, {x})});
  const ir::ValueId w = g.add_constant("fc.weight", ir::Tensor({5, 8}, dice.normals(40, 1.0f)));
  g.set_output(norm("fc.norm", g.add_node("fc", ir::Linear{}, {x, w}), 5));
  return g;
}

quant::QuantizedModel calibrated(const ir::Graph& graph, const quant::CimConfig& config, std::uint64_t seed) {
  sim::CalibrateOptions options;
  options.config = config;
  options.policy.last = mapping::Placement::kArray;
  return sim::calibrate(graph, sim::random_images(6, seed), options, {});
}

std::size_t norms(const ir::Graph& graph) {
  std::size_t count = 0;
  for (const ir::Node& node : graph.nodes()) count += std::holds_alternative<ir::BatchNorm>(node.op);
  return count;
}

// Rounding of a scale may move a value across a code's border. It is rare; but one input code that moves goes
// through every cycle, slice and output of the windows that see it.
// Whether all codes are equal.
bool expect_almost_equal(const Answer& folded, const Answer& plain) {
  std::int64_t inputs = 0, moved = 0, conversions = 0, different = 0;
  for (const sim::LayerComparison& layer : sim::compare_traces(plain.trace, folded.trace)) {
    inputs += layer.input_codes;
    moved += layer.input_mismatches;
    conversions += layer.adc_codes;
    different += layer.adc_mismatches;
  }
  EXPECT_GT(inputs, 1000);
  EXPECT_LE(moved, inputs / 500);
  EXPECT_LE(different, conversions / 50);
  if (moved + different > 0) return false;
  for (std::size_t i = 0; i < plain.logits.size(); ++i)
    EXPECT_NEAR(folded.logits.data[i], plain.logits.data[i], 1e-4f * (1.0f + std::abs(plain.logits.data[i])));
  return true;
}

bool expect_folded(std::uint64_t seed, bool with_zero) {
  const quant::CimConfig config = random_config(seed);
  SCOPED_TRACE(config.text() + ", seed " + std::to_string(seed));
  const quant::QuantizedModel model = calibrated(normed_net(seed, with_zero), config, seed);
  const quant::QuantizedModel folded = quant::fold_batch_norm(model);
  EXPECT_EQ(norms(model.graph), 4u);
  EXPECT_EQ(norms(folded.graph), 0u);
  for (const auto& entry : model.layers) {
    const std::string& name = entry.first;
    const auto codes = [&name](const quant::QuantizedModel& m) {
      return quant::weight_codes(m.graph.constant(m.graph.find_node(name)->inputs[1]), m.layers.at(name));
    };
    EXPECT_EQ(codes(folded), codes(model)) << name;
    EXPECT_EQ(folded.layers.at(name).config.psum_granularity, quant::by_output(config.psum_granularity));
  }
  const ir::Tensor images = sim::random_images(3, seed + 100);
  return expect_almost_equal(answer_of(folded, images), answer_of(model, images));
}

TEST(FoldedNorms, KeepCodesSumsAndConversions) {
  int equal = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) equal += expect_folded(seed, false) ? 1 : 0;
  EXPECT_GT(equal, 25);
}

TEST(FoldedNorms, AFactorOfZeroLeavesAConstant) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) expect_folded(seed, true);
}

TEST(FoldedNorms, ANegativeFactorLeavesAChangeOfSign) {
  quant::CimConfig config;
  const quant::QuantizedModel folded = quant::fold_batch_norm(calibrated(normed_net(3, true), config, 3));
  for (const ir::Node& node : folded.graph.nodes()) {
    if (!std::holds_alternative<ir::Mul>(node.op)) continue;
    for (const float sign : folded.graph.constant(node.inputs[1]).data)
      EXPECT_TRUE(sign == 1.0f || sign == -1.0f || sign == 0.0f) << sign;
  }
}

// The second norm of two comes to stand behind the layer when the first has gone into it.
TEST(FoldedNorms, ANormBehindANormGoesTheSameWay) {
  ir::Graph graph = normed_net(4, false);
  for (float& gamma : graph.constant(graph.find_node("fc.norm")->inputs[1]).data) gamma = std::abs(gamma);
  std::vector<ir::ValueId> inputs = {graph.output()};
  for (const auto& [role, value] :
       {std::pair{".gamma", 4.0f}, {".beta", 0.5f}, {".mean", -1.0f}, {".variance", 2.0f}})
    inputs.push_back(
        graph.add_constant(std::string("again") + role, ir::Tensor({5}, std::vector<float>(5, value))));
  graph.set_output(graph.add_node("again", ir::BatchNorm{1e-3f}, inputs));
  const quant::QuantizedModel model = calibrated(graph, quant::CimConfig{}, 4);
  const quant::QuantizedModel folded = quant::fold_batch_norm(model);
  EXPECT_EQ(norms(folded.graph), 0u);
  const ir::Tensor images = sim::random_images(3, 5);
  expect_almost_equal(answer_of(folded, images), answer_of(model, images));
}

TEST(FoldedNorms, AFactorNearZeroLeavesScalesAboveZero) {
  ir::Graph graph = normed_net(5, false);
  const ir::Node& norm = *graph.find_node("fc.norm");
  graph.constant(norm.inputs[1]).data[2] = 2e-30f;
  ir::Tensor& weight = graph.constant(graph.find_node("fc")->inputs[1]);
  for (std::size_t i = 16; i < 24; ++i) weight.data[i] *= 1e-14f;
  const quant::QuantizedModel folded = quant::fold_batch_norm(calibrated(graph, quant::CimConfig{}, 5));
  EXPECT_NO_THROW(quant::check_plan(folded));
  EXPECT_NO_THROW(sim::Network{folded});
}

TEST(FoldedNorms, LayersThatShareAWeightGetOneEach) {
  sim::Dice dice(6);
  ir::Graph g;
  ir::ValueId x = g.add_input("x", {ir::kBatch, 3, 9, 8});
  const ir::ValueId w = g.add_constant("w", ir::Tensor({3, 3, 3, 3}, dice.normals(81, 0.3f)));
  for (const std::string name : {"a", "b"}) {
    std::vector<ir::ValueId> inputs = {
        g.add_node(name, ir::Conv{{{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, 1}, {x, w})};
    for (const float value : {name == "a" ? 2.0f : 0.5f, 0.1f, 0.2f, 1.0f})
      inputs.push_back(g.add_constant("p" + std::to_string(g.value_count()),
                                      ir::Tensor({3}, std::vector<float>(3, value))));
    x = g.add_node(name + ".norm", ir::BatchNorm{1e-3f}, inputs);
  }
  g.set_output(g.add_node("pool", ir::GlobalAveragePool{}, {x}));
  const quant::QuantizedModel model = calibrated(g, quant::CimConfig{}, 6);
  const quant::QuantizedModel folded = quant::fold_batch_norm(model);
  std::set<std::string> names;
  for (const auto& [id, value] : folded.graph.constants())
    EXPECT_TRUE(names.insert(folded.graph.value_name(id)).second) << folded.graph.value_name(id);
  const ir::Tensor images = sim::random_images(6, 5);
  expect_almost_equal(answer_of(folded, images), answer_of(model, images));
}

TEST(FoldedNorms, SharedScalesPart) {
  EXPECT_EQ(quant::by_output(Granularity::kLayer), Granularity::kChannel);
  EXPECT_EQ(quant::by_output(Granularity::kChannel), Granularity::kChannel);
  EXPECT_EQ(quant::by_output(Granularity::kArray), Granularity::kColumn);
  EXPECT_EQ(quant::by_output(Granularity::kColumn), Granularity::kColumn);
}

TEST(FoldedNorms, SlicesKeepTheirOwnScales) {
  quant::CimConfig config;
  config.slice_scales = true;
  config.weight_granularity = Granularity::kLayer;
  const quant::QuantizedModel model = calibrated(normed_net(2, false), config, 2);
  const ir::Tensor images = sim::random_images(3, 5);
  expect_almost_equal(answer_of(quant::fold_batch_norm(model), images), answer_of(model, images));
}

TEST(FoldedNorms, AModelWithoutNormsStaysAsItIs) {
  const quant::QuantizedModel model = quantized_net(random_config(1), 1);
  const ir::Tensor images = sim::random_images(3, 5);
  expect_equal(answer_of(quant::fold_batch_norm(model), images), answer_of(model, images));
}

}  // namespace
}  // namespace bitline::differential
