// How a network uses its converters: a table with a row for each bit slice of a layer, and the saturated
// share.
#pragma once

#include "bitline/ir/tensor.h"
#include "bitline/result/record.h"
#include "bitline/sim/network.h"

namespace bitline::app {

// Error{kBadInput} where all converters are ideal.
void add_converter_use(const sim::Network& network, const ir::Tensor& images, result::Record& record);

}  // namespace bitline::app
