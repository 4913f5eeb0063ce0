#include "bitline/train/graph_net.h"

#include <utility>

#include "bitline/base/error.h"
#include "bitline/ir/classes.h"
#include "bitline/ir/interpreter.h"
#include "bitline/ir/shapes.h"
#include "bitline/quant/scale.h"
#include "bitline/sim/wordlines.h"
#include "bitline/train/converters.h"
#include "bitline/train/float_operator.h"
#include "bitline/train/graph_ops.h"
#include "bitline/train/psum_mean.h"
#include "bitline/train/slice_gains.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;

constexpr std::size_t kMean = 3;  // operand places of ir::BatchNorm
constexpr std::size_t kVariance = 4;

bool is_statistic(const ir::Node& node, std::size_t operand) {
  return std::holds_alternative<ir::BatchNorm>(node.op) && (operand == kMean || operand == kVariance);
}

bool is_weight(const ir::Node& node, std::size_t operand) {
  return operand == 1 &&
         (std::holds_alternative<ir::Conv>(node.op) || std::holds_alternative<ir::Linear>(node.op) ||
          std::holds_alternative<ir::MatMul>(node.op));
}

std::int64_t count(const ir::Shape& shape) {
  std::int64_t n = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) n *= shape[i];
  return n;
}

// No gradient takes a scale of weights or activations further than this in a step, in logarithms. It does not
// know how small a scale is: one of eight bits can fall so far in a step that no gradient is left to come
// back by. Converters, whose steps have few codes, are left as they are.
constexpr double kLongestScaleStep = 0.1;

// Learned converter steps stay within a factor of eight of the calibrated ones. Behind a batch-norm nothing
// holds a layer's size: steps could fall until its outputs differ by less than the norm's epsilon, and a norm
// whose statistics are fixed then magnifies each small shift of their mean.
constexpr float kConverterReach = 2.08f;  // in logarithms

// A simulated gradient says how far to go; momentum would go ten times as far.
bool gathers(const quant::QuantizerSpec& quantizer) {
  return quantizer.policy->simulated == nullptr || quantizer.policy->follows_task;
}

template <class View>
std::vector<View> views_of(const std::vector<BatchStatistics>& shards,
                           std::map<std::string, View> BatchStatistics::*member, const std::string& name) {
  std::vector<View> views;
  for (const BatchStatistics& shard : shards) views.push_back((shard.*member).at(name));
  return views;
}

}  // namespace

GraphNet::GraphNet(const quant::QuantizedModel& model, const Backend& backend, const ScaleRates& rates,
                   const Quantizers& quantizers)
    : start_(model),
      device_(backend.device),
      compute_(compute_type(backend.compute)),
      logits_(ir::logits_value(model.graph)) {
  if (device_ == "cuda" && !torch::cuda::is_available()) {
    unsupported("this LibTorch has no CUDA device", {}, "use --device cpu");
  }
  if (device_ != "cpu" && device_ != "cuda")
    bad_input("unknown device '" + device_ + "'", {}, "known: cpu, cuda");
  operator_ = choose_operator(backend.cim_operator, device_, quantizers);
  for (const ir::Node& node : start_.graph.nodes()) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ir::ValueId id = node.inputs[i];
      if (!start_.graph.is_constant(id) || constants_.count(id) != 0) continue;
      const Tensor value = to_torch(start_.graph.constant(id)).to(device_);
      constants_.emplace(id, value);
      if (!is_statistic(node, i)) add_parameter(start_.graph.value_name(id), value, is_weight(node, i), 1.0);
    }
    if (const auto it = start_.layers.find(node.name); it != start_.layers.end())
      add_layer(node, it->second, rates, quantizers);
  }
}

void GraphNet::add_parameter(const std::string& name, const Tensor& value, bool decays, double rate,
                             bool gathers, const Tensor& most_step) {
  Tensor leaf = value;
  leaf.set_requires_grad(true);
  parameters_.push_back({name, leaf, decays, rate, gathers, most_step});
}

void GraphNet::add_scale(const std::string& name, const Tensor& s0, const Tensor& u, double rate,
                         const quant::QuantizerSpec& quantizer) {
  add_parameter(name, u, false, rate, gathers(quantizer), s0 * kLongestScaleStep);
}

