// Places a quantized network on the arrays of a chip.
//
// Layers follow each other in graph order, array by array, so neighbours in the network are neighbours on the
// chip. For one output position a layer needs  reads * input cycles  steps (reads of its busiest array), so
// with r replicas the stage of a layer takes  ceil(positions / r) * reads * input cycles  array cycles. In a
// pipeline over layers the slowest stage sets the pace: while arrays are left, it gets the fewest further
// replicas that make it faster (as ISAAC replicates early layers, ISCA 2016).
#pragma once

#include <string>

#include "bitline/mapping/mapping.h"
#include "bitline/quant/config.h"

namespace bitline::mapping {

struct MappingOptions {
  RowPolicy rows = RowPolicy::kWindows;
  Spread slices = Spread::kAuto;
  Spread pairs = Spread::kAuto;  // the two columns of a differential digit
  Packing packing = Packing::kNone;
  bool replicate = true;          // as far as the chip or the budget goes
  std::int64_t array_budget = 0;  // arrays to use at most; 0: all of the chip
  bool reload = false;            // allow rounds: within the budget, and where the chip's weights stay
};

// Layers of `model.layers` that are not digital are placed; scales are not needed, only configurations.
// Throws Error{kBadInput} naming the node or key: a layer quantized for other arrays or cells, a window or a
// weight that fits no array, calibrated partial sums that the options would cut differently, a network that
// needs more arrays than there are.
Mapping map_network(const quant::QuantizedModel& model, const Chip& chip, const MappingOptions& options);

// Throws Error{kBadInput} naming the node when a layer is not quantized for the arrays of the chip: other
// active rows, columns or bits a cell.
void check_array(const std::string& node, const quant::CimConfig& config, const Chip& chip);

// Array cycles that the stage of a layer takes for one picture.
std::int64_t stage_cycles(const MappedLayer& layer, std::int64_t reads);

// For each layer, the reads of its busiest array for one input cycle: of all blocks in the array.
std::vector<std::int64_t> reads_of_layers(const Mapping& mapping);

}  // namespace bitline::mapping
