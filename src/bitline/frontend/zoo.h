// The model zoo: well-known networks built in code, with initialised weights.
//
// Nodes and constants carry the names of the PyTorch originals ("layer1.0.conv1",
// "layer1.0.bn1.running_mean"), so that a PyTorch state_dict fits by name (frontend/weights.h). Convolutions
// start Kaiming-normal with the fan-out of their group (He et al., ICCV 2015), linear layers uniform in
// +-1/sqrt(fan-in), batch-norms as the identity; every number is a pure function of the seed and the
// constant's name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bitline/ir/graph.h"

namespace bitline::frontend {

// Builds network `name`. classes = 0 means the network's usual number (10 or 1000).
// Error{kBadInput} with a suggestion for an unknown name, for one of outline.h, or for classes out of range.
ir::Graph zoo(const std::string& name, int classes, std::uint64_t seed);

std::vector<std::string> zoo_names();

}  // namespace bitline::frontend
