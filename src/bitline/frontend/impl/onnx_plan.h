// How quantizer nodes of an ONNX file become the quantization plan of a model.
//
// A layer whose input and weight are both quantized goes to arrays. A file by other tools says nothing of
// arrays: such a layer gets the default configuration (quant/config.h) with an ideal ADC, which computes what
// the nodes do; granularity and array rows follow from the weight scales. A file by bitline has the whole
// plan in its metadata.
#pragma once

#include <string>

#include "bitline/frontend/impl/onnx_draft.h"
#include "bitline/quant/config.h"

namespace bitline::frontend {

// The layer that reads `input` with a weight of this shape on `grid` (null: not quantized). Refuses what a
// layer on arrays cannot hold, by the quantizer's name where it is the quantizer's.
quant::CimLayer planned_layer(const OnnxNode& node, const Quantized& input, const WeightGrid* grid,
                              const ir::Shape& weight);

// The quantized activation, or the float one behind a noted refusal: codes of no layer, which are those of 1
// to 16 bits, signed or unsigned.
Value checked_codes(OnnxNode& node, Quantized quantized);

// The codes that a Clip with literal bounds leaves of a range.
quant::CodeRange clipped_range(const OnnxNode& node, quant::CodeRange range);

// Replaces the plan that the nodes gave by the one in bitline's metadata. Error{kBadInput} naming the node
// when the two contradict each other.
void adopt_plan(const std::string& metadata, const std::string& path, quant::QuantizedModel& model);

}  // namespace bitline::frontend
