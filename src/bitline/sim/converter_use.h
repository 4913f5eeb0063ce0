// How the converters of a network are used: codes at the ends of their range, and what the codes tell.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bitline/sim/network.h"

namespace bitline::sim {

// The converters of one bit slice of a layer, all row tiles, input cycles and outputs together. Shares are 0
// to 1.
struct ConverterUse {
  std::string layer;
  int shift = 0;  // the slice counts 2^shift
  std::int64_t columns = 0, conversions = 0;
  double lowest = 0.0, highest = 0.0;  // share of the conversions with the lowest, the highest code
  double constant = 0.0;               // share of the columns that gave one code throughout
  double information = 0.0;            // bits: entropy of a column's codes, mean over the columns
};

// Layer after layer, least significant slice first; layers with ideal converters are left out. `trace` comes
// from `network`, of at least one image.
std::vector<ConverterUse> converter_use(const Network& network, const Trace& trace);

}  // namespace bitline::sim
