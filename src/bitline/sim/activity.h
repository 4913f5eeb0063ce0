// How many ones a network drives and stores: the densities of inputs and cells that an energy estimate wants.
//
// Input: the digits on wordlines, over all windows, rows and input cycles of a layer, padding included. A
// digit counts with its magnitude: in one-bit cycles the bits of the activation code, the sign bit as one.
// Cells: the levels that the weights are stored at (quant/stored_levels.h), those of reference columns left
// out.
//   density = sum of digits / (digits x largest)
// where `largest` is the largest digit of the DAC, or the highest level of a cell: a slice that is narrower
// does not reach it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bitline/base/context.h"
#include "bitline/sim/evaluate.h"
#include "bitline/sim/network.h"

namespace bitline::sim {

struct DigitCount {
  std::int64_t sum = 0;      // of magnitudes
  std::int64_t digits = 0;   // driven, or stored
  std::int64_t largest = 1;  // magnitude

  double density() const {
    return digits == 0
               ? 0.0
               : static_cast<double>(sum) / (static_cast<double>(digits) * static_cast<double>(largest));
  }
  bool operator==(const DigitCount&) const = default;
};

struct LayerDigits {
  std::string node;
  DigitCount inputs;  // of all images, of one replica and one column of arrays
  DigitCount cells;
  bool operator==(const LayerDigits&) const = default;
};

// The digits that a batch drives. Each value counts as often as windows see it.
DigitCount count_inputs(const LayerProgram& program, const BatchCodes& batch);

// The cells of a layer without variation.
DigitCount count_cells(const LayerProgram& program);

// The layers on arrays, in graph order: runs the network on all images. The same for any number of threads.
std::vector<LayerDigits> count_digits(const Network& network, const BatchSource& images,
                                      const Context& context);

}  // namespace bitline::sim
