// The description of a chip: cell, array, converters, periphery, hierarchy and published totals, as a plain
// value.
//
// A compute-in-memory chip is  chip = tiles + chip components,  tile = macros + tile components,  macro =
// arrays
// + DACs + ADCs + macro components. A digital comparator has units or a roofline instead. Every number is a
// Constant: its value, how it was written, its source and a mark that says how good the source is. What a
// file does not state stays empty; nothing is assumed. docs/hardware.md explains the file format.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/hardware/array_spec.h"
#include "bitline/hardware/quantity.h"

namespace bitline::hardware {

enum class Mark {
  kSourced,        // read in the cited source
  kDerived,        // arithmetic on sourced numbers
  kReconstructed,  // the source was not available: the best-justified reading
  kMemory,         // widely published, not read again: unverified
  kAssumed,        // a choice of the file's author
  kCalibrated,     // fitted so that a published result holds: proves nothing of that result
};
const char* mark_name(Mark mark);  // "SOURCED"

struct Source {
  std::string cite;
  Mark mark = Mark::kSourced;
  std::string note;
};

struct Constant {
  double value = 0.0;  // in the un-prefixed unit of the dimension
  Dimension dimension = Dimension::kCount;
  std::string text;  // as written
  Source source;
  Where where;
};
using OptionalConstant = std::optional<Constant>;

struct Section {
  bool stated = false;
  Source source;  // for what has none of its own
  Where where;
};

// A quantity x of a component scales as x(F) = x(F0) (F / F0)^exponent between feature sizes.
struct Technology : Section {
  OptionalConstant node, supply, clock;
  OptionalConstant area_exponent, energy_exponent;  // kAreaExponent and kEnergyExponent when not stated
};
inline constexpr double kAreaExponent = 2.0;    // two dimensions
inline constexpr double kEnergyExponent = 1.0;  // capacitance ~ F at one voltage

// The operands that peak figures are for.
struct Operands : Section {
  OptionalConstant weight_bits, input_bits;
};

struct Cell : Section {
  std::string kind;
  std::string encoding;  // of signed weights
  OptionalConstant bits, resistance_on, resistance_off, read_voltage;
  OptionalConstant variation;            // sigma of ln(conductance)
  OptionalConstant stuck_on, stuck_off;  // share of cells
  OptionalConstant write_energy, write_time;
};

// `count` instances in one unit of their level (macro, tile or chip). Power and area are of one instance or
// of all of them together, as `per` says.
struct Component : Section {
  std::string name;
  std::string kind;
  std::string per;    // "instance" or "group"; empty when there is one instance
  std::string holds;  // of memories: "inputs" or "outputs" of layers; empty: both
  std::string idle;   // of accelerators: "gated" draws nothing while units wait; empty: "powered"
  OptionalConstant count;
  OptionalConstant shared_by;  // units of the level that share the component
  OptionalConstant power;      // while it works
  OptionalConstant leakage;    // always; comes on top
  OptionalConstant energy;     // of one use; the kind says of what
  OptionalConstant area;
  OptionalConstant stated_node;  // feature size that power, energy and area are for
  OptionalConstant bits, capacity, width, ports, bandwidth, clock, latency, peak;
};

struct Array : Component {
  OptionalConstant rows, columns, active_rows, column_mux, cycle;
};

struct Adc : Component {
  std::string type;  // adc_kind.h
  OptionalConstant rate;
  OptionalConstant stated_bits;   // resolution that power, energy and area are for
  OptionalConstant linear_share;  // of power and area that grows linearly with the bits
  OptionalConstant low_bits;      // conversions are spread evenly from this resolution to `bits`
};

// Bitline sums are added up before they are converted: those of `columns` neighbouring columns (the slices of
// a weight) in `cycles` input cycles take `conversions` A/D conversions together.
struct Accumulation : Section {
  OptionalConstant cycles, columns, conversions;
};

struct Level : Section {
  std::string called;        // what the paper calls it
  OptionalConstant members;  // tile: macros in it; chip: tiles in it
  std::vector<Component> components;
};

struct WeightLoading : Section {
  std::string loading;  // "resident" or "reloaded"
  OptionalConstant bandwidth, energy;
};

// A digital accelerator: `units` on a chip, each of which multiplies `inputs` values with the weights of
// `outputs` neurons in every clock, beside memory for all weights. Chips of a board are nodes of a mesh.
struct Accelerator : Section {
  std::string weights;  // "once": each on one chip; "copied": kernels of convolutions on every chip
  OptionalConstant units, inputs, outputs, memory, links, link_bandwidth;
};

struct Roofline : Section {
  OptionalConstant peak, bandwidth, memory, power, area;
};

// Totals as the source prints them, to be compared with the sums of the components.
struct Published : Section {
  OptionalConstant macro_power, macro_area, tile_power, tile_area, chip_power, chip_area;
  OptionalConstant peak, power_efficiency, area_efficiency, storage_density;
  OptionalConstant adc_power_share, adc_area_share;  // of a tile
};

struct HardwareSpec {
  std::string name;
  std::string summary;
  std::vector<std::string> files;  // read for it, the extended ones first
  Technology technology;
  Operands operands;
  Cell cell;
  Array array;
  Component dac;
  Adc adc;
  Accumulation accumulation;
  Level macro, tile, chip;
  WeightLoading weights;
  Accelerator accelerator;
  Roofline roofline;
  Published published;
  std::int64_t chips = 1;  // on the board: board.h

  bool is_digital() const { return roofline.stated || accelerator.stated; }
};

// What quantization and simulation need of a chip; `rows` are those that one conversion adds up. Throws
// Error{kUnsupported} for a digital comparator, which has no array.
ArraySpec array_of(const HardwareSpec& spec);

// The number, or the fallback when it is not stated.
double value_or(const OptionalConstant& constant, double fallback);

}  // namespace bitline::hardware
