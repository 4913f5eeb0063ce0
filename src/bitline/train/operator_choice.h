// Which operator runs the layers on arrays in training, and the quantizers that it takes.
#pragma once

#include <string>

#include "bitline/train/cim_operator.h"

namespace bitline::train {

using CimOperator = at::Tensor (*)(const CimSpec&, const CimTensors&, const at::Tensor&);

// name: auto | fused | composed | float; device: cpu | cuda. Throws Error{kBadInput} for another name, and
// Error{kUnsupported} with the way out where the operator does not run on the device or does not take a
// quantizer.
CimOperator choose_operator(const std::string& name, const std::string& device, const Quantizers& quantizers);

// A number format is that of the cells and of the activations; a quantizer may name it, not change it:
// otherwise Error{kUnsupported}.
void check_formats(const CimSpec& spec, const quant::CimLayer& layer);

}  // namespace bitline::train
