// The sliding window of convolution and pooling: kernel, stride, dilation and the four ways ONNX writes
// padding.
#pragma once

#include <array>

#include "bitline/frontend/impl/onnx_draft.h"

namespace bitline::frontend {

// Refuses an input that is not [N, C, H, W]; 1-D and 3-D operators are unsupported.
void require_images(const OnnxNode& node, std::size_t i);

// Strides, dilations, pads and auto_pad of a node whose input 0 is [N, C, H, W].
ir::Window read_window(const OnnxNode& node, const std::array<std::int64_t, 2>& kernel);

}  // namespace bitline::frontend
