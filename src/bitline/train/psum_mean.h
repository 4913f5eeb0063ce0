// Where the partial sums of a layer lie while it is trained, so that ADC references can follow them.
//
// ColumnQuant's code centres its ADC on the mean of the live batch, which a chip cannot. Here the centre is
// part of the model; during training it moves with a running mean of the sums, as batch-norm statistics do.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "bitline/train/cim_operator.h"

namespace bitline::train {

// Mean partial sum of each converter group over a batch x ([N, C, H, W] or [N, K]), in output units. A mean
// of sums is the sum of means, so no partial sum is computed. The converter of the layer plays no part.
std::vector<float> mean_psums(const CimSpec& spec, const CimTensors& tensors, const at::Tensor& x);

}  // namespace bitline::train
