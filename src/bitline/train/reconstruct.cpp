#include "bitline/train/reconstruct.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "bitline/base/error.h"
#include "bitline/data/sampler.h"
#include "bitline/ir/classes.h"
#include "bitline/ir/constants.h"
#include "bitline/ir/segments.h"
#include "bitline/sim/evaluate.h"
#include "bitline/sim/parallel.h"
#include "bitline/train/graph_net.h"
#include "bitline/train/optimizer.h"
#include "bitline/train/schedule.h"
#include "bitline/train/shard_step.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;

constexpr double kSmallestRate = 1e-12;

double mean_size(const Tensor& t) {
  return t.detach().abs().mean().item<double>();
}

// Outputs of one part for all images.
ir::Tensor run_part(const quant::QuantizedModel& part, const ir::Tensor& x, const Context& context) {
  const sim::Network network(part);
  const std::int64_t images = x.dim(0);
  const std::int64_t pieces = (images + sim::kMicroBatch - 1) / sim::kMicroBatch;
  std::vector<ir::Tensor> outputs(static_cast<std::size_t>(pieces));
  sim::for_each_piece(pieces, context.threads, [&](std::int64_t piece) {
    context.check_cancelled();
    const std::int64_t first = piece * sim::kMicroBatch;
    const std::int64_t count = std::min(sim::kMicroBatch, images - first);
    outputs[static_cast<std::size_t>(piece)] =
        network.forward(ir::take_images(x, first, count), nullptr, static_cast<std::uint64_t>(first));
  });
  ir::Shape shape = outputs.front().shape;
  shape[0] = images;
  ir::Tensor y(shape);
  auto out = y.data.begin();
  for (const ir::Tensor& piece : outputs) out = std::copy(piece.data.begin(), piece.data.end(), out);
  return y;
}

// Mean squared error over the variance of `expected`.
double relative_error(const ir::Tensor& expected, const ir::Tensor& y) {
  double sum = 0.0, squares = 0.0, errors = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const auto e = static_cast<double>(expected.data[i]);
    sum += e;
    squares += e * e;
    errors += (e - static_cast<double>(y.data[i])) * (e - static_cast<double>(y.data[i]));
  }
  const double variance = squares - sum * sum / static_cast<double>(y.size());
  return errors / std::max(variance, std::numeric_limits<double>::min());
}

// Adam over the parameters of the layers on arrays; everything else of the part stays.
class Fitter {
 public:
  Fitter(const quant::QuantizedModel& part, const ReconstructOptions& options)
      : net_(part, options.backend, {}, options.quantizers) {
    for (const auto& [name, rate] : rates_of(part, options)) {
      for (std::size_t i = 0; i < net_.parameters().size(); ++i) {
        if (net_.parameters()[i].name != name) continue;
        auto adam = std::make_unique<torch::optim::AdamOptions>(std::max(rate, kSmallestRate));
        groups_.emplace_back(std::vector<Tensor>{net_.parameters()[i].value}, std::move(adam));
        places_.push_back(i);
        rates_.push_back(std::max(rate, kSmallestRate));
      }
    }
    adam_ = std::make_unique<torch::optim::Adam>(groups_, torch::optim::AdamOptions(1.0));
  }

  // False, and nothing moved, where the gradients are not finite.
  bool step(const Tensor& x, const Tensor& expected, const ShardPlan& plan, double factor, double progress) {
    net_.set_progress(progress);
    const auto share = 1.0 / static_cast<double>(expected.numel());
    StepResult result =
        run_shards(net_, x, plan, [&](const Tensor& y, std::int64_t first, std::int64_t last) {
          return (y - expected.slice(0, first, last).to(y.device())).square().sum() * share;
        });
    if (!std::isfinite(clip_gradients(result.gradients, std::numeric_limits<double>::infinity())))
      return false;
    for (std::size_t g = 0; g < places_.size(); ++g) {
      Tensor leaf = net_.parameters()[places_[g]].value;
      leaf.mutable_grad() = result.gradients[places_[g]];
      static_cast<torch::optim::AdamOptions&>(adam_->param_groups()[g].options()).lr(rates_[g] * factor);
    }
    adam_->step();
    net_.keep_in_reach();
    return true;
  }

  quant::QuantizedModel model() const { return net_.export_model(); }

 private:
  static std::vector<std::pair<std::string, double>> rates_of(const quant::QuantizedModel& part,
                                                              const ReconstructOptions& options) {
    std::vector<std::pair<std::string, double>> rates;
    for (const ir::Node& node : part.graph.nodes()) {
      const auto it = part.layers.find(node.name);
      if (it == part.layers.end()) continue;
      const quant::CimLayer& layer = it->second;
      const double grid = mean_size(to_torch(layer.weight_scale));
      const auto add = [&rates](const std::string& name, double rate) { rates.emplace_back(name, rate); };
      add(part.graph.value_name(node.inputs[1]), options.weight_rate * grid);
      if (node.inputs.size() > 2) {
        const ir::ValueId bias = node.inputs[2];
        add(part.graph.value_name(bias),
            options.scale_rate * mean_size(to_torch(part.graph.constant(bias).data)));
      }
      add(node.name + ".weight_scale", options.scale_rate * grid);
      add(node.name + ".activation_scale", options.scale_rate * static_cast<double>(layer.activation_scale));
      if (layer.psum_step.empty()) continue;
      const double step = mean_size(to_torch(layer.psum_step));
      add(node.name + ".psum_step", options.scale_rate * step);
      add(node.name + ".psum_centre", options.scale_rate * step);
    }
    return rates;
  }

