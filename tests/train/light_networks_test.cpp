// One training step of every light network for small images, in float, on arrays, and quantized without
// arrays; and of deep networks for large ones without them.
#include <algorithm>
#include <cmath>

#include "sim/random_layer.h"
#include "training_case.h"

#include "bitline/train/shard_step.h"
#include "bitline/train/torch.h"

namespace bitline::train {
namespace {

data::Batch random_batch(std::int64_t count, std::int64_t side = 32) {
  sim::Dice dice(7);
  data::Batch batch;
  batch.count = count;
  batch.shape = {3, side, side};
  batch.pixels = dice.normals(count * batch.shape.count(), 1.0f);
  for (std::int64_t i = 0; i < count; ++i) batch.labels.push_back(static_cast<int>(i % 10));
  return batch;
}

// Finite, and not all zero for weights.
void expect_gradients(const GraphNet& net, const StepResult& step) {
  ASSERT_EQ(step.gradients.size(), net.parameters().size());
  for (std::size_t i = 0; i < step.gradients.size(); ++i) {
    const Parameter& parameter = net.parameters()[i];
    ASSERT_TRUE(step.gradients[i].defined()) << parameter.name;
    const at::Tensor gradient = step.gradients[i];
    EXPECT_EQ(gradient.sizes(), parameter.value.sizes()) << parameter.name;
    EXPECT_TRUE(torch::isfinite(gradient).all().item<bool>()) << parameter.name;
    const bool weight = parameter.decays;
    EXPECT_TRUE(!weight || gradient.abs().max().item<float>() > 0.0f) << parameter.name;
  }
}

void expect_step(const quant::QuantizedModel& model, const char* cim_operator) {
  SCOPED_TRACE(cim_operator);
  const GraphNet net(model, {"cpu", cim_operator});
  const std::int64_t side = model.graph.input_shape()[2];
  const data::Batch batch = random_batch(side > 32 ? 2 : 4, side);
  const StepResult step = run_shards(net, nullptr, batch, 2, 2, BatchNormMode::kBatch, {});
  EXPECT_TRUE(std::isfinite(step.loss));
  EXPECT_GT(step.loss, 0.0);
  expect_gradients(net, step);
}

// The network with the running statistics of a batch, as training leaves it. With those of a fresh network
// the calibrated ranges would not be those of the activations that training sees.
ir::Graph settled(const char* name) {
  GraphNet net({frontend::zoo(name, 10, 2), {}, {}}, {"cpu", "auto"});
  std::vector<BatchStatistics> statistics(1);
  const data::Batch batch = random_batch(4, net.export_model().graph.input_shape()[2]);
  const ir::Shape shape = {4, 3, batch.shape.height, batch.shape.width};
  net.forward(to_torch({shape, batch.pixels}), BatchNormMode::kBatch, &statistics[0]);
  net.update_running(statistics, 1.0);
  return net.export_model().graph;
}

class LightNetworks : public testing::TestWithParam<const char*> {
 protected:
  static ir::Graph graph() { return settled(GetParam()); }
  static ir::Tensor images() { return {{2, 3, 32, 32}, random_batch(2).pixels}; }
};

TEST_P(LightNetworks, TrainInFloat) {
  expect_step({graph(), {}, {}}, "auto");
}

TEST_P(LightNetworks, TrainOnArrays) {
  expect_step(calibrated(graph(), small_array("W4A4P4"), images()), "fused");
}

TEST_P(LightNetworks, TrainQuantizedWithoutArrays) {
  quant::CimConfig config = small_array("W4A4Pideal");
  config.weight_granularity = quant::Granularity::kChannel;
  expect_step(calibrated(graph(), config, images()), "float");
}

INSTANTIATE_TEST_SUITE_P(Zoo, LightNetworks,
                         testing::Values("mobilenet_v1_cifar", "mobilenet_v2_cifar", "shufflenet_v2_cifar"),
                         [](const auto& param_info) { return std::string(param_info.param); });

class DeepNetworks : public testing::TestWithParam<const char*> {};

TEST_P(DeepNetworks, TrainInFloatAndQuantized) {
  const ir::Graph graph = settled(GetParam());
  expect_step({graph, {}, {}}, "auto");
  quant::CimConfig config = small_array("W4A4Pideal");
  config.weight_granularity = quant::Granularity::kChannel;
  expect_step(calibrated(graph, config, {{1, 3, 224, 224}, random_batch(1, 224).pixels}), "float");
}

INSTANTIATE_TEST_SUITE_P(Zoo, DeepNetworks, testing::Values("resnet34", "resnet50"),
                         [](const auto& param_info) { return std::string(param_info.param); });

}  // namespace
}  // namespace bitline::train
