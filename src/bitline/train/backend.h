// What the operators of a network in training run on.
#pragma once

#include <string>

namespace bitline::train {

struct Backend {
  std::string device = "cpu";         // cpu | cuda
  std::string cim_operator = "auto";  // of layers on arrays: auto | fused (CPU) | composed (LibTorch) | float
  // What convolutions in float multiply, those of a teacher and of the float operator, too: float32 |
  // bfloat16 (inputs, weights, biases, results and their gradients rounded to eight bits of mantissa, sums in
  // float32: Micikevicius et al., ICLR 2018). Activations stay in it to the next layer that sums otherwise
  // (linear, pooled by means, on arrays). Quantization of bfloat16 activations is that of float32, its
  // results rounded. What is on arrays and all that is kept are float32.
  std::string compute = "float32";
};

}  // namespace bitline::train
