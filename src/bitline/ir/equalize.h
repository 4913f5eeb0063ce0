// Cross-layer equalization: scales of channels moved between neighbouring layers so that their weights'
// ranges become equal, which changes nothing in float and much in few bits (Nagel et al., "Data-Free
// Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.1).
#pragma once

#include "bitline/ir/graph.h"

namespace bitline::ir {

// For each pair of convolutions, or of linear layers, of which the second alone reads the first, through
// nothing but Relu and, between convolutions, pooling: with r1, r2 the largest weight magnitudes of channel i
// in the first (as output) and the second (as input), and s = sqrt(r1 * r2) / r2,
//   first[i] /= s,  bias[i] /= s,  second[.., i] *= s,
// repeated until no channel moves by more than a thousandth. A channel is scaled by 1/64 to 64 in all, and no
// bias grows beyond eight times the largest that its layer had: a channel with next to no weights stays
// small. Clip is no bound that scales, so a ReLU6 parts a pair. Channels with r1 or r2 zero stay. Fold
// batch-norm before; the result computes the same function, up to rounding.
Graph equalize_layers(const Graph& graph);

}  // namespace bitline::ir
