// Cells that are not what was written to them, and sums that are not what the cells give.
//
// lognormal:S   g' = g * exp(theta), theta ~ N(0, S^2): the standard model of device-to-device spread
// gaussian:S    g' = g * (1 + theta)
// applied to every stored digit; a zero cell stays zero.
// saf0:P        a cell is stuck at its lowest level with probability P, whatever was written
// saf1:P        a cell is stuck at its highest level with probability P
// read:S        every conversion's sum fluctuates by S ideal digits a row (see read_noise.h)
// A digit in two's complement is one cell, of which the sign's slice stores digit - lowest digit; a
// differential digit is two cells, either of which can be stuck.
//
// A cell is a function of (seed, chip, layer, position). Values are rounded to a power-of-two grid fine
// enough that sums stay exact, and coarse enough for the integer kernels (see layer_program.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bitline/sim/layer_program.h"

namespace bitline::sim {

struct Variation {
  std::string model = "none";
  double sigma = 0.0;
  double stuck_low = 0.0;   // saf0
  double stuck_high = 0.0;  // saf1
  double read = 0.0;        // of a row, ideal digits

  bool spreads() const { return sigma > 0.0; }
  bool sticks() const { return stuck_low > 0.0 || stuck_high > 0.0; }
  bool changes_cells() const { return spreads() || sticks(); }
  bool active() const { return changes_cells() || read > 0.0; }
  std::string text() const;  // "lognormal:0.1+saf0:0.01"
};

// "none", or one model, stuck-at rates and read noise joined by '+': MODEL:SIGMA with SIGMA in [0, 2],
// saf0:RATE and saf1:RATE with rates in [0, 1] that add up to at most 1, read:SIGMA with SIGMA in [0, 100].
// Error{kUsage} with a hint otherwise.
Variation parse_variation(std::string_view text);

// The layer on one chip.
LayerProgram perturb(const LayerProgram& program, const Variation& variation, std::uint64_t seed,
                     std::uint64_t chip);

}  // namespace bitline::sim
