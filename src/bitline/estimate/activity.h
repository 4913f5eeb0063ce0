// Uses of each layer of a mapping for one picture, and how long each array works: counting, no constants.
#pragma once

#include <cstdint>
#include <vector>

#include "bitline/estimate/accumulation.h"
#include "bitline/mapping/mapping.h"

namespace bitline::estimate {

struct LayerActivity {
  double array_reads = 0.0;  // of one array in one cycle
  double row_uses = 0.0;     // active rows x cycles
  double sums = 0.0;         // bitline sums: columns that hold weights x cycles
  double conversions = 0.0;  // of the ADCs; as many, unless sums are accumulated first
  double cells = 0.0;        // of all replicas
};

// An array in a round, and the reads it makes for one picture on average.
struct ArrayActivity {
  std::int64_t layer = -1;  // -1: not filled
  double reads = 0.0;
  double work = 0.0;  // cycles that it and its ADCs work: the longer of its reads and of their conversions
};

struct RoundActivity {
  double cells = 0.0;         // written before it
  std::vector<double> times;  // cycles of each layer's stage, of reads or longer conversions; 0: not in it
};

struct Activity {
  std::vector<LayerActivity> layers;
  std::vector<ArrayActivity> arrays;  // round * arrays a round + array
  std::vector<RoundActivity> rounds;
  std::int64_t arrays_a_round = 0;  // places in `arrays`: up to the last that is filled
};

Activity count_activity(const mapping::Mapping& mapping, const Conversions& conversions);

}  // namespace bitline::estimate
