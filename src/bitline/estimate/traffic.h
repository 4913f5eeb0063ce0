// How often buffers, registers, buses and routers are used for one picture: counting, no constants.
//
// A vector is what moves for one output position; it takes ceil(bits / width) uses of a component.
//   inputs    each row tile of each replica, once for every unit (macro, tile, chip) that has arrays of it:
//             rows x input bits. Windows that overlap are read again.
//   outputs   each range of outputs of each replica, once: outputs x output bits
//   partial   of an array that does not accumulate: outputs x (weight bits + input bits + ceil(log2 rows)).
//             The array of the first block of a range of outputs accumulates; what lies in the same array is
//             added there.
//   results   partial sums that a unit holds: one vector for each range of outputs and unit
// Uses of a component of a level, where `holds` chooses:
//   buffer    inputs read + outputs written
//   register  inputs and results, written once and read once
//   bus       inputs + outputs + partial sums between two units of the level below: twice where they also
//             change the unit of the bus
//   router    flits x hops of partial sums and of flows (dataflow.h), between tiles
//   link      bytes of the picture and of the result
//   activation, pooling, alu: values and operations of dataflow.h;  digital: MACs of layers in logic
// Tiles lie row by row on a grid of ceil(sqrt(tiles)) columns. The hops of a flow are the Manhattan distance
// of the mean positions of both layers' arrays; pictures come and results go at the first tile.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bitline/estimate/dataflow.h"
#include "bitline/hardware/hardware_spec.h"
#include "bitline/mapping/mapping.h"

namespace bitline::estimate {

inline constexpr const char* kNoCount = "no count of its uses";  // of a kind of component

// How often vectors of so many bits move, for one picture.
using Vectors = std::map<double, double>;

struct Place {
  double x = 0.0, y = 0.0;
};
double hops(const Place& a, const Place& b);
Place place_of_tile(std::int64_t tile, std::int64_t tiles);  // of so many on the chip

class Traffic {
 public:
  Traffic(const mapping::Mapping& mapping, const Dataflow& flow);

  // Uses of all instances by each layer, in the order of the mapping. Nothing, and `reason`, where they
  // cannot be counted: "no width", kNoCount.
  std::optional<std::vector<double>> uses(const hardware::Component& component, std::size_t level,
                                          std::string& reason) const;

 private:
  struct Layer {
    std::array<Vectors, 3> inputs, results;  // by level: macro, tile, chip
    Vectors outputs;
    std::array<Vectors, 3> partial;   // times that they are on a bus of the level
    std::map<double, double> routed;  // hops x times of partial sums, by bits
    Place place;
  };

  void count_units(const mapping::Mapping& mapping);
  void count_outputs(const mapping::Mapping& mapping);
  void place_layers(const mapping::Mapping& mapping);
  double router_uses(std::size_t layer, double width) const;
  double link_bytes(std::size_t layer) const;
  Place place_of(std::int64_t layer) const;
  double uses_of(const hardware::Component& component, std::size_t level, std::size_t layer) const;

  const Dataflow& flow_;
  std::vector<Layer> layers_;
};

}  // namespace bitline::estimate
