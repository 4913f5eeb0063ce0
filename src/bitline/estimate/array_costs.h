// Costs of each layer at each candidate precision as a table, for a search that asks for millions of mixed
// assignments: the cost of a network is a sum of entries and equals estimate() of the mixed network, mapped
// without replicas, to rounding.
//
// An entry is one replica of a layer: its arrays (row and column tiles), how long they work, the time of its
// stage and the energy of all uses. What a macro or a tile spends while one of its arrays works depends on
// the layers that share it, so an entry also has, for each place at which the layer may start within a unit,
// the cycles of the longest array in its first unit, the sum of those of the units that it has for itself,
// and that of its last unit. Chip components and leakage are paid for the period, the longest stage. Layers
// in logic are in no entry: they cost every candidate the same.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bitline/estimate/estimate.h"
#include "bitline/mapping/map_network.h"
#include "bitline/quant/config.h"

namespace bitline::estimate {

// The network with one precision in all layers, and the densities and ADC resolutions that it has there.
struct Candidate {
  std::string name;  // "W4A4P4", for errors
  quant::QuantizedModel model;
  EstimateOptions options;  // `flow` and `batch` are not used
};

struct LayerCost {
  std::vector<double> work;  // cycles of each array for one picture, in the order of placement
  double row_uses = 0.0;     // as in LayerEstimate
  double conversions = 0.0;
  double cycles = 0.0;  // of its stage
  double energy = 0.0;  // J of all uses, for one picture

  std::int64_t arrays() const { return std::ssize(work); }
};

struct NetworkCost {
  std::int64_t arrays = 0;
  double energy = 0.0;   // J a picture; what estimate() names in `absent` is not in it
  double period = 0.0;   // s; 0 where the chip has no array cycle
  double latency = 0.0;  // s, as in Estimate
  double area = 0.0;     // m2: the arrays with their share of macro and tile, and what the chip has once
  bool fits = true;      // the chip has so many arrays; other figures are for a chip that has
};

class ArrayCosts {
 public:
  // All candidates have the same layers on arrays. `options` cut and pack blocks as map_network does;
  // replicas are never made. Throws Error{kBadInput} naming a layer that a candidate lacks, and
  // Error{kUnsupported} for a chip whose buses or routers state an energy of a use, which depends on where
  // all layers lie, or with more than 2^16 arrays in a tile.
  ArrayCosts(const std::vector<Candidate>& candidates, const hardware::HardwareSpec& spec,
             mapping::MappingOptions options);

  std::size_t layers() const { return nodes_.size(); }
  std::size_t candidates() const { return candidates_; }
  const std::string& node(std::size_t layer) const { return nodes_[layer]; }  // in graph order
  const LayerCost& cost(std::size_t layer, std::size_t candidate) const {
    return costs_[layer * candidates_ + candidate];
  }
  double array_area() const { return array_area_; }  // m2, with its share of macro and tile

  // choice[layer]: index of the candidate. No allocation; thread-safe.
  NetworkCost total(std::span<const std::uint8_t> choice) const;

 private:
  // The cycles of longest arrays, of a layer that starts at one place in a unit.
  struct Longest {
    double first = 0.0, between = 0.0, last = 0.0;
  };
  // Units of one level, of `size` arrays each.
  struct Units {
    std::int64_t size = 1;
    double energy = 0.0;           // J for a cycle of a unit's longest array
    std::vector<Longest> longest;  // [(layer * candidates + candidate) * size + start]

    void add(const std::vector<double>& work);
  };
  struct Figures {  // of an entry, together in memory
    std::int64_t arrays = 0;
    double cycles = 0.0, energy = 0.0;
  };

  void set_chip(const hardware::HardwareSpec& spec);
  void add_rules(const Estimate& estimate);
  void add_entry(LayerCost cost);
  double busy_energy(const Units& units, std::span<const std::uint8_t> choice) const;

  std::size_t candidates_ = 0;
  std::vector<std::string> nodes_;
  std::vector<LayerCost> costs_;
  std::vector<Figures> figures_;
  Units macros_, tiles_;
  double cycle_ = 0.0, chip_power_ = 0.0;  // s, W with leakage
  double array_area_ = 0.0, chip_area_ = 0.0;
  std::int64_t capacity_ = 0;
};

}  // namespace bitline::estimate
