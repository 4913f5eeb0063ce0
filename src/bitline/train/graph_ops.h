// One graph node as LibTorch operators (all but batch-norm and layers on arrays, which need state).
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "bitline/ir/graph.h"

namespace bitline::train {

// Error{kUnsupported} for average pooling with asymmetric or large padding.
at::Tensor run_operator(const ir::Node& node, const std::vector<at::Tensor>& operands);

}  // namespace bitline::train
