// How well a mapping uses the chip: arrays, cells, macros, tiles, replicas and stage times of each layer.
#pragma once

#include <cstdint>
#include <vector>

#include "bitline/mapping/mapping.h"

namespace bitline::mapping {

struct LayerUsage {
  std::int64_t arrays = 0;  // of all replicas
  std::int64_t reads = 1;   // of its busiest array, for one position and input cycle
  std::int64_t cells = 0;   // that hold weights, of all replicas
  std::int64_t cycles = 0;  // array cycles of its stage for one picture
};

struct Usage {
  std::vector<LayerUsage> layers;
  std::int64_t arrays = 0;  // over all rounds
  std::int64_t macros = 0;  // of the round with the most
  std::int64_t tiles = 0;
  std::int64_t cells = 0;
  std::int64_t cells_of_arrays = 0;  // of the arrays that are filled
  std::int64_t slowest = 0;          // index of the layer with the longest stage

  double utilisation() const {  // of the cells of arrays that are filled
    return cells_of_arrays == 0 ? 0.0 : static_cast<double>(cells) / static_cast<double>(cells_of_arrays);
  }
};

// For mappings that verify_mapping has nothing against.
Usage usage_of(const Mapping& mapping);

}  // namespace bitline::mapping
