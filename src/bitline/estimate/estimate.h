// What a mapped network costs in steady state: energy, time and throughput, by layer and by component.
//
// One operation is a multiplication or an addition: a multiply-accumulate (MAC) is two. Only layers on arrays
// count; skipped (sparse) operations are not taken off.
//
// Time. A read takes the array cycle of roll_up.h. The stage of a layer takes
//   ceil(positions / replicas) x reads x input cycles x cycle
// Without reload rounds, layers are a pipeline over pictures: the slowest stage is the period of a picture,
// and a picture takes the sum of all stages (layers one after the other: an upper bound). In a round of B
// pictures
//   time = loading of the round's cells + sum of stages + (B - 1) x slowest stage,   period = sum of times /
//   B
//
// Energy for one picture. Uses are counted and multiplied by the energy of a use; where only a power is
// stated, a use is that power for the time it takes:
//   array        a read of one array in one cycle; times input density x weight density
//   dac          one active row in one cycle; times input density
//   adc          one conversion: columns that hold weights (a differential pair is one), input cycle,
//   position sample-hold  one conversion, held for a cycle shift-add    one conversion is one addition, if an
//   energy is stated link         always at work, as is all of the level `chip` others       the power of
//   their macro or tile while an array in it works
// A component other than those above that states an energy but no power is named in `absent`, as is one
// that states neither: nothing is made up, and sums are lower bounds then. Leakage is paid by the whole chip
// for the whole period. At full use the sum is the chip power of roll_up.h times the period.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bitline/estimate/roll_up.h"
#include "bitline/mapping/mapping.h"

namespace bitline::estimate {

// Shares of ones among the digits, 0..1: figures of a chip are for 1 where its source says nothing.
struct Density {
  double input = 1.0;
  double weight = 1.0;
};

struct EstimateOptions {
  Density density;
  std::map<std::string, Density> layers;  // counted ones, by node
  std::int64_t batch = 1;                 // pictures between reloads
};

struct LayerEstimate {
  std::string node;
  std::int64_t macs = 0;     // for one picture
  double array_reads = 0.0;  // for one picture, as all below
  double row_uses = 0.0;     // active rows x cycles
  double conversions = 0.0;
  std::optional<double> stage;  // s
  std::vector<double> energy;   // J, of each part
  double total = 0.0;           // J
};

struct Estimate {
  std::vector<std::string> parts;  // "array", "adc", "tile.router", ..., "weights": loading in rounds
  std::vector<LayerEstimate> layers;
  std::vector<double> part_energy;  // J a picture, of all layers
  double energy = 0.0;              // J a picture
  std::vector<std::string> absent;  // constants or layers that the sums miss, "tile.router: power"
  std::optional<double> period;     // s between pictures
  std::optional<double> latency;    // s from a picture to its result
  std::optional<double> area;       // m2, only if complete
  double loaded_bytes = 0.0;        // of weights for one picture
  std::int64_t macs = 0;            // on arrays

  bool complete() const { return absent.empty(); }
  std::optional<double> frames() const;                // pictures/s
  std::optional<double> operations_rate() const;       // operations/s
  std::optional<double> operations_per_joule() const;  // of complete sums only
  std::optional<double> operations_per_area() const;   // operations/(s m2)
  std::optional<double> energy_delay() const;  // J s: energy x latency of a picture, a bound as they are
};

// `mapping` is one that verify_mapping has nothing against, on chip_of(spec). `unmapped` are convolution and
// linear layers that run elsewhere, in logic or float: they have no constants and are named in `absent`.
// Throws Error{kBadInput}: densities out of 0..1 or of unknown layers, a batch below one, a mapping for
// another chip (naming the key).
Estimate estimate(const mapping::Mapping& mapping, const hardware::HardwareSpec& spec,
                  const std::vector<std::string>& unmapped, const EstimateOptions& options);

// A digital comparator: the longer of arithmetic at its peak and of one read of the weights from memory, at
// full power. One byte holds two 4-bit or one 8-bit weight.
Estimate estimate_roofline(const hardware::HardwareSpec& spec, std::int64_t macs, double weight_bytes);

}  // namespace bitline::estimate
