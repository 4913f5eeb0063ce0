// One graph node as LibTorch operators (all but batch-norm and layers on arrays, which need state).
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "bitline/ir/graph.h"

namespace bitline::train {

// float32 or bfloat16; Error{kBadInput} for another name.
at::ScalarType compute_type(const std::string& name);

// Convolutions multiply in the type `compute` and give it; what works on single values takes and gives any
// of the two, the rest is float32. Error{kUnsupported} for average pooling with asymmetric or large padding.
at::Tensor run_operator(const ir::Node& node, std::vector<at::Tensor> operands, at::ScalarType compute);

}  // namespace bitline::train
