// Figures about a model: how many layers, tiles, cells and dequantization multiplications it has on arrays,
// and its accuracy.
#pragma once

#include <string>

#include "bitline/quant/config.h"
#include "bitline/result/record.h"
#include "bitline/sim/evaluate.h"

namespace bitline::app {

// Of the first layer on an array; "float" without one.
std::string configuration_text(const quant::QuantizedModel& model);

void add_array_figures(const quant::QuantizedModel& model, result::Record& record);

// Images, top-1 and, with more than ten classes, top-5.
void add_accuracy(const sim::Evaluation& evaluation, const ir::Graph& graph, result::Record& record);

// A row a layer: geometry, tiles, slices, arrays, scales.
result::Table layer_table(const quant::QuantizedModel& model);

}  // namespace bitline::app
