#include "bitline/train/scale_motion.h"

#include <algorithm>
#include <cmath>

#include "bitline/quant/scale.h"
#include "bitline/sim/layer_program.h"
#include "bitline/train/torch.h"

namespace bitline::train {

namespace {

using torch::Tensor;

constexpr std::int64_t kProbedImages = 2;  // of a shard

// The weights under each scale.
std::vector<std::vector<float>> weights_by_group(const CimSpec& spec, const Tensor& weight) {
  const mapping::LayerTiling tiling = mapping::tile_layer(spec.shape, spec.config, spec.name);
  const quant::GroupMap groups = mapping::weight_groups(tiling, spec.config);
  const std::vector<float> values = to_floats(weight);
  std::vector<std::vector<float>> out(static_cast<std::size_t>(groups.count()));
  sim::for_each_cell(tiling, groups,
                     [&](std::size_t, std::int64_t, int slice, int, std::size_t index, std::size_t group) {
                       if (slice == 0 || spec.config.slice_scales) out[group].push_back(values[index]);
                     });
  return out;
}

}  // namespace

Tensor joined_gradient(const quant::ScalePolicy& policy, const Tensor& task, const Tensor& simulated) {
  return policy.follows_task && task.defined() ? task + simulated : simulated;
}

Tensor simulated_gradient(const Tensor& s0, const Tensor& u, const std::vector<double>& ds) {
  const std::vector<float> start = to_floats(s0), moved = to_floats(u);
  std::vector<float> du;
  for (std::size_t i = 0; i < ds.size(); ++i) {
    const double relative = ds[i] / static_cast<double>(quant::positive_scale(start[i], moved[i]));
    const double reach = static_cast<double>(moved[i]) / static_cast<double>(start[i]);
    const bool outward = relative < 0.0 ? reach >= quant::kMaxLog : reach <= -quant::kMaxLog;
    du.push_back(outward || !std::isfinite(relative)
                     ? 0.0f
                     : static_cast<float>(relative * static_cast<double>(start[i])));
  }
  return to_torch(du).to(u.device());
}

float u_of_scale(float s0, float scale) {
  return s0 * std::clamp(std::log(scale / s0), -quant::kMaxLog, quant::kMaxLog);
}

void keep_in_reach(const Tensor& s0, Tensor& u, float most_log) {
  const Tensor reach = s0 * most_log;
  u.copy_(torch::minimum(torch::maximum(u, -reach), reach));
}

void keep_in_window(CimTensors& tensors, const Tensor& mean, int levels) {
  const std::vector<float> s0 = to_floats(tensors.step_s0), u = to_floats(tensors.step_u);
  std::vector<float> half(s0.size());
  for (std::size_t i = 0; i < half.size(); ++i)
    half[i] = 0.5f * static_cast<float>(levels - 1) * quant::positive_scale(s0[i], u[i]);
  const Tensor window = to_torch(half).to(tensors.centre.device());
  tensors.centre.copy_(torch::minimum(torch::maximum(tensors.centre, mean - window), mean + window));
}

ActivationView view_activations(const CimSpec& spec, const CimTensors& tensors, const Tensor& x) {
  const quant::ScalePolicy& policy = *spec.quantizers.activations.policy;
  ActivationView out;
  if (policy.simulated == nullptr && !policy.follows_range) return out;
  const quant::CimLayer layer = current_layer(spec, tensors);
  const quant::CodeRange range = quant::activation_range(layer);
  const Tensor wide = x.detach().to(torch::kFloat32);
  const Tensor values = layer.activation_offset == 0.0f ? wide : wide - layer.activation_offset;
  if (policy.follows_range && values.any().item<bool>())
    out.range_scale = quant::range_scale(to_floats(values), range);
  if (policy.simulated != nullptr) {
    const std::vector<float> few = to_floats(values.slice(0, 0, std::min(kProbedImages, x.size(0))));
    out.errors = quant::probe_scale(few, layer.activation_scale, range,
                                    spec.quantizers.activations.probe_ratio(spec.progress));
  }
  return out;
}

Tensor activation_scale_gradient(const CimSpec& spec, const CimTensors& t, const Tensor& task,
                                 std::span<const ActivationView> shards) {
  const quant::ScalePolicy& policy = *spec.quantizers.activations.policy;
  if (policy.simulated == nullptr)
    return policy.follows_task ? task : torch::zeros_like(t.activation_u.detach());
  quant::ScaleErrors sum;
  for (const ActivationView& shard : shards) sum += shard.errors;
  const double scale = static_cast<double>(current_layer(spec, t).activation_scale);
  return joined_gradient(policy, task,
                         simulated_gradient(t.activation_s0, t.activation_u, {policy.simulated(sum, scale)}));
}

Tensor weight_scale_gradient(const CimSpec& spec, const CimTensors& t, const Tensor& task) {
  const quant::ScalePolicy& policy = *spec.quantizers.weights.policy;
  if (policy.simulated == nullptr) return policy.follows_task ? task : torch::zeros_like(t.weight_u.detach());
  const quant::CimLayer layer = current_layer(spec, t);
  const quant::CodeRange range = quant::weight_range(spec.config);
  const float rho = spec.quantizers.weights.probe_ratio(spec.progress);
  std::vector<double> ds;
  for (const std::vector<float>& weights : weights_by_group(spec, t.weight)) {
    const float scale = layer.weight_scale[ds.size()];
    ds.push_back(
        policy.simulated(quant::probe_scale(weights, scale, range, rho), static_cast<double>(scale)));
  }
  return joined_gradient(policy, task, simulated_gradient(t.weight_s0, t.weight_u, ds));
}

void follow_ranges(const CimSpec& spec, CimTensors& t, std::span<const ActivationView> shards,
                   double momentum) {
  const torch::NoGradGuard no_gradient;
  if (spec.quantizers.activations.policy->follows_range && !shards.empty()) {
    const double now = static_cast<double>(
        quant::positive_scale(t.activation_s0.item<float>(), t.activation_u.item<float>()));
    double seen = 0.0;
    for (const ActivationView& shard : shards)
      seen += shard.range_scale > 0.0f ? static_cast<double>(shard.range_scale) : now;
    const double next = (1.0 - momentum) * now + momentum * seen / static_cast<double>(shards.size());
    t.activation_u.fill_(u_of_scale(t.activation_s0.item<float>(), static_cast<float>(next)));
  }
  if (!spec.quantizers.weights.policy->follows_range) return;
  const quant::CodeRange range = quant::weight_range(spec.config);
  const std::vector<float> s0 = to_floats(t.weight_s0);
  std::vector<float> u;
  for (const std::vector<float>& weights : weights_by_group(spec, t.weight))
    u.push_back(u_of_scale(s0[u.size()], quant::range_scale(weights, range)));
  t.weight_u.copy_(to_torch(u).view_as(t.weight_u));
}

}  // namespace bitline::train