void GraphNet::add_layer(const ir::Node& node, const quant::CimLayer& layer, const ScaleRates& rates,
                         const Quantizers& quantizers) {
  const auto shape = mapping::layer_shape(start_.graph, node);
  BITLINE_CHECK(shape.has_value());
  Layer out;
  out.spec = {node.name, *shape, layer.config, layer.activation_signed, quantizers};
  if (operator_ == float_cim) out.spec.compute = compute_;
  check_formats(out.spec, layer);
  if (!has_equal_steps(layer.config))
    unsupported("the training graph has converters with equal steps, alike for all cycles, only",
                Where{{}, 0, 0, node.name},
                "use --rounding compensated of calibrate or --method ptq, and no --verify");
  if (!has_trainable_inputs(layer.config))
    unsupported("activations of more than " + std::to_string(sim::kByteBits) +
                    " bits are not trained behind converters",
                Where{{}, 0, 0, node.name},
                "train with ideal ones, as in W16A16Pideal, and calibrate; calibrate and --method ptq with "
                "--rounding compensated take them, --verify does not");
  if (operator_ == float_cim) check_float_operator(out.spec);
  CimTensors& t = out.tensors;
  t.activation_s0 = to_torch(std::vector<float>{layer.activation_scale}).to(device_);
  t.weight_s0 = to_torch(layer.weight_scale).to(device_);
  t.activation_u = torch::zeros_like(t.activation_s0);
  t.weight_u = torch::zeros_like(t.weight_s0);
  add_scale(node.name + ".activation_scale", t.activation_s0, t.activation_u, rates.range,
            quantizers.activations);
  add_offset(node.name, layer, out, rates);
  add_scale(node.name + ".weight_scale", t.weight_s0, t.weight_u, rates.weight, quantizers.weights);
  const std::vector<ir::Shape> shapes = ir::infer_shapes(start_.graph);
  const std::int64_t features = count(shapes[static_cast<std::size_t>(node.inputs[0])]);
  const std::int64_t outputs = count(shapes[static_cast<std::size_t>(node.output)]);
  const auto weights = static_cast<std::int64_t>(start_.graph.constant(node.inputs[1]).size());
  const auto groups = static_cast<std::int64_t>(layer.weight_scale.size());
  const mapping::LayerTiling tiling = mapping::tile_layer(*shape, layer.config, node.name);
  const std::int64_t slices = tiling.grid.slices;
  t.activation_gain =
      static_cast<double>(quant::lsq_gradient_scale(features, quant::activation_range(layer).high));
  // Scales of their own for the slices: each slice's scale is of all the weights of its group.
  const std::int64_t sharing = layer.config.slice_scales ? slices : 1;
  t.weight_gain = static_cast<double>(
      quant::lsq_gradient_scale(weights * sharing / groups, quant::weight_range(layer.config).high));
  if (layer.config.adc_levels != quant::kIdealAdc) {
    t.step_s0 = to_torch(layer.psum_step).to(device_);
    t.step_u = torch::zeros_like(t.step_s0);
    t.centre = to_torch(layer.psum_centre).to(device_);
    const std::int64_t sums =
        outputs * tiling.grid.tiles * slices / static_cast<std::int64_t>(layer.psum_step.size());
    t.psum_gain = static_cast<double>(quant::lsq_gradient_scale(sums, layer.config.adc_levels - 1));
    t.slice_gain = slice_gains(tiling, layer.config);
    add_scale(node.name + ".psum_step", t.step_s0, t.step_u, rates.range, quantizers.psums);
    add_parameter(node.name + ".psum_centre", t.centre, false, rates.range);
    out.psum_mean = torch::zeros_like(t.centre);
    out.psum_mean_seen = torch::zeros({1});
  }
  layers_.emplace(node.name, std::move(out));
}

// A layer that has an offset keeps it, whatever the quantizer.
void GraphNet::add_offset(const std::string& name, const quant::CimLayer& layer, Layer& out,
                          const ScaleRates& rates) {
  const bool learns = out.spec.quantizers.activations.policy->has_offset;
  if (!learns && layer.activation_offset == 0.0f) return;
  out.tensors.activation_offset = to_torch(std::vector<float>{layer.activation_offset}).to(device_);
  if (learns) add_parameter(name + ".activation_offset", out.tensors.activation_offset, false, rates.range);
}

CimTensors GraphNet::tensors_of(const ir::Node& node) const {
  CimTensors tensors = layers_.at(node.name).tensors;
  tensors.weight = constants_.at(node.inputs[1]);
  if (node.inputs.size() > 2) tensors.bias = constants_.at(node.inputs[2]);
  return tensors;
}

Tensor GraphNet::batch_norm(const ir::Node& node, const std::vector<Tensor>& in, BatchNormMode mode,
                            BatchStatistics* statistics) const {
  const double epsilon = static_cast<double>(std::get<ir::BatchNorm>(node.op).epsilon);
  if (mode == BatchNormMode::kFixed) {
    return torch::batch_norm(in[0], in[1], in[2], in[kMean], in[kVariance], false, 0.0, epsilon, false);
  }
  // With momentum 1 the running statistics become those of the batch, the variance unbiased.
  Tensor mean, variance;
  if (statistics != nullptr) {
    mean = torch::zeros_like(in[kMean]);
    variance = torch::ones_like(in[kVariance]);
    statistics->by_node[node.name] = {mean, variance};
  }
  return torch::batch_norm(in[0], in[1], in[2], mean, variance, true, 1.0, epsilon, false);
}

