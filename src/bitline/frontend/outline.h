// Networks of published comparisons, by their shapes alone: `zoo:vgg-a` for `bitline map` and `estimate`.
//
// Weights are constants with a shape and no values, since the largest of these networks has 330 million. What
// computes with values does not take them.
//   alexnet        Krizhevsky et al., NIPS 2012, with its two groups
//   vgg-a .. e     Simonyan, Zisserman, ICLR 2015: 11, 13, 16 (three kernels 1x1), 16 and 19 layers
//   msra-a .. c    He et al., ICCV 2015, with spatial pyramid pooling {7, 3, 2, 1}
//   googlenet      Szegedy et al., CVPR 2015, without its auxiliary classifiers
//   deepface       Taigman et al., CVPR 2014: three layers are locally connected, every position with weights
//                  of its own. They are a gather of windows and a 1x1 convolution of a group a position.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bitline/ir/graph.h"

namespace bitline::frontend {

bool is_outline(std::string_view name);
std::vector<std::string> outline_names();

// Error{kBadInput} with a suggestion for an unknown name.
ir::Graph outline(const std::string& name);

}  // namespace bitline::frontend
