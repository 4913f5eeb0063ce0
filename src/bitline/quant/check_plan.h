// Whether the plan of a model fits its graph: what a file says is checked before anything relies on it.
#pragma once

#include <string>

#include "bitline/quant/config.h"

namespace bitline::quant {

// The scales of the layer `name` with these columns: as many as its granularity has, all finite, those of
// activations, weights and converter steps positive. Error{kBadInput} naming the layer.
void check_scales(const std::string& name, const ColumnGrid& grid, const CimLayer& layer);

// Every layer of the plan is a Conv or Linear of the graph with a constant weight that fits the array, and
// its scales are as above. Error{kBadInput} naming the layer.
void check_plan(const QuantizedModel& model);

}  // namespace bitline::quant
