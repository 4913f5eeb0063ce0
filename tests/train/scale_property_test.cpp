// Whatever the losses are, no scale of a network in training becomes zero, negative or not a number: every
// policy, with and without powers of two, through the optimizer and its momentum, on arrays and without.
#include <cmath>
#include <limits>
#include <string>

#include "random_layer.h"
#include "training_case.h"

#include "bitline/train/graph_net.h"
#include "bitline/train/optimizer.h"

namespace bitline::train {
namespace {

using torch::Tensor;

constexpr int kSteps = 25;

void expect_positive(const std::vector<float>& scales, const std::string& what) {
  for (const float s : scales) ASSERT_TRUE(std::isfinite(s) && s > 0.0f) << what << ": " << s;
}

void expect_scales(const quant::QuantizedModel& model, const std::string& text) {
  for (const auto& [name, layer] : model.layers) {
    ASSERT_NO_FATAL_FAILURE(expect_positive(layer.weight_scale, text + " weights of " + name));
    ASSERT_NO_FATAL_FAILURE(expect_positive(layer.psum_step, text + " steps of " + name));
    ASSERT_NO_FATAL_FAILURE(expect_positive({layer.activation_scale}, text + " activations of " + name));
  }
}

bool is_scale(const Parameter& parameter) {
  return parameter.name.ends_with("_scale") || parameter.name.ends_with(".psum_step");
}

// Gradients of the scales as a wild loss would give them: over twenty orders of magnitude, sometimes infinite
// or not a number. Everything else stays as it is.
void make_wild(const GraphNet& net, std::vector<Tensor>& gradients, Dice& dice) {
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].defined()) continue;
    Tensor wild = torch::zeros_like(gradients[i]);
    float* values = wild.data_ptr<float>();
    for (std::int64_t k = 0; is_scale(net.parameters()[i]) && k < wild.numel(); ++k) {
      const int kind = dice.between(0, 40);
      values[k] = kind == 0   ? std::numeric_limits<float>::quiet_NaN()
                  : kind == 1 ? std::numeric_limits<float>::infinity()
                              : dice.normal() * std::exp(10.0f * dice.normal());
    }
    gradients[i] = wild;
  }
}

void train_wildly(const quant::QuantizedModel& start, const Tensor& images, const Quantizers& quantizers,
                  const char* cim_operator, const std::string& text) {
  GraphNet net(start, {"cpu", cim_operator}, {}, quantizers);
  Sgd sgd(net.parameters(), 0.9, 1e-4);
  Dice dice(17);
  for (int step = 0; step < kSteps; ++step) {
    std::vector<BatchStatistics> seen(1);
    const Tensor loss = net.forward(images, BatchNormMode::kFixed, seen.data()).square().mean();
    torch::autograd::variable_list leaves;
    for (const Parameter& p : net.parameters()) leaves.push_back(p.value);
    std::vector<Tensor> gradients = torch::autograd::grad({loss}, leaves, {}, false, false, true);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      if (net.parameters()[i].decays && gradients[i].defined())
        gradients[i] = torch::zeros_like(gradients[i]);
    }
    make_wild(net, gradients, dice);
    net.shape_gradients(gradients, seen);
    sgd.step(gradients, 0.1);
    net.follow_ranges(seen, 0.1);
    ASSERT_NO_FATAL_FAILURE(expect_scales(net.export_model(), text + " " + cim_operator));
  }
}

TEST(ScaleProperty, ScalesStayPositiveUnderWildLosses) {
  const Digits digits(8, 8);
  const ir::Tensor images = digits.images(4);
  quant::CimConfig ideal = small_array("W3A3Pideal");
  ideal.weight_granularity = quant::Granularity::kChannel;
  const quant::QuantizedModel array = calibrated(float_start().graph, small_array("W3A3P4"), images);
  const quant::QuantizedModel plain = calibrated(float_start().graph, ideal, images);
  for (const quant::ScalePolicy& policy : quant::scale_policies()) {
    for (const char* more : {"", "+pow2", "+asr+mde:0.5"}) {
      const quant::QuantizerSpec spec = quant::parse_quantizer(policy.name + std::string(more));
      Quantizers quantizers{spec, spec, spec};
      if (policy.has_offset) quantizers.weights = quant::parse_quantizer("lsq" + std::string(more));
      train_wildly(array, to_torch(images), quantizers, "fused", spec.text());
      quantizers.psums = {};
      train_wildly(plain, to_torch(images), quantizers, "float", spec.text());
    }
  }
}

}  // namespace
}  // namespace bitline::train
