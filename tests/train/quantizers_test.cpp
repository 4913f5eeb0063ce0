// Quantizers in training: what moves their scales, and that every one trains.
#include "io/error_of.h"
#include "random_layer.h"
#include "training_case.h"

#include "bitline/base/error.h"
#include "bitline/quant/quantizer.h"
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

TEST(ScaleMotion, RangesAreFollowed) {
  LayerCase c = with_policy("minmax");
  const ActivationView view = view_activations(c.spec, c.tensors, c.x);
  for (int i = 0; i < 200; ++i) follow_ranges(c.spec, c.tensors, {{view}}, 0.1);
  const quant::CimLayer layer = current_layer(c.spec, c.tensors);
  EXPECT_NEAR(layer.activation_scale, view.range_scale, 1e-4f * view.range_scale);
  const float top = static_cast<float>(-quant::weight_range(c.spec.config).low);
  EXPECT_LE(c.tensors.weight.abs().max().item<float>(),
            1.0001f * top * *std::max_element(layer.weight_scale.begin(), layer.weight_scale.end()));
}

TrainOptions options_with(const char* text, const char* cim_operator) {
  TrainOptions o = short_run();
  o.quantizers.weights = o.quantizers.activations = quant::parse_quantizer(text);
  o.cim_operator = cim_operator;
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
      const TrainOptions options = options_with(text, cim_operator);
      const TrainResult one = run(*start, digits.sets(), options, 1);
      EXPECT_NE(difference(one.last, *start), "") << text;
      EXPECT_TRUE(std::isfinite(one.epochs.back().loss)) << text;
      EXPECT_EQ(difference(one.last, run(*start, digits.sets(), options, 3).last), "") << text;
      for (const auto& [name, layer] : one.last.layers) {
        for (const float s : layer.weight_scale) EXPECT_TRUE(std::isfinite(s) && s > 0.0f) << text;
      }
    }
  }
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

TEST(QuantizersInTraining, RefusesWhatAnArrayCannotHold) {
  const Digits digits(64, 32);
  const quant::QuantizedModel array =
      calibrated(float_start().graph, small_array("W3A3P4"), digits.images(32));
  const auto error = [&](const char* text, const char* cim_operator = "fused") {
    return io::error_of([&] { run(array, digits.sets(), options_with(text, cim_operator)); },
                        ErrorCode::kUnsupported);
  };
  EXPECT_EQ(error("blend"), "the correction 'blend' changes values or the loss (use --cim-operator float)");
  EXPECT_EQ(error("lsq-offset"),
            "arrays hold no offsets, so 'lsq-offset' cannot be trained for one (use lsq)");
  EXPECT_NE(error("strict").find("strict needs --encoding differential"), std::string::npos);
  EXPECT_NE(error("lsq", "float").find("no partial sums"), std::string::npos);
  TrainOptions options = options_with("lsq", "fused");
  options.quantizers.psums = quant::parse_quantizer("ssg+ewgs");
  EXPECT_EQ(
      io::error_of([&] { run(array, digits.sets(), options); }, ErrorCode::kUnsupported),
      "partial sums cannot be trained with 'ssg+ewgs:0.2' (use a surrogate, and mde alone beside it)");
}

}  // namespace
}  // namespace bitline::train
