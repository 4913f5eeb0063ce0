// Quantizers in training: what moves their scales, and that every one trains.
#include "base/error_of.h"
#include "random_layer.h"
#include "training_case.h"

#include "bitline/base/error.h"
#include "bitline/quant/quantizer.h"
#include "bitline/quant/scale.h"
#include "bitline/train/graph_net.h"
#include "bitline/train/scale_motion.h"

namespace bitline::train {
namespace {

using torch::Tensor;

LayerCase with_policy(const char* text, std::uint64_t seed = 3) {
  LayerCase c = random_layer(seed);
  c.spec.quantizers.weights = c.spec.quantizers.activations = quant::parse_quantizer(text);
  return c;
}

TEST(ScaleMotion, TaskGradientsAreLeftAloneOrDroppedOrJoined) {
  const LayerCase lsq = with_policy("lsq"), mse = with_policy("mse"), both = with_policy("ssg-task");
  const Tensor task = torch::ones_like(lsq.tensors.weight_u.detach());
  EXPECT_TRUE(weight_scale_gradient(lsq.spec, lsq.tensors, task).is_same(task));
  EXPECT_EQ(weight_scale_gradient(mse.spec, mse.tensors, task).abs().sum().item<float>(), 0.0f);
  const LayerCase ssg = with_policy("ssg");
  const Tensor simulated = weight_scale_gradient(ssg.spec, ssg.tensors, task);
  EXPECT_TRUE(torch::allclose(weight_scale_gradient(both.spec, both.tensors, task), task + simulated));
}

TEST(ScaleMotion, SimulatedGradientsShrinkAScaleThatIsTooLargeAndGrowOneThatIsTooSmall) {
  for (const char* text : {"llsq", "ssg"}) {
    for (const float factor : {8.0f, 0.125f}) {
      LayerCase c = with_policy(text);
      c.spec.config.weight_bits = 4;
      c.spec.config.activation_bits = 4;
      c.tensors.weight_s0 = torch::full_like(c.tensors.weight_s0, factor * 0.15f);
      c.tensors.activation_s0 = torch::full_like(c.tensors.activation_s0, factor * 0.15f);
      const Tensor dw = weight_scale_gradient(c.spec, c.tensors, Tensor());
      const ActivationView view = view_activations(c.spec, c.tensors, c.x);
      const Tensor da = activation_scale_gradient(c.spec, c.tensors, Tensor(), {{view, view}});
      if (factor > 1.0f) {
        EXPECT_GT(dw.sum().item<float>(), 0.0f) << text;
        EXPECT_GT(da.sum().item<float>(), 0.0f) << text;
      } else {
        EXPECT_LT(dw.sum().item<float>(), 0.0f) << text;
        EXPECT_LT(da.sum().item<float>(), 0.0f) << text;
      }
    }
  }
}

TEST(ScaleMotion, DescentMovesAScaleByTheShareThatIsMeantWhereverItHasComeTo) {
  const float s0 = 0.5f;
  for (const float scale : {0.01f, 0.5f, 40.0f}) {
    const Tensor start = torch::full({1}, s0), u = torch::full({1}, u_of_scale(s0, scale));
    const Tensor du = simulated_gradient(start, u, {0.25 * static_cast<double>(scale)});
    const Tensor moved = u - 0.04 * du;
    EXPECT_NEAR(scales_of(start, moved, false).front() / scale, std::exp(-0.01), 1e-4) << scale;
  }
}

TEST(ScaleMotion, AScaleAtTheEndOfItsReachComesBack) {
  const Tensor start = torch::full({1}, 0.5f),
               u = torch::full({1}, 0.5f * static_cast<float>(quant::kMaxLog));
  EXPECT_EQ(simulated_gradient(start, u, {-1.0}).item<float>(), 0.0f);
  EXPECT_GT(simulated_gradient(start, u, {1.0}).item<float>(), 0.0f);
}

// Under the gradient of the task: beyond its reach a scale would never feel it again.
TEST(ScaleMotion, AStepBeyondTheReachEndsAtItsEnd) {
  const Tensor start = torch::tensor({0.5f, 0.5f, 0.5f});
  Tensor u = torch::tensor({100.0f, -100.0f, 0.25f});
  keep_in_reach(start, u, quant::kMaxLog);
  for (std::int64_t i = 0; i < 3; ++i)
    EXPECT_GT(quant::positive_scale_slope(0.5f, u[i].item<float>()), 0.0f) << i;
  EXPECT_EQ(u[0].item<float>(), 0.5f * quant::kMaxLog);
  EXPECT_EQ(u[1].item<float>(), -0.5f * quant::kMaxLog);
  EXPECT_EQ(u[2].item<float>(), 0.25f);
}

TEST(ScaleMotion, AShardOfZerosLeavesARangeAlone) {
  LayerCase c = with_policy("minmax");
  const ActivationView view = view_activations(c.spec, c.tensors, torch::zeros_like(c.x));
  EXPECT_EQ(view.range_scale, 0.0f);
  const float before = current_layer(c.spec, c.tensors).activation_scale;
  follow_ranges(c.spec, c.tensors, {{view}}, 0.1);
  EXPECT_FLOAT_EQ(current_layer(c.spec, c.tensors).activation_scale, before);
}

TEST(ScaleMotion, RangesAreFollowed) {
  LayerCase c = with_policy("minmax");
  const ActivationView view = view_activations(c.spec, c.tensors, c.x);
  for (int i = 0; i < 200; ++i) follow_ranges(c.spec, c.tensors, {{view}}, 0.1);
  const quant::CimLayer layer = current_layer(c.spec, c.tensors);
  EXPECT_NEAR(layer.activation_scale, view.range_scale, 1e-4f * view.range_scale);
  const mapping::LayerTiling tiling = mapping::tile_layer(c.spec.shape, c.spec.config, "layer");
  const quant::GroupMap groups = mapping::weight_groups(tiling, c.spec.config);
  std::vector<std::vector<float>> weights(layer.weight_scale.size());
  const std::vector<float> values = to_floats(c.tensors.weight);
  sim::for_each_cell(tiling, groups,
                     [&](std::size_t, std::int64_t, int, int, std::size_t index, std::size_t group) {
                       weights[group].push_back(values[index]);
                     });
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const float expected = quant::range_scale(weights[i], quant::weight_range(c.spec.config));
    EXPECT_NEAR(layer.weight_scale[i], expected, 1e-4f * expected) << i;
  }
}

TrainOptions options_with(const char* text, const char* cim_operator) {
  TrainOptions o = short_run();
  o.quantizers.weights = o.quantizers.activations = quant::parse_quantizer(text);
  o.backend.cim_operator = cim_operator;
  return o;
}

TEST(QuantizersInTraining, EveryPolicyAndSurrogateTrainsTheSameBitsOnAnyThreads) {
  const Digits digits(64, 32);
  quant::CimConfig config = small_array("W3A3Pideal");
  config.weight_granularity = quant::Granularity::kChannel;
  const quant::QuantizedModel ideal = calibrated(float_start().graph, config, digits.images(32));
  const quant::QuantizedModel array =
      calibrated(float_start().graph, small_array("W3A3P4"), digits.images(32));
  for (const char* text : {"minmax", "mse+tanh", "llsq+pow2", "lg-lsq", "ssg-task+asr:1..4", "ewgs"}) {
    for (const auto& [start, cim_operator] : {std::pair{&ideal, "float"}, std::pair{&array, "fused"}}) {
      TrainOptions options = options_with(text, cim_operator);
      if (start == &array) options.quantizers.psums = quant::parse_quantizer(text);
      const TrainResult one = run(*start, digits.sets(), options, 1);
      EXPECT_NE(difference(one.last, *start), "") << text;
      EXPECT_TRUE(std::isfinite(one.epochs.back().loss)) << text;
      EXPECT_EQ(difference(one.last, run(*start, digits.sets(), options, 3).last), "") << text;
      for (const auto& [name, layer] : one.last.layers) {
        for (const float s : layer.weight_scale) EXPECT_TRUE(std::isfinite(s) && s > 0.0f) << text;
        for (const float s : layer.psum_step) EXPECT_TRUE(std::isfinite(s) && s > 0.0f) << text;
      }
    }
  }
}

// One step of a net; empty, or why it is refused.
std::string one_step(const quant::QuantizedModel& model, const Tensor& images, const Quantizers& quantizers,
                     const char* cim_operator) {
  try {
    GraphNet net(model, {"cpu", cim_operator}, {}, quantizers);
    std::vector<BatchStatistics> seen(1);
    const Tensor loss = net.forward(images, BatchNormMode::kBatch, seen.data()).square().sum();
    torch::autograd::variable_list leaves;
    for (const Parameter& p : net.parameters()) leaves.push_back(p.value);
    std::vector<Tensor> gradients = torch::autograd::grad({loss}, leaves, {}, false, false, true);
    net.shape_gradients(gradients, seen);
    for (const Tensor& g : gradients) EXPECT_TRUE(!g.defined() || torch::isfinite(g).all().item<bool>());
    net.follow_ranges(seen, 0.1);
    net.update_running(seen, 0.1);
    return {};
  } catch (const Error& e) {
    return e.message();
  }
}

template <class Visit>
void for_each_quantizer(Visit&& visit) {
  for (const quant::ScalePolicy& policy : quant::scale_policies()) {
    for (const quant::Surrogate& surrogate : quant::surrogates()) {
      for (const quant::Correction& correction : quant::corrections()) {
        for (const int flags : {0, 1, 2, 3}) {
          quant::QuantizerSpec spec;
          spec.policy = &policy;
          spec.policy_parameter = {policy.rho.usual, policy.rho.usual_end};
          spec.surrogate = &surrogate;
          spec.surrogate_parameter = {surrogate.parameter.usual, surrogate.parameter.usual};
          spec.correction = &correction;
          spec.correction_amount = {correction.parameter.usual, correction.parameter.usual};
          spec.power_of_two = flags % 2 != 0;
          spec.pass_clipped = flags / 2 != 0;
          visit(spec);
        }
      }
    }
  }
}

// The table of docs/quantizers.md: what trains, and what is refused.
TEST(QuantizersInTraining, EveryCombinationTrainsOrIsRefused) {
  const Digits digits(16, 16);
  quant::CimConfig config = small_array("W3A3Pideal");
  config.weight_granularity = quant::Granularity::kChannel;
  const ir::Tensor images = digits.images(4);
  const quant::QuantizedModel ideal = calibrated(float_start().graph, config, images);
  const quant::QuantizedModel array = calibrated(float_start().graph, small_array("W3A3P4"), images);
  const Tensor batch = to_torch(images);
  int trained = 0, refused = 0;
  const auto check = [&](const quant::QuantizerSpec& spec, quant::QuantizerSpec Quantizers::*role,
                         const char* cim_operator) {
    const bool on_arrays = std::string(cim_operator) != "float";
    const quant::CorrectionPlace place = spec.correction->place;
    const bool weights = role == &Quantizers::weights, psums = role == &Quantizers::psums;
    const bool refuses = (on_arrays && place == quant::CorrectionPlace::kForward) ||
                         (psums && place == quant::CorrectionPlace::kLoss) ||
                         (weights && spec.policy->has_offset);
    Quantizers quantizers;
    quantizers.*role = spec;
    const std::string error = one_step(on_arrays ? array : ideal, batch, quantizers, cim_operator);
    EXPECT_EQ(!error.empty(), refuses) << cim_operator << " " << spec.text() << ": " << error;
    ++(refuses ? refused : trained);
  };
  for_each_quantizer([&](const quant::QuantizerSpec& spec) {
    for (const auto role : {&Quantizers::weights, &Quantizers::activations, &Quantizers::psums})
      check(spec, role, "fused");
    for (const auto role : {&Quantizers::weights, &Quantizers::activations}) check(spec, role, "float");
  });
  EXPECT_EQ(trained, 288 + 336 + 224 + 384 + 448);
  EXPECT_EQ(refused, 160 + 112 + 224 + 64);
}

TEST(QuantizersInTraining, FloatTrainingRunsOnTheEngine) {
  const Digits digits;
  quant::CimConfig config = small_array("W3A3Pideal");
  config.weight_granularity = quant::Granularity::kChannel;
  TrainOptions first = short_run();
  first.batch = 32;
  const TrainResult floats = run(float_start(), digits.sets(), first, 2);
  TrainOptions options = options_with("lg-lsq", "float");
  options.batch = 32;
  options.learning_rate = 0.02;
  const TrainResult result =
      run(calibrated(floats.last.graph, config, digits.images(64)), digits.sets(), options, 2);
  // The accuracy of an epoch is that of the integer engine.
  EXPECT_GT(result.best_accuracy, floats.best_accuracy - 3.0);
}

TEST(QuantizersInTraining, RefusesChoicesThatNothingCouldFollow) {
  const Digits digits(64, 32);
  const quant::QuantizedModel start = float_start();
  const auto error = [&](const quant::QuantizedModel& model, const TrainOptions& options) {
    return error_of([&] { run(model, digits.sets(), options); });
  };
  EXPECT_EQ(
      error(start, options_with("lg-lsq", "auto")),
      "quantizers are chosen, but the network has no layers on arrays (train it in float without them, or "
      "use bitline quantize)");
  const quant::QuantizedModel ideal = calibrated(start.graph, small_array("W3A3Pideal"), digits.images(32));
  TrainOptions options = options_with("lsq", "float");
  options.quantizers.psums = quant::parse_quantizer("ssg");
  EXPECT_EQ(
      error(ideal, options),
      "a quantizer of partial sums is chosen, but no layer quantizes them (use a precision such as W4A4P4 "
      "instead of W4A4Pideal, or leave it out)");
}

TEST(QuantizersInTraining, RefusesWhatAnArrayCannotHold) {
  const Digits digits(64, 32);
  const quant::QuantizedModel array =
      calibrated(float_start().graph, small_array("W3A3P4"), digits.images(32));
  const auto error = [&](const char* text, const char* cim_operator = "fused") {
    return error_of([&] { run(array, digits.sets(), options_with(text, cim_operator)); },
                    ErrorCode::kUnsupported);
  };
  EXPECT_EQ(error("blend"),
            "'blend' is not for arrays: they compute with codes, in training too (use --cim-operator float)");
  EXPECT_EQ(error("lsq-offset"),
            "weights take no offset: a column for the sum of the inputs would be needed on every array "
            "(use --activation-quantizer lsq-offset)");
  EXPECT_NE(error("strict").find("strict needs --encoding differential"), std::string::npos);
  EXPECT_NE(error("lsq", "float").find("no partial sums"), std::string::npos);
  const quant::QuantizedModel one_bit =
      calibrated(float_start().graph, small_array("W1A3P4"), digits.images(32));
  EXPECT_NE(
      error_of([&] { run(one_bit, digits.sets(), options_with("strict", "fused")); }, ErrorCode::kUnsupported)
          .find("the weights of this layer are not strict"),
      std::string::npos);
  TrainOptions options = options_with("lsq", "fused");
  const auto psum_error = [&](const char* text) {
    options.quantizers.psums = quant::parse_quantizer(text);
    return error_of([&] { run(array, digits.sets(), options); }, ErrorCode::kUnsupported);
  };
  EXPECT_EQ(psum_error("blend"),
            "'blend' is not for partial sums: a converter gives codes, in training too (use mde)");
  EXPECT_EQ(psum_error("penalty"),
            "'penalty' is not for partial sums: the slices of one sum share a gradient (use mde)");
  EXPECT_EQ(psum_error("strict"),
            "the codes of converters are not strict (leave the format out: they start at 0)");
}

}  // namespace
}  // namespace bitline::train
