#include "bitline/mapping/usage.h"

#include <algorithm>
#include <set>

#include "bitline/mapping/map_network.h"

namespace bitline::mapping {

namespace {

// Units of a level in the round that has the most.
template <class UnitOf>
std::int64_t most_units(const Mapping& mapping, const UnitOf& unit_of) {
  std::vector<std::set<std::int64_t>> units(static_cast<std::size_t>(mapping.rounds));
  for (const Block& block : mapping.blocks)
    units[static_cast<std::size_t>(block.round)].insert(unit_of(block.array));
  std::size_t most = 0;
  for (const auto& round : units) most = std::max(most, round.size());
  return static_cast<std::int64_t>(most);
}

}  // namespace

Usage usage_of(const Mapping& mapping) {
  Usage usage;
  const std::vector<std::int64_t> reads = reads_of_layers(mapping);
  std::vector<std::set<std::pair<std::int64_t, std::int64_t>>> arrays(mapping.layers.size());
  for (const Block& block : mapping.blocks)
    arrays[static_cast<std::size_t>(block.layer)].insert({block.round, block.array});
  for (std::size_t l = 0; l < mapping.layers.size(); ++l) {
    const MappedLayer& layer = mapping.layers[l];
    usage.layers.push_back({static_cast<std::int64_t>(arrays[l].size()), reads[l],
                            layer.cells() * layer.replicas, stage_cycles(layer, reads[l])});
    usage.cells += usage.layers[l].cells;
    if (usage.layers[l].cycles > usage.layers[static_cast<std::size_t>(usage.slowest)].cycles)
      usage.slowest = static_cast<std::int64_t>(l);
  }
  usage.arrays = mapping.arrays;
  usage.cells_of_arrays = mapping.arrays * mapping.chip.rows * mapping.chip.columns;
  usage.macros = most_units(mapping, [&](std::int64_t array) { return mapping.macro_of(array); });
  usage.tiles = most_units(mapping, [&](std::int64_t array) { return mapping.tile_of(array); });
  return usage;
}

}  // namespace bitline::mapping
