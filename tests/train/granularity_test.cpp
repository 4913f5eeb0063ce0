// What quantizers are combined with in training: every granularity, the number formats, many bits.
#include <cmath>
#include <string>

#include "base/error_of.h"
#include "training_case.h"
#include <gtest/gtest.h>

#include "bitline/mapping/tiling.h"

namespace bitline::train {
namespace {

constexpr quant::Granularity kAll[] = {quant::Granularity::kLayer, quant::Granularity::kChannel,
                                       quant::Granularity::kArray, quant::Granularity::kColumn};

TrainOptions one_step(const char* quantizer) {
  TrainOptions o = short_run();
  o.epochs = 1;
  o.warmup_epochs = 0.0;
  o.quantizers.weights = o.quantizers.activations = o.quantizers.psums = quant::parse_quantizer(quantizer);
  return o;
}

void expect_scales(const quant::QuantizedModel& model, const std::string& text) {
  for (const auto& [name, layer] : model.layers) {
    const auto shape = mapping::layer_shape(model.graph, *model.graph.find_node(name));
    const mapping::LayerTiling tiling = mapping::tile_layer(*shape, layer.config, name);
    EXPECT_EQ(std::ssize(layer.weight_scale), mapping::weight_groups(tiling, layer.config).count()) << text;
    EXPECT_EQ(std::ssize(layer.psum_step), mapping::psum_groups(tiling, layer.config).count()) << text;
    for (const auto* scales : {&layer.weight_scale, &layer.psum_step}) {
      for (const float s : *scales) ASSERT_TRUE(std::isfinite(s) && s > 0.0f) << text;
    }
  }
}

// The row "granularity" of the table in docs/quantizers.md.
TEST(QuantizersInTraining, EveryGranularityTrains) {
  const Digits digits(16, 16);
  const ir::Tensor images = digits.images(8);
  const quant::QuantizedModel start = float_start();
  for (const quant::Granularity weights : kAll) {
    for (const quant::Granularity psums : kAll) {
      quant::CimConfig config = small_array("W3A3P4");
      config.weight_granularity = weights;
      config.psum_granularity = psums;
      const quant::QuantizedModel model = calibrated(start.graph, config, images);
      for (const char* quantizer : {"lsq", "ssg-task+ewgs", "lg-lsq", "llsq+pow2"}) {
        const TrainResult result = run(model, digits.sets(), one_step(quantizer));
        expect_scales(result.last, config.text() + " " + quantizer);
        EXPECT_TRUE(std::isfinite(result.epochs.back().loss));
      }
    }
  }
}

// Formats are those of the layer: what is named is checked.
TEST(QuantizersInTraining, FormatsTrainWhereTheLayerHasThem) {
  const Digits digits(16, 16);
  quant::CimConfig config = small_array("W3A3P4");
  const auto outcome = [&](const char* weights, const char* activations) {
    TrainOptions options = one_step("lg-lsq");
    options.quantizers.weights = quant::parse_quantizer(weights);
    options.quantizers.activations = quant::parse_quantizer(activations);
    options.quantizers.psums = quant::parse_quantizer("lsq+unsigned");
    const quant::QuantizedModel model = calibrated(float_start().graph, config, digits.images(8));
    try {
      expect_scales(run(model, digits.sets(), options).last, weights);
      return std::string("trains");
    } catch (const Error& error) {
      return error.message();
    }
  };
  EXPECT_EQ(outcome("lg-lsq+signed", "lg-lsq+unsigned"), "trains");
  EXPECT_NE(outcome("lg-lsq+unsigned", "lg-lsq").find("unsigned"), std::string::npos);
  EXPECT_NE(outcome("lg-lsq", "lg-lsq+signed").find("signed"), std::string::npos);
  EXPECT_NE(outcome("lg-lsq+strict", "lg-lsq").find("strict"), std::string::npos);
  config.encoding = "differential";
  EXPECT_EQ(outcome("lg-lsq+strict", "lg-lsq+unsigned"), "trains");
}

// The gradient of a converter's step grows with the shift of its slice: its gain has to fall.
TEST(QuantizersInTraining, ManyBitsStayAsAccurateAsCalibration) {
  const Digits digits;
  TrainOptions options = short_run();
  options.batch = 32;
  const ir::Graph graph = run(float_start(), digits.sets(), options, 2).last.graph;
  for (const char* precision : {"W8A8P8", "W16A8P8"}) {
    const quant::QuantizedModel start = calibrated(graph, small_array(precision), digits.images(64));
    options.learning_rate = 0.0;
    const double still = run(start, digits.sets(), options, 2).best_accuracy;
    options.learning_rate = 0.02;
    const TrainResult trained = run(start, digits.sets(), options, 2);
    EXPECT_GT(trained.epochs.back().test_accuracy, still - 3.0) << precision;
  }
}

}  // namespace
}  // namespace bitline::train
