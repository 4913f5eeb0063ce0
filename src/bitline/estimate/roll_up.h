// Peak power and area of a chip as sums over its components, and the peak throughput they buy.
//
//   macro = arrays + DACs + ADCs + macro components
//   tile  = macros x macro + tile components
//   chip  = tiles x tile + chip components
//
// One component counts as  figure of one instance x instances / units that share it, scaled to the chip's
// feature size and the ADC's resolution (technology.h). Its power while it works is the stated one, or the
// energy of a use times the uses a second at full rate; both times `working`, the share of it that a cycle of
// an array needs: DACs of active rows, an ADC while it converts. Leakage comes on top. One operation is a
// multiplication or an addition of full-precision operands: a multiply-accumulate (MAC) is two. Skipped
// (sparse) operations are not counted. An array does
//   MACs a cycle = active rows x floor(columns / (slices x columns a digit)) / input cycles
//   slices = ceil(weight bits / cell bits),  input cycles = ceil(input bits / DAC bits)
// and a cycle takes the longer of the array's read and of the conversions of the columns that share an ADC. A
// column pair (differential) counts as two columns a digit.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bitline/hardware/hardware_spec.h"

namespace bitline::estimate {

struct ComponentTotal {
  const hardware::Component* component = nullptr;  // lives in the spec
  std::size_t level = 0;                           // 0 macro, 1 tile, 2 chip
  std::string name;                                // "adc", "tile.router"
  double instances = 0.0;                          // in one unit of its level; of shared ones a fraction
  double units = 0.0;                              // of its level on the chip
  double working = 1.0;                            // share of the full rate that arrays at work need
  std::optional<double> power, area;               // W, m2, in one unit of its level; empty: not stated
  std::optional<double> work;                      // W of the power while it works; empty: not stated
  double leakage = 0.0;                            // W of the power, always
  std::string power_formula, area_formula;         // "16 mW (8 instances)", for people
};

struct LevelTotal {
  const char* name = "";
  double units = 0.0;                          // on the chip
  double power = 0.0, area = 0.0;              // W, m2, of one unit; what is stated
  std::vector<std::string> no_power, no_area;  // components below that are not in the sum
};

struct RollUp {
  std::vector<ComponentTotal> components;
  std::vector<LevelTotal> levels;        // macro, tile, chip; the chip alone for a digital comparator
  double arrays = 0.0;                   // on the chip
  double weight_bytes = 0.0;             // all cells of the chip
  std::optional<double> cycle;           // s
  std::optional<double> macs_per_cycle;  // of one array
  std::optional<double> peak;            // operations/s
  std::optional<double> power_efficiency,
      area_efficiency;                    // operations/J, operations/(s m2); of complete sums only
  std::optional<double> storage_density;  // bytes/m2
  std::optional<double> adc_power_share, adc_area_share;  // of a tile

  const LevelTotal& chip() const { return levels.back(); }
};

// `spec` must outlive the result.
RollUp roll_up(const hardware::HardwareSpec& spec);

// A published total beside the sum of the components.
struct Comparison {
  std::string key;  // "tile_power"
  hardware::Constant published;
  std::optional<double> computed;
  double gap_percent() const;  // (computed - published) / published; 0 when there is nothing to compare
};
std::vector<Comparison> compare(const hardware::HardwareSpec& spec, const RollUp& roll_up);

}  // namespace bitline::estimate
