// What moves a quantizer's scale in training. Whatever does, it starts from the least squared error that
// calibration finds.
//
//   minmax      follows max|x| / bound by a running mean over the batches; no gradient
//   mse         stays where it starts
//   lsq         the gradient of the task (Esser et al., ICLR 2020)
//   lsq-offset  lsq with a learned offset (LSQ+, Bhalgat et al., CVPR workshops 2020)
//   llsq        towards the better of s/2 and 2s (LLSQ, Zhao et al., ICLR 2020); that plain LLSQ steps by
//               s^2, as its power-of-two variant does, is RECONSTRUCTED
//   ssg:RHO     towards the better of s/RHO and s*RHO, by how much better it is (LG-LSQ); RECONSTRUCTED
//   ssg-task    ssg added to the gradient of the task
//
// A simulated gradient compares the quantization error at s with that at s / rho and s * rho. A scale within
// about the root of rho of the best is not moved, so a rho that shrinks over the training ends closer.
#pragma once

#include <span>
#include <string_view>

#include "bitline/quant/lsq.h"
#include "bitline/quant/rounding.h"

namespace bitline::quant {

// Mean squared errors.
struct ScaleErrors {
  double here = 0.0;     // at s
  double smaller = 0.0;  // at s / rho
  double bigger = 0.0;   // at s * rho

  ScaleErrors& operator+=(const ScaleErrors& other);
};
ScaleErrors probe_scale(std::span<const float> x, float scale, CodeRange range, float rho);

// Gradients of s: positive makes it shrink.
double llsq_gradient(const ScaleErrors& errors, double scale);
double ssg_gradient(const ScaleErrors& errors, double scale);

struct ScalePolicy {
  const char* name;
  bool follows_range;  // of the batches, by a running mean
  bool follows_task;   // by the gradient of the loss
  bool has_offset;
  double (*simulated)(const ScaleErrors&, double scale);  // null: none
  bool has_parameter;
  ParameterRange rho;  // of the probes, where gradients are simulated
};

std::span<const ScalePolicy> scale_policies();
const ScalePolicy& scale_policy(std::string_view name);  // Error{kBadInput} with a suggestion

// max|x| / bound, the larger side of the range; 1 where x is zero everywhere.
float range_scale(std::span<const float> x, CodeRange range);

// The next power of two, so that dequantization is a shift (LLSQS). scale > 0.
float power_of_two_scale(float scale);

}  // namespace bitline::quant
