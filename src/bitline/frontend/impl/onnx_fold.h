// Constant folding: the value of an ONNX node whose inputs are all literals.
//
// This is how the Shape/Gather/Concat/Cast/ConstantOfShape chains around Reshape and Pad become attributes.
// The batch size travels through them as kSymbolicBatch; arithmetic on it that would need its value is
// unsupported.
#pragma once

#include <string_view>

#include "bitline/frontend/impl/onnx_draft.h"

namespace bitline::frontend {

using Fold = Literal (*)(const OnnxNode& node);

// By full name (full_name in onnx_draft.h); null when the operator is not folded.
Fold find_fold(std::string_view op);

// Element-wise arithmetic with broadcasting.
Literal fold_add(const OnnxNode& node);
Literal fold_sub(const OnnxNode& node);
Literal fold_mul(const OnnxNode& node);
Literal fold_div(const OnnxNode& node);
Literal fold_cast(const OnnxNode& node);
Literal fold_clip(const OnnxNode& node);

// Quantizers of constants (onnx_quantizer_ops.cpp). What comes out knows its scales and the range of its
// codes.
Literal fold_quant(const OnnxNode& node);
Literal fold_quantize_linear(const OnnxNode& node);
Literal fold_dequantize_linear(const OnnxNode& node);

// A strided view of a literal's elements: the one form of slicing, transposing and broadcasting.
struct View {
  ir::Shape shape;
  std::vector<std::int64_t> strides;
  std::int64_t offset = 0;
};

std::vector<std::int64_t> dense_strides(const ir::Shape& shape);
View broadcast_view(const OnnxNode& node, const ir::Shape& from, const ir::Shape& to);
ir::Shape broadcast_shape(const OnnxNode& node, const ir::Shape& a, const ir::Shape& b);
// Source positions of the view's elements in row-major order. Error{kUnsupported} when they are too many.
std::vector<std::size_t> positions(const View& view, const Where& where);

}  // namespace bitline::frontend
