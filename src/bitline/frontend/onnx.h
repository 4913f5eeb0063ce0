// ONNX import: a network of opset 9 to 17 (and later ones that use the same operators) as a graph, with the
// quantization plan that its quantizer nodes describe.
//
// One input, one output, NCHW, the first dimension is the batch. What exporters write in several ways gets
// its one form (Gemm and MatMul with constant right side are Linear, Dropout and Identity vanish, attributes
// that became inputs are attributes again), and the Shape/Gather/Concat chains around Reshape and Pad are
// computed here, with the batch size as a symbol. Weights keep their initializer's names, nodes their own.
//
// Quantizers (Quant of qonnx.custom_op.general, QuantizeLinear, DequantizeLinear) of constants are computed
// here; those of activations must stand before a Conv, Gemm or MatMul with a quantized constant weight
// (movement of data and max-pooling may lie between), which becomes a layer on arrays behind ideal ADCs.
// Files that bitline wrote (onnx_export.h) give back their whole plan.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "bitline/io/filesystem.h"
#include "bitline/quant/config.h"

namespace bitline::frontend {

// Error{kUnsupported} lists every node that cannot be imported, by operator and name. Error{kBadInput}, with
// file and node: corrupt file, external data (never loaded), missing or non-finite weights, values used
// before they are written, shapes that do not fit. `path` is for the text of errors.
quant::QuantizedModel import_onnx(std::span<const std::byte> bytes, const std::string& path);
quant::QuantizedModel import_onnx(io::FileSystem& fs, const std::string& path);

}  // namespace bitline::frontend
