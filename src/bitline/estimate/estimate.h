// What a mapped network costs in steady state: energy, time and throughput, by layer and by component.
//
// One operation is a multiplication or an addition: a multiply-accumulate (MAC) is two. Only layers on arrays
// count; skipped (sparse) operations are not taken off.
//
// Time. A read takes the array cycle of roll_up.h. The stage of a layer takes
//   ceil(positions / replicas) x max(reads x input cycles x cycle, conversions / rate)
// for the array that takes longest. The second term is that of analog accumulation, with the conversions of
// one position in an array and the rate of the array's part of the macro's ADCs; else the cycle covers it.
// Without reload rounds, layers are a pipeline over pictures: the slowest stage is the period of a picture,
// and a picture takes the sum of all stages (layers one after the other: an upper bound). In a round of B
// pictures
//   time = loading of the round's cells + sum of stages + (B - 1) x slowest stage,   period = sum of times /
//   B
//   loading = max(bytes / weights.bandwidth, most rows written in one array x cell.write_time)
// The rows of an array are written one after the other, those of different arrays at the same time. Without a
// write_time, cells are written as fast as their bytes come.
//
// Layers in logic take 2 x MACs / peak of the chip's digital units, one after the other: one more stage. They
// take no time where no digital unit states a peak, and are named in `absent` then. Times from which
// something is missing are lower bounds: `time_complete` is false, and no rate is formed. Layers that run
// elsewhere, in float or in logic that the chip does not have, are in no figure: they are named in
// `elsewhere`.
//
// Energy for one picture. Uses are counted and multiplied by the energy of a use; where only a power is
// stated, a use is that power for the time it takes:
//   array        a read of one array in one cycle; times input density x weight density
//   dac          one active row in one cycle; times input density
//   adc          a conversion: columns that hold weights (a differential pair is one), cycles, positions
//   amplifier, analog-buffer  one bitline sum, if an energy is stated: accumulation.h
//   sample-hold  one conversion, held for a cycle
//   shift-add    one conversion is one addition, if an energy is stated
//   digital      one MAC of a layer in logic, at its energy, or at its power for 2 / peak; logic.h says which
//                unit computes how many
//   others       with an energy: their uses of traffic.h
// Other components with a power alone take it while an array in their macro or tile works; those of the level
// `chip` always. What has neither, or an energy and no count of uses, is named in `absent`: nothing is made
// up, and sums are lower bounds then. Leakage is paid by the whole chip for the whole period. At full use,
// where powers are stated, the sum is the chip power of roll_up.h times the period.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bitline/estimate/dataflow.h"
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
  std::map<std::string, Density> layers;   // counted ones, by node
  std::int64_t batch = 1;                  // pictures between reloads
  Dataflow flow;                           // of the same mapping; without it traffic is named in `absent`
  std::map<std::string, double> adc_bits;  // of layers whose conversions stop early: early_stop()
};

// How a part is charged.
enum class Charge {
  kUses,    // uses that do not depend on what lies beside a layer
  kMacro,   // its power while an array in its macro works
  kTile,    // ... in its tile
  kChip,    // its power, always
  kPlaced,  // uses that depend on where layers are: traffic.h
  kLogic,   // multiply-accumulates of layers in logic
  kLoading  // of weights, in rounds
};
struct PartRule {
  Charge charge = Charge::kUses;
  double power = 0.0;    // W: of one macro or tile at work, or of the chip
  double leakage = 0.0;  // W of the whole chip, on top
  bool known = true;     // else its energy is named in `absent`, and counts as zero
};

struct LayerEstimate {
  std::string node;
  std::int64_t macs = 0;     // for one picture
  double array_reads = 0.0;  // for one picture, as all below
  double row_uses = 0.0;     // active rows x cycles
  double conversions = 0.0;
  Density density;              // that its energy is for
  std::optional<double> stage;  // s
  std::vector<double> energy;   // J, of each part
  double total = 0.0;           // J
};

struct Estimate {
  std::vector<std::string> parts;  // "array", "adc", "tile.router", ..., "weights": loading in rounds
  std::vector<PartRule> rules;     // of the parts
  std::vector<LayerEstimate> layers;
  std::vector<double> part_energy;     // J a picture, of all layers
  double energy = 0.0;                 // J a picture
  std::vector<std::string> absent;     // what the sums miss, "tile.router: power"
  std::int64_t uncounted = 0;          // of these, not for want of a constant
  std::vector<std::string> elsewhere;  // convolution and linear layers that no figure is of
  bool time_complete = true;           // else period and latency are lower bounds
  std::optional<double> period;        // s between pictures
  std::optional<double> latency;       // s from a picture to its result
  std::optional<double> area;          // m2, only if complete
  double loaded_bytes = 0.0;           // of weights for one picture
  std::int64_t macs = 0;               // on arrays

  bool complete() const { return absent.empty(); }
  bool lacks_constants() const { return std::ssize(absent) > uncounted; }
  double energy_at(double period) const;  // J a picture, of pictures that come every `period` seconds instead
  std::optional<double> frames() const;   // pictures/s, of complete times only
  std::optional<double> operations_rate() const;       // operations/s, the same
  std::optional<double> operations_per_joule() const;  // of complete sums only
  std::optional<double> operations_per_area() const;   // operations/(s m2), of complete times and areas only
  std::optional<double> energy_delay() const;  // J s: energy x latency of a picture, of complete sums only
};

// `mapping` is one that verify_mapping has nothing against, on chip_of(spec). `unmapped` are convolution and
// linear layers that are not on arrays: those in logic count where the chip has a digital unit and the flow
// is given, the others run elsewhere. Throws Error{kBadInput}: densities out of 0..1 or of unknown layers, a
// batch below one, a mapping for another chip (naming the key).
Estimate estimate(const mapping::Mapping& mapping, const hardware::HardwareSpec& spec,
                  const std::vector<std::string>& unmapped, const EstimateOptions& options);

// A digital comparator: the longer of arithmetic at its peak and of one read of the weights from memory, at
// full power. One byte holds two 4-bit or one 8-bit weight.
Estimate estimate_roofline(const hardware::HardwareSpec& spec, std::int64_t macs, double weight_bytes);

}  // namespace bitline::estimate