  GraphNet net_;
  std::vector<torch::optim::OptimizerParamGroup> groups_;
  std::vector<std::size_t> places_;  // of the groups' parameters in the net
  std::vector<double> rates_;
  std::unique_ptr<torch::optim::Adam> adam_;
};

Tensor chosen_images(const ir::Tensor& x, const std::vector<std::int64_t>& order, std::size_t first,
                     std::size_t count) {
  const Tensor all = torch::from_blob(const_cast<float*>(x.data.data()), x.shape, torch::kFloat32);
  const std::vector<std::int64_t> chosen(order.begin() + static_cast<std::ptrdiff_t>(first),
                                         order.begin() + static_cast<std::ptrdiff_t>(first + count));
  return all.index_select(0, torch::tensor(chosen));
}

quant::QuantizedModel fit_part(const quant::QuantizedModel& part, const ir::Tensor& x,
                               const ir::Tensor& expected, const ReconstructOptions& options,
                               const Context& context) {
  Fitter fitter(part, options);
  const std::int64_t images = x.dim(0);
  const auto batch = static_cast<std::size_t>(std::min<std::int64_t>(options.batch, images));
  Schedule schedule;
  schedule.steps = options.steps;
  std::vector<std::int64_t> order;
  std::size_t next = 0;
  std::int64_t epoch = 0;
  for (int step = 0; step < options.steps; ++step) {
    context.check_cancelled();
    if (order.empty() || next + batch > order.size()) {
      order = data::epoch_order(images, context.seed, epoch++);
      next = 0;
    }
    if (!fitter.step(chosen_images(x, order, next, batch), chosen_images(expected, order, next, batch),
                     {options.shards, context.threads, BatchNormMode::kFixed}, schedule.factor(step),
                     static_cast<double>(step) / options.steps))
      break;
    next += batch;
  }
  return fitter.model();
}

void check(const quant::QuantizedModel& start, const ir::Graph& reference, const ReconstructOptions& options,
           const ir::Tensor& images) {
  if (options.steps < 1 || options.batch < 1 || options.shards < 1)
    bad_input("reconstruction needs at least one step, one image a batch and one shard");
  if (!(options.weight_rate >= 0.0) || !(options.scale_rate >= 0.0))
    bad_input("the learning rates of a reconstruction must not be negative");
  if (images.size() == 0) bad_input("reconstruction got no images", {}, "give at least one");
  for (const quant::QuantizerSpec* spec :
       {&options.quantizers.weights, &options.quantizers.activations, &options.quantizers.psums}) {
    if (!(spec->policy == Quantizers().weights.policy))
      unsupported("a reconstruction fits scales to its own error: the policy is lsq", {},
                  "leave " + std::string(spec->policy->name) + " out");
  }
  const auto same = [](const ir::Node& a, const ir::Node& b) {
    return a.name == b.name && a.op.index() == b.op.index() && a.inputs.size() == b.inputs.size();
  };
  if (!std::equal(start.graph.nodes().begin(), start.graph.nodes().end(), reference.nodes().begin(),
                  reference.nodes().end(), same))
    bad_input("the float network has other nodes than the quantized one", {}, "fold batch-norm in both");
}

// Takes over the constants and layers of a fitted part.
void put_back(const quant::QuantizedModel& part, quant::QuantizedModel& model) {
  for (const ir::Node& node : part.graph.nodes()) {
    const ir::Node* target = model.graph.find_node(node.name);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (part.graph.is_constant(node.inputs[i]))
        model.graph.constant(target->inputs[i]) = part.graph.constant(node.inputs[i]);
    }
  }
  for (const auto& [name, layer] : part.layers) model.layers.at(name) = layer;
}

}  // namespace

quant::QuantizedModel reconstruct(const quant::QuantizedModel& start, const ir::Graph& reference,
                                  const ir::Tensor& images, const ReconstructOptions& options,
                                  const std::function<void(const SegmentReport&)>& observer,
                                  const Context& context) {
  check(start, reference, options, images);
  const auto counts = [&start](const ir::Node& node) { return start.layers.count(node.name) != 0; };
  // Each layer is fitted on its own, and distances are those of logits.
  ir::OwnedConstants owned = ir::own_constants(start.graph, counts);
  const std::vector<ir::Graph> parts = ir::cut_into_segments(ir::up_to_logits(owned.graph), counts);
  const std::vector<ir::Graph> float_parts =
      ir::cut_into_segments(ir::up_to_logits(ir::own_constants(reference, counts).graph), counts);
  quant::QuantizedModel model{std::move(owned.graph), start.layers, start.notes};
  ir::Tensor x = images, float_x = images;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    quant::QuantizedModel part{parts[i], {}, {}};
    for (const ir::Node& node : parts[i].nodes()) {
      if (counts(node)) part.layers.emplace(node.name, start.layers.at(node.name));
    }
    const ir::Tensor expected = run_part({float_parts[i], {}, {}}, float_x, context);
    ir::Tensor y = run_part(part, x, context);
    SegmentReport report{static_cast<int>(i) + 1, static_cast<int>(parts.size()),
                         parts[i].nodes().back().name, relative_error(expected, y), 0.0};
    report.error_after = report.error_before;
    if (!part.layers.empty()) {
      const quant::QuantizedModel fitted = fit_part(part, x, expected, options, context);
      ir::Tensor fitted_y = run_part(fitted, x, context);
      const double error = relative_error(expected, fitted_y);
      if (error < report.error_before) {
        report.error_after = error;
        put_back(fitted, model);
        y = std::move(fitted_y);
      }
    }
    if (observer) observer(report);
    x = std::move(y);
    float_x = expected;
  }
  model.graph = ir::rejoin_constants(std::move(model.graph), owned.original);
  return model;
}

}  // namespace bitline::train