Tensor GraphNet::run_layer(const Layer& layer, const ir::Node& node, const Tensor& input,
                           const Pass& pass) const {
  const CimTensors tensors = tensors_of(node);
  const Tensor x = layer.spec.compute == torch::kFloat32 ? input.to(torch::kFloat32) : input;
  if (BatchStatistics* statistics = pass.statistics; statistics != nullptr) {
    const bool converts = layer.psum_mean.defined();
    if (converts && pass.mode == BatchNormMode::kBatch)
      statistics->psum_mean[node.name] = to_torch(mean_psums(layer.spec, tensors, x));
    statistics->activations[node.name] = view_activations(layer.spec, tensors, x);
    if (converts) statistics->psums[node.name] = view_psums(layer.spec, tensors, x);
  }
  CimSpec spec = layer.spec;
  spec.share = pass.share;
  return operator_(spec, tensors, x);
}

Tensor GraphNet::run_node(const ir::Node& node, const std::vector<Tensor>& operands, const Pass& pass) const {
  if (const auto it = layers_.find(node.name); it != layers_.end())
    return run_layer(it->second, node, operands[0], pass);
  if (std::holds_alternative<ir::BatchNorm>(node.op))
    return batch_norm(node, operands, pass.mode, pass.statistics);
  return run_operator(node, operands, compute_);
}

Tensor GraphNet::forward(const Tensor& images, BatchNormMode mode, BatchStatistics* statistics,
                         double share) const {
  const ir::Graph& graph = start_.graph;
  std::vector<Tensor> values(static_cast<std::size_t>(graph.value_count()));
  for (const auto& [id, value] : constants_) values[static_cast<std::size_t>(id)] = value;
  const Tensor input = images.to(device_);
  // oneDNN's convolutions are up to twice as fast on channels-last tensors; LibTorch keeps the layout.
  values[static_cast<std::size_t>(graph.input())] = device_ == "cpu" ? channels_last(input) : input;
  std::vector<int> uses = graph.use_counts();
  ++uses[static_cast<std::size_t>(logits_)];
  for (const ir::Node& node : graph.nodes()) {
    std::vector<Tensor> operands;
    for (const ir::ValueId id : node.inputs) operands.push_back(values[static_cast<std::size_t>(id)]);
    values[static_cast<std::size_t>(node.output)] = run_node(node, operands, {mode, statistics, share});
    for (const ir::ValueId id : node.inputs) {
      if (--uses[static_cast<std::size_t>(id)] == 0) values[static_cast<std::size_t>(id)] = Tensor();
    }
  }
  return values[static_cast<std::size_t>(logits_)].to(torch::kFloat32);
}

void GraphNet::set_progress(double progress) {
  for (auto& [name, layer] : layers_) layer.spec.progress = progress;
}

void GraphNet::shape_gradients(std::vector<Tensor>& gradients,
                               const std::vector<BatchStatistics>& shards) const {
  const torch::NoGradGuard no_gradient;
  for (const ir::Node& node : start_.graph.nodes()) {
    const auto it = layers_.find(node.name);
    if (it == layers_.end()) continue;
    const CimTensors tensors = tensors_of(node);
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (parameters_[i].value.is_same(tensors.activation_u))
        gradients[i] = activation_scale_gradient(it->second.spec, tensors, gradients[i],
                                                 views_of(shards, &BatchStatistics::activations, node.name));
      if (parameters_[i].value.is_same(tensors.weight_u))
        gradients[i] = weight_scale_gradient(it->second.spec, tensors, gradients[i]);
      if (tensors.step_u.defined() && parameters_[i].value.is_same(tensors.step_u))
        gradients[i] = psum_step_gradient(it->second.spec, tensors, gradients[i],
                                          views_of(shards, &BatchStatistics::psums, node.name));
    }
  }
}

void GraphNet::keep_in_reach() {
  const torch::NoGradGuard no_gradient;
  for (auto& [name, layer] : layers_) {
    CimTensors& t = layer.tensors;
    train::keep_in_reach(t.activation_s0, t.activation_u, quant::kMaxLog);
    train::keep_in_reach(t.weight_s0, t.weight_u, quant::kMaxLog);
    if (!t.step_u.defined()) continue;
    const bool learned =
        gathers(layer.spec.quantizers.psums) && !layer.spec.quantizers.psums.policy->follows_range;
    train::keep_in_reach(t.step_s0, t.step_u, learned ? kConverterReach : quant::kMaxLog);
    if (layer.psum_mean_seen.item<float>() != 0.0f)
      keep_in_window(t, layer.psum_mean, layer.spec.config.adc_levels);
  }
}

