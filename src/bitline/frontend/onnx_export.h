// ONNX export of a model, opset 13, in the dialects that other tools read.
//
//   qonnx  Quant nodes of domain qonnx.custom_op.general (Pappalardo et al., arXiv 2206.07527) on the input
//          and the weights of every layer on arrays; any number of bits, any granularity
//   qdq    QuantizeLinear, Clip where the bits are less than 8, DequantizeLinear; weights as int8 codes; one
//          scale a layer or an output channel
//
// Weights are written as what their codes stand for. Scales of qonnx are [1, 1, ..], [O, 1, ..] or, where row
// tiles or arrays have their own, [O, C, 1, ..]: constant within a tile, as broadcasting has no blocks. ONNX
// has no converters of partial sums: the nodes compute the network behind ideal ADCs. The metadata
// "bitline.quantization" hold the whole plan, so that bitline reads the same model back. A float model has no
// quantizers and is written as it is.
#pragma once

#include <cstddef>
#include <vector>

#include "bitline/quant/config.h"

namespace bitline::frontend {

// Error{kUnsupported} naming the layer that the dialect cannot express, Error{kBadInput} for scales that do
// not fit their layer.
std::vector<std::byte> export_qonnx(const quant::QuantizedModel& model);
std::vector<std::byte> export_qdq(const quant::QuantizedModel& model);

}  // namespace bitline::frontend
