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

// Counts the codes of a network's converters, batch after batch.
class ConverterCensus {
 public:
  explicit ConverterCensus(const Network& network);  // which outlives it
  ~ConverterCensus();

  // `trace` comes from the network, of any number of images.
  void add(const Trace& trace);

  // Layer after layer, least significant slice first; layers with ideal converters are left out. Of at least
  // one image.
  std::vector<ConverterUse> uses() const;

 private:
  struct LayerCounts;
  std::vector<LayerCounts> layers_;
};

}  // namespace bitline::sim