void GraphNet::follow_ranges(const std::vector<BatchStatistics>& shards, double momentum) {
  for (const ir::Node& node : start_.graph.nodes()) {
    const auto it = layers_.find(node.name);
    if (it == layers_.end()) continue;
    CimTensors tensors = tensors_of(node);
    train::follow_ranges(it->second.spec, tensors, views_of(shards, &BatchStatistics::activations, node.name),
                         momentum);
    if (tensors.step_u.defined())
      follow_psum_ranges(it->second.spec, tensors, views_of(shards, &BatchStatistics::psums, node.name),
                         momentum);
  }
}

void GraphNet::update_running(const std::vector<BatchStatistics>& shards, double momentum) {
  const torch::NoGradGuard no_gradient;
  for (const ir::Node& node : start_.graph.nodes()) {
    if (std::holds_alternative<ir::BatchNorm>(node.op)) update_batch_norm(node, shards, momentum);
  }
  for (auto& [name, layer] : layers_) {
    if (layer.psum_mean.defined()) follow_psums(layer, name, shards, momentum);
  }
}

void GraphNet::update_batch_norm(const ir::Node& node, const std::vector<BatchStatistics>& shards,
                                 double momentum) {
  Tensor& mean = constants_.at(node.inputs[kMean]);
  Tensor& variance = constants_.at(node.inputs[kVariance]);
  const double share = momentum / static_cast<double>(shards.size());
  mean.mul_(1.0 - momentum);
  variance.mul_(1.0 - momentum);
  for (const BatchStatistics& shard : shards) {
    mean.add_(shard.by_node.at(node.name).first, share);
    variance.add_(shard.by_node.at(node.name).second, share);
  }
}

void GraphNet::follow_psums(Layer& layer, const std::string& name, const std::vector<BatchStatistics>& shards,
                            double momentum) {
  Tensor batch = torch::zeros_like(layer.psum_mean);
  for (const BatchStatistics& shard : shards)
    batch.add_(shard.psum_mean.at(name).to(batch.device()), 1.0 / static_cast<double>(shards.size()));
  if (layer.psum_mean_seen.item<float>() == 0.0f) {
    layer.psum_mean.copy_(batch);
    layer.psum_mean_seen.fill_(1.0f);
    return;
  }
  const Tensor shift = (batch - layer.psum_mean) * momentum;
  layer.psum_mean.add_(shift);
  layer.tensors.centre.add_(shift);
}

ir::Tensor GraphNet::trace(const ir::Tensor& images, sim::Trace& trace) const {
  const torch::NoGradGuard no_gradient;
  const quant::QuantizedModel current = export_model();
  const auto hook = [&](const ir::Node& node, const ir::Operands& operands,
                        ir::Tensor*) -> std::optional<ir::Tensor> {
    const auto it = layers_.find(node.name);
    if (it == layers_.end()) return std::nullopt;
    trace.push_back({node.name, {}, {}});
    return to_ir(composed_cim(it->second.spec, tensors_of(node), to_torch(*operands[0]), &trace.back()));
  };
  return ir::run_graph(current.graph, images, hook);
}

quant::QuantizedModel GraphNet::export_model() const {
  quant::QuantizedModel out = start_;
  for (const auto& [id, value] : constants_) out.graph.constant(id).data = to_floats(value);
  for (const auto& [name, layer] : layers_) out.layers.at(name) = current_layer(layer.spec, layer.tensors);
  return out;
}

std::map<std::string, Tensor> GraphNet::state() const {
  std::map<std::string, Tensor> out;
  for (const auto& [id, value] : constants_) out.emplace(start_.graph.value_name(id), value);
  for (const Parameter& p : parameters_) out.emplace(p.name, p.value);
  for (const auto& [name, layer] : layers_) {
    if (!layer.psum_mean.defined()) continue;
    out.emplace(name + ".psum_mean", layer.psum_mean);
    out.emplace(name + ".psum_mean_seen", layer.psum_mean_seen);
  }
  return out;
}

void GraphNet::load_state(const std::map<std::string, Tensor>& values) {
  const torch::NoGradGuard no_gradient;
  for (auto& [name, tensor] : state()) {
    const auto it = values.find(name);
    if (it == values.end() || it->second.numel() != tensor.numel()) {
      bad_input("the saved state does not fit the network: '" + name + "'", {}, "it belongs to another run");
    }
    Tensor target = tensor;
    target.copy_(it->second.view_as(target));
  }
}

}  // namespace bitline::train
