// What moves the steps of converters beside the gradient of the task (quant/scale_policy.h): simulated
// gradients and ranges, from a few of a batch's partial sums. Centres follow train/psum_mean.h and the task
// whatever the policy is.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "bitline/quant/scale_policy.h"
#include "bitline/train/cim_operator.h"

namespace bitline::train {

// What a shard showed of the partial sums of a layer, by converter group; empty where the policy asks for
// nothing.
struct PsumView {
  std::vector<quant::ScaleErrors> errors;  // at the step; each sum weighs the square of its 2^shift
  std::vector<float> range_step;           // the step whose window just holds the sums seen
};

// At most `count` different places among `of` > 0, spread evenly: multiples of the golden section of `of`, by
// a stride that shares no factor with it, so that they do not fall on a few columns or rows of an image.
std::vector<std::int64_t> spread_places(std::int64_t count, std::int64_t of);

// Looks at the sums of at most 32 output pixels, spread over the shard's first images, so that the cost does
// not grow with the images. x: [N, C, H, W] or [N, K].
PsumView view_psums(const CimSpec& spec, const CimTensors& tensors, const at::Tensor& x);

// The gradient of the trained u of the steps; `task` may be undefined.
at::Tensor psum_step_gradient(const CimSpec& spec, const CimTensors& tensors, const at::Tensor& task,
                              std::span<const PsumView> shards);

// Policies that follow ranges: by a running mean over the batches.
void follow_psum_ranges(const CimSpec& spec, CimTensors& tensors, std::span<const PsumView> shards,
                        double momentum);

}  // namespace bitline::train
