// What the operators of a network in training run on.
#pragma once

#include <string>

namespace bitline::train {

struct Backend {
  std::string device = "cpu";         // cpu | cuda
  std::string cim_operator = "auto";  // of layers on arrays: auto | fused (CPU) | composed (LibTorch) | float
  // What convolutions that are not on arrays multiply: float32 | bfloat16 (inputs, weights, results and
  // their gradients rounded to eight bits of mantissa, sums in float32: Micikevicius et al., ICLR 2018).
  // All else, and all that is kept, stays float32.
  std::string compute = "float32";
};

}  // namespace bitline::train
