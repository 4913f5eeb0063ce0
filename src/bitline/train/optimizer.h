// SGD with momentum over named tensors: v = m*v + g + wd*p, p -= lr*v. Weight decay, the rate factor and
// whether there is momentum belong to the parameter, so a scale is never decayed. A parameter with a longest
// step has v clipped to it: what is cut off does not come back with momentum. State is a tensor a parameter
// and goes into checkpoints.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace bitline::train {

struct Parameter {
  std::string name;
  at::Tensor value;     // a leaf that requires a gradient
  bool decays = false;  // weights do; scales, biases and batch-norm do not
  double rate_factor = 1.0;
  bool gathers = true;        // takes part in momentum
  at::Tensor most_step = {};  // how far one step may take each element (> 0), if it may not go anywhere
};

class Sgd {
 public:
  Sgd(std::vector<Parameter> parameters, double momentum, double weight_decay);

  // gradients[i] belongs to parameter i; an undefined gradient leaves it alone.
  void step(const std::vector<at::Tensor>& gradients, double learning_rate);

  const std::vector<Parameter>& parameters() const { return parameters_; }
  std::vector<at::Tensor>& velocities() { return velocities_; }

 private:
  std::vector<Parameter> parameters_;
  std::vector<at::Tensor> velocities_;
  double momentum_, weight_decay_;
};

// Scales all gradients so that their joint norm is at most `limit` (> 0); returns the norm before.
double clip_gradients(std::vector<at::Tensor>& gradients, double limit);

}  // namespace bitline::train
