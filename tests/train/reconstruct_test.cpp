// Block reconstruction: does every part come nearer to the float network, without labels, the same on any
// number of threads, and are bad inputs refused?
#include "base/error_of.h"
#include "training_case.h"

#include "bitline/ir/interpreter.h"
#include "bitline/sim/network.h"

namespace bitline::train {
namespace {

constexpr std::int64_t kImages = 48;

struct Case {
  Digits digits{kImages};
  ir::Tensor images = digits.images(kImages);
  ir::Graph graph = float_start().graph;
  quant::QuantizedModel start = calibrated(graph, small_array("W3A3P3"), images);
};

ReconstructOptions few_steps() {
  ReconstructOptions options;
  options.steps = 30;
  options.batch = 16;
  options.shards = 2;
  return options;
}

double output_error(const quant::QuantizedModel& model, const Case& c) {
  const ir::Tensor expected = ir::run_graph(c.graph, c.images);
  const ir::Tensor y = sim::Network(model).forward(c.images);
  double error = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i)
    error += std::pow(static_cast<double>(y.data[i]) - static_cast<double>(expected.data[i]), 2);
  return error;
}

Context threads(int count) {
  Context context;
  context.threads = count;
  return context;
}

TEST(Reconstruct, BringsThePartsAndTheOutputNearerToTheFloatNetwork) {
  const Case c;
  std::vector<SegmentReport> reports;
  const quant::QuantizedModel fitted = bitline_trainer()->reconstruct(
      c.start, c.graph, c.images, few_steps(), [&](const SegmentReport& r) { reports.push_back(r); },
      threads(2));
  ASSERT_FALSE(reports.empty());
  bool improved = false;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    EXPECT_EQ(reports[i].segment, static_cast<int>(i) + 1);
    EXPECT_EQ(reports[i].segments, static_cast<int>(reports.size()));
    EXPECT_LE(reports[i].error_after, reports[i].error_before) << reports[i].last_node;
    improved = improved || reports[i].error_after < 0.95 * reports[i].error_before;
  }
  EXPECT_TRUE(improved);
  EXPECT_LT(output_error(fitted, c), 0.9 * output_error(c.start, c));
}

TEST(Reconstruct, LeavesFloatLayersAndConfigurationsAlone) {
  const Case c;
  const quant::QuantizedModel fitted =
      bitline_trainer()->reconstruct(c.start, c.graph, c.images, few_steps(), {}, threads(2));
  for (const ir::Node& node : c.start.graph.nodes()) {
    if (c.start.layers.count(node.name) != 0) {
      EXPECT_EQ(fitted.layers.at(node.name).config, c.start.layers.at(node.name).config);
      continue;
    }
    for (const ir::ValueId id : node.inputs) {
      if (c.start.graph.is_constant(id)) {
        EXPECT_EQ(fitted.graph.constant(id).data, c.start.graph.constant(id).data) << node.name;
      }
    }
  }
}

TEST(Reconstruct, TheSameBitsForAnyNumberOfThreads) {
  const Case c;
  const quant::QuantizedModel one =
      bitline_trainer()->reconstruct(c.start, c.graph, c.images, few_steps(), {}, threads(1));
  const quant::QuantizedModel two =
      bitline_trainer()->reconstruct(c.start, c.graph, c.images, few_steps(), {}, threads(2));
  for (const auto& [name, layer] : one.layers) {
    EXPECT_EQ(layer.weight_scale, two.layers.at(name).weight_scale);
    EXPECT_EQ(layer.psum_step, two.layers.at(name).psum_step);
    EXPECT_EQ(layer.psum_centre, two.layers.at(name).psum_centre);
  }
  EXPECT_EQ(sim::Network(one).forward(c.images).data, sim::Network(two).forward(c.images).data);
}

TEST(Reconstruct, BadInputsAreRefused) {
  const Case c;
  const auto run = [&](const ir::Graph& reference, const ir::Tensor& images, ReconstructOptions options) {
    return [=, &c] { bitline_trainer()->reconstruct(c.start, reference, images, options, {}, threads(1)); };
  };
  ReconstructOptions none = few_steps();
  none.steps = 0;
  EXPECT_NE(error_of(run(c.graph, c.images, none)).find("at least one step"), std::string::npos);
  ReconstructOptions backwards = few_steps();
  backwards.weight_rate = std::nan("");
  EXPECT_NE(error_of(run(c.graph, c.images, backwards)).find("negative"), std::string::npos);
  EXPECT_NE(error_of(run(c.graph, ir::Tensor(), few_steps())).find("no images"), std::string::npos);
  const ir::Graph other = frontend::zoo("resnet20", 10, 1);
  EXPECT_NE(error_of(run(other, c.images, few_steps())).find("other nodes"), std::string::npos);
}

}  // namespace
}  // namespace bitline::train
