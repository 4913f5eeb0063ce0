// Properties of random mappings, and how much the random ones had to show.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <string>

#include <rapidcheck.h>

#include "bitline/mapping/mapping.h"

namespace bitline::mapping {

inline int draw(int low, int high) {
  return *rc::gen::inRange(low, high + 1);
}

// Runs a property on so many cases; a failure is shrunk and printed with its seed.
template <class Property>
bool holds(const std::string& name, int cases, std::uint64_t seed, const Property& property) {
  rc::detail::TestMetadata metadata;
  metadata.id = metadata.description = name;
  rc::detail::TestParams params;
  params.seed = seed;
  params.maxSuccess = cases;
  const auto result = rc::detail::checkTestable(property, metadata, params);
  rc::detail::SuccessResult success;
  if (result.match(success)) return success.numSuccess == cases;
  rc::detail::printResultMessage(result, std::cerr);
  return false;
}

// How many of the mappings had what a property is about.
struct Variety {
  int rounds = 0, replicas = 0, reads = 0, shared = 0, groups = 0, pairs = 0, tiles = 0;

  void add(const Mapping& mapping) {
    const auto any = [](const auto& values, const auto& test) {
      return std::any_of(values.begin(), values.end(), test) ? 1 : 0;
    };
    rounds += mapping.rounds > 1 ? 1 : 0;
    replicas += any(mapping.layers, [](const MappedLayer& l) { return l.replicas > 1; });
    reads += any(mapping.blocks, [](const Block& b) { return b.read > 0; });
    shared += any(mapping.blocks, [](const Block& b) { return b.row > 0 && b.column > 0; });
    groups += any(mapping.layers, [](const MappedLayer& l) { return l.groups > 1; });
    pairs += any(mapping.blocks, [](const Block& b) { return b.first_part > 0; });
    tiles += any(mapping.blocks, [](const Block& b) { return b.first_row > 0 && b.first_output > 0; });
  }
  int least() const { return std::min({rounds, replicas, reads, shared, groups, pairs, tiles}); }
};

}  // namespace bitline::mapping
