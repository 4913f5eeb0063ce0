// Cells that are not what was written to them, and sums that are not what the cells give.
//
// A digit is stored as levels of cells (quant/stored_levels.h). A variation changes the conductance g of
// every cell, of those of reference columns too, and never takes it below zero:
//   lognormal:S   g' = g * exp(theta), theta ~ N(0, S^2): the standard model of device-to-device spread
//   gaussian:S    g' = g * max(0, 1 + theta)
//   onoff:R       beside a spread: a cell at its lowest level conducts 1/R of one at its highest; unlimited
//   when
//                 not given
//   saf0:P, saf1:P  a cell is stuck at its lowest, highest level with probability P, whatever was written
// The other reading, that of most papers: the digit itself is multiplied, so that a digit of zero never
// varies and there is no reference column:
//   lognormal-digit:S   digit' = digit * exp(theta)
//   gaussian-digit:S    digit' = digit * max(0, 1 + theta)
// And beside either:
//   read:S        every conversion's sum fluctuates by S ideal digits a row (see read_noise.h)
//
// A reference column has a cell for each row and slice of a row tile and serves the outputs of one column
// tile. A cell is a function of (seed, chip, layer, position). Values are rounded to a power-of-two grid fine
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
  double on_off = 0.0;      // conductance of the highest level over that of the lowest; 0: unlimited

  bool spreads() const { return sigma > 0.0; }
  bool sticks() const { return stuck_low > 0.0 || stuck_high > 0.0; }
  bool changes_cells() const { return spreads() || sticks(); }
  bool active() const { return changes_cells() || read > 0.0; }
  std::string text() const;  // "lognormal:0.1+saf0:0.01"
};

// "none", or one model, stuck-at rates and read noise joined by '+': MODEL:SIGMA with SIGMA in [0, 2],
// saf0:RATE and saf1:RATE with rates in [0, 1] that add up to at most 1, read:SIGMA with SIGMA in [0, 100],
// onoff:RATIO with RATIO above 1 and a model of stored levels. Error{kUsage} with a hint otherwise.
Variation parse_variation(std::string_view text);

// The layer on one chip.
LayerProgram perturb(const LayerProgram& program, const Variation& variation, std::uint64_t seed,
                     std::uint64_t chip);

}  // namespace bitline::sim
