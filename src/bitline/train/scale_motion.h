// What moves the scales of weights and activations beside the gradient of the task (quant/scale_policy.h):
// simulated gradients, and running ranges.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "bitline/quant/config.h"
#include "bitline/train/cim_operator.h"

namespace bitline::train {

// What a shard showed of the activations that enter a layer, seen where their policy asks for it.
struct ActivationView {
  quant::ScaleErrors errors;  // of the shard's first images
  float range_scale = 0.0f;   // max|x| / bound; 0 where nothing but zeros came
};
ActivationView view_activations(const CimSpec& spec, const CimTensors& tensors, const at::Tensor& x);

// Gradients of the trained u of the scales, where the policy changes that of the task; `task` may be
// undefined.
at::Tensor activation_scale_gradient(const CimSpec& spec, const CimTensors& tensors, const at::Tensor& task,
                                     std::span<const ActivationView> shards);
at::Tensor weight_scale_gradient(const CimSpec& spec, const CimTensors& tensors, const at::Tensor& task);

// Policies that follow ranges: activations by a running mean over the batches, weights as they are now.
void follow_ranges(const CimSpec& spec, CimTensors& tensors, std::span<const ActivationView> shards,
                   double momentum);

// The simulated gradient of a policy, with that of the task where the policy follows both; `task` may be
// undefined.
at::Tensor joined_gradient(const quant::ScalePolicy& policy, const at::Tensor& task,
                           const at::Tensor& simulated);

// For scales s0 * exp(u / s0): the gradient of u with which descent moves every scale s, wherever it has come
// to, by the share -rate * ds / s, as the simulated gradients mean it; and the u of a scale, as far as it
// reaches.
at::Tensor simulated_gradient(const at::Tensor& s0, const at::Tensor& u, const std::vector<double>& ds);
float u_of_scale(float s0, float scale);

// Brings u back to the end of its scale's reach: beyond it the task's gradient is zero, and no step would
// return.
void keep_in_reach(const at::Tensor& s0, at::Tensor& u, float most_log);

// Brings the centres of converters back to where the mean of their sums is within their levels. Behind a
// batch-norm no gradient does: a column that gives one code alone is a constant.
void keep_in_window(CimTensors& tensors, const at::Tensor& mean, int levels);

}  // namespace bitline::train
