// Proves that a mapping holds a network, or says where it does not.
//
// It knows the Mapping value and the graph, and none of the mapper's arithmetic: shapes are read from the
// constants, slices are compared with the bits of the weight, and every set of blocks is checked as boxes
// that must be inside, apart, and of the right total volume, which together means that they cover exactly.
#pragma once

#include <string>
#include <vector>

#include "bitline/mapping/mapping.h"
#include "bitline/quant/config.h"

namespace bitline::mapping {

struct Violation {
  std::string name;  // of violation_names()
  std::string text;  // which layer, block and array
};

// layer-unknown    a layer that the network does not have on arrays, or twice
// layer-missing    a layer of the network that is not there
// layer-shape      groups, rows, outputs or positions are not the graph's
// slices           the slices of a weight are not its bits, each once, or too wide for a cell
// block-range      a block speaks of weights, slices or replicas that do not exist
// window-split     a block cuts a kernel window although windows stay whole
// weight-missing   a weight bit is not placed in a replica
// weight-twice     a weight bit is placed twice in a replica
// array-range      an array or a round that the chip or the mapping does not have
// cell-range       a block reaches beyond the rows or columns of its array
// cell-overlap     two blocks share a cell
// active-rows      a read activates more rows than the chip can
// read-conflict    blocks of one read share a column, share rows with other inputs, or drive cells of another
//                  read in their columns
// array-count      the number of arrays is not what the blocks use
// round-count      a round of reloading in which nothing runs
std::vector<std::string> violation_names();

// In the order found, at most kMostViolations. Empty: every bit of every weight on arrays is placed once in
// each replica, and no limit of the chip is broken.
inline constexpr std::size_t kMostViolations = 100;
std::vector<Violation> verify_mapping(const Mapping& mapping, const quant::QuantizedModel& model);

}  // namespace bitline::mapping
