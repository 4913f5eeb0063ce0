// What the arrays of a mapped layer do for one output position and input cycle: the wordlines that each read
// drives and the bitlines that it passes on to the converters.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "bitline/mapping/mapping.h"
#include "bitline/sim/layer_program.h"
#include "bitline/sim/wordlines.h"

namespace bitline::sim {

struct Wordline {
  std::int64_t row = 0;    // of the array
  std::int64_t input = 0;  // the element that drives it, counted from WordlineBytes::window
};

// A column and the conversion it belongs to. Where the columns of a pair are in different reads, the first is
// held until the second is there.
struct Bitline {
  std::int64_t column = 0;
  std::int64_t conversion = 0;  // column of the layer's grid: (row tile, slice, output)
  std::int32_t sign = 1;        // -1: the negative column of a pair, subtracted before the converter
};

struct ArrayRead {
  std::vector<Wordline> wordlines;  // of the layer's blocks in this read; all other rows carry nothing
  std::vector<Bitline> bitlines;
};

struct ArrayReads {
  std::int64_t array = 0;
  std::vector<ArrayRead> reads;  // one after the other
};

class LayerReads {
 public:
  // Of mapping.layers[layer]; `program` is that layer's as the mapping runs it (mapped_model.h).
  LayerReads(const mapping::Mapping& mapping, std::int64_t layer, const LayerProgram& program,
             const WindowGeometry& geometry);

  const std::vector<std::int64_t>& rounds() const { return rounds_; }  // ascending
  // Arrays of a replica in a round, in ascending order.
  const std::vector<ArrayReads>& arrays(std::int64_t replica, std::int64_t round) const;

 private:
  std::vector<std::int64_t> rounds_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<ArrayReads>> arrays_;  // replica, round
};

}  // namespace bitline::sim
