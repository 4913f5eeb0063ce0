#include "bitline/train/shard_step.h"

#include <algorithm>
#include <atomic>

#include "bitline/sim/parallel.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;

struct ShardResult {
  double loss = 0.0;
  torch::autograd::variable_list gradients;
};

Tensor soft_target_loss(const Tensor& logits, const Tensor& teacher, double temperature) {
  const Tensor student = torch::log_softmax(logits / temperature, 1);
  const Tensor target = torch::softmax(teacher / temperature, 1);
  return -(target * student).sum() * (temperature * temperature);
}

Tensor shard_loss(const Tensor& logits, const Tensor& labels, const Tensor& images, const GraphNet* teacher,
                  const LossOptions& options) {
  const auto hard_options = torch::nn::functional::CrossEntropyFuncOptions()
                                .reduction(torch::kSum)
                                .label_smoothing(options.label_smoothing);
  const Tensor hard = torch::nn::functional::cross_entropy(logits, labels, hard_options);
  if (options.distillation <= 0.0 || teacher == nullptr) return hard;
  Tensor target;
  {
    const torch::NoGradGuard no_gradient;
    target = teacher->forward(images, BatchNormMode::kFixed, nullptr).flatten(1);
  }
  return hard * (1.0 - options.distillation) +
         soft_target_loss(logits, target, options.temperature) * options.distillation;
}

}  // namespace

StepResult run_shards(const GraphNet& net, const Tensor& images, const ShardPlan& plan,
                      const ShardLoss& loss) {
  const std::int64_t count = images.size(0), pieces = std::min<std::int64_t>(plan.shards, count);
  std::vector<ShardResult> results(static_cast<std::size_t>(pieces));
  StepResult out;
  out.statistics.resize(results.size());
  torch::autograd::variable_list leaves;
  for (const Parameter& p : net.parameters()) leaves.push_back(p.value);
  const auto run_one = [&](std::int64_t s) {
    at::set_num_threads(1);  // of this worker: shards are the parallelism
    const std::int64_t first = count * s / pieces, last = count * (s + 1) / pieces;
    ShardResult& result = results[static_cast<std::size_t>(s)];
    const Tensor x = images.slice(0, first, last).contiguous().to(net.device());
    const double share = static_cast<double>(last - first) / static_cast<double>(count);
    const Tensor shard =
        loss(net.forward(x, plan.mode, &out.statistics[static_cast<std::size_t>(s)], share), first, last);
    result.gradients = torch::autograd::grad({shard}, leaves, {}, /*retain_graph=*/false,
                                             /*create_graph=*/false, /*allow_unused=*/true);
    result.loss = shard.item<double>();
  };
  sim::for_each_piece(pieces, plan.threads, run_one);

  for (const ShardResult& result : results) {
    out.loss += result.loss;
    if (out.gradients.empty()) {
      out.gradients = result.gradients;
      continue;
    }
    for (std::size_t i = 0; i < out.gradients.size(); ++i) {
      if (result.gradients[i].defined()) out.gradients[i].add_(result.gradients[i]);
    }
  }
  return out;
}

StepResult run_shards(const GraphNet& net, const GraphNet* teacher, const data::Batch& batch, int shards,
                      int threads, BatchNormMode mode, const LossOptions& options) {
  const Tensor images = torch::from_blob(
      const_cast<float*>(batch.pixels.data()),
      {batch.count, batch.shape.channels, batch.shape.height, batch.shape.width}, torch::kFloat32);
  const std::vector<std::int64_t> label_values(batch.labels.begin(), batch.labels.end());
  const Tensor labels = torch::tensor(label_values);
  std::atomic<std::int64_t> correct = 0;
  const auto loss = [&](const Tensor& output, std::int64_t first, std::int64_t last) {
    const Tensor y = labels.slice(0, first, last).to(net.device());
    const Tensor x = images.slice(0, first, last).contiguous().to(net.device());
    const Tensor logits = output.flatten(1);  // [N, K] of [N, K, 1, 1], too
    correct += logits.detach().argmax(1).eq(y).sum().item<std::int64_t>();
    return shard_loss(logits, y, x, teacher, options) / static_cast<double>(batch.count);
  };
  StepResult out = run_shards(net, images, {shards, threads, mode}, loss);
  out.correct = correct;
  return out;
}

}  // namespace bitline::train
