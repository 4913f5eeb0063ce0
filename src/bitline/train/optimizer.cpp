#include "bitline/train/optimizer.h"

#include <cmath>
#include <utility>

#include "bitline/train/torch.h"

namespace bitline::train {

Sgd::Sgd(std::vector<Parameter> parameters, double momentum, double weight_decay)
    : parameters_(std::move(parameters)), momentum_(momentum), weight_decay_(weight_decay) {
  for (const Parameter& p : parameters_) velocities_.push_back(torch::zeros_like(p.value));
}

void Sgd::step(const std::vector<at::Tensor>& gradients, double learning_rate) {
  const torch::NoGradGuard no_gradient;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!gradients[i].defined()) continue;
    Parameter& p = parameters_[i];
    torch::Tensor& v = velocities_[i];
    v.mul_(p.gathers ? momentum_ : 0.0).add_(gradients[i]);
    if (p.decays) v.add_(p.value, weight_decay_);
    const double rate = learning_rate * p.rate_factor;
    if (p.most_step.defined()) {
      const at::Tensor most = p.most_step / rate;
      v.copy_(torch::minimum(torch::maximum(v, -most), most));
    }
    p.value.add_(v, -rate);
  }
}

double clip_gradients(std::vector<at::Tensor>& gradients, double limit) {
  double squares = 0.0;
  for (const torch::Tensor& g : gradients) {
    if (g.defined()) squares += g.to(torch::kFloat64).square().sum().item<double>();
  }
  const double norm = std::sqrt(squares);
  if (norm > limit) {
    for (torch::Tensor& g : gradients) {
      if (g.defined()) g.mul_(limit / norm);
    }
  }
  return norm;
}

}  // namespace bitline::train
