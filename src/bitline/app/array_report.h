// Figures about a model on arrays: how many layers, tiles, cells and dequantization multiplications.
#pragma once

#include <string>

#include "bitline/quant/config.h"
#include "bitline/result/record.h"

namespace bitline::app {

// Of the first layer on an array; "float" without one.
std::string configuration_text(const quant::QuantizedModel& model);

void add_array_figures(const quant::QuantizedModel& model, result::Record& record);

// A row a layer: geometry, tiles, slices, arrays, scales.
result::Table layer_table(const quant::QuantizedModel& model);

}  // namespace bitline::app
