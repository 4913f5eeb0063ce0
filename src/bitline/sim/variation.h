// Cells that are not what was written to them.
//
// lognormal:S   g' = g * exp(theta), theta ~ N(0, S^2): the standard model of device-to-device spread
// gaussian:S    g' = g * (1 + theta)
// applied to every stored digit; a zero cell stays zero. A cell is a function of (seed, chip, layer,
// position). Values are rounded to a power-of-two grid fine enough that sums stay exact (see
// layer_program.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bitline/sim/layer_program.h"

namespace bitline::sim {

struct Variation {
  std::string model = "none";
  double sigma = 0.0;

  bool active() const { return sigma > 0.0; }
  std::string text() const;  // "lognormal:0.1"
};

// "none" or "MODEL:SIGMA" with SIGMA in [0, 2]; Error{kUsage} with a hint otherwise.
Variation parse_variation(std::string_view text);

// The layer on one chip.
LayerProgram perturb(const LayerProgram& program, const Variation& variation, std::uint64_t seed,
                     std::uint64_t chip);

}  // namespace bitline::sim
