// The one door to LibTorch: every file of this room that needs more than a Tensor includes this and nothing
// else of it.
#pragma once

#include <torch/torch.h>

#include "bitline/ir/tensor.h"

namespace bitline::train {

inline torch::Tensor to_torch(const ir::Tensor& t) {  // a copy
  return torch::from_blob(const_cast<float*>(t.data.data()), t.shape, torch::kFloat32).clone();
}

inline torch::Tensor to_torch(const std::vector<float>& values) {
  return torch::from_blob(const_cast<float*>(values.data()), {static_cast<std::int64_t>(values.size())},
                          torch::kFloat32)
      .clone();
}

inline std::vector<float> to_floats(const torch::Tensor& t) {
  const torch::Tensor host = t.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  return {host.data_ptr<float>(), host.data_ptr<float>() + host.numel()};
}

// The same values with channels innermost in memory (NHWC); [N, K] is so already.
inline torch::Tensor channels_last(const torch::Tensor& t) {
  return t.contiguous(t.dim() == 4 ? torch::MemoryFormat::ChannelsLast : torch::MemoryFormat::Contiguous);
}

inline ir::Tensor to_ir(const torch::Tensor& t) {
  return {ir::Shape(t.sizes().begin(), t.sizes().end()), to_floats(t)};
}

}  // namespace bitline::train
