// What a network costs on a digital accelerator: units that multiply and add beside memory that holds all
// weights, on one chip or on a board whose chips are the nodes of a mesh (DaDianNao, Chen et al., MICRO
// 2014).
//
// One layer after the other, on all units. With I inputs and O outputs a unit, U units on the board and C
// chips, a layer of N neurons with R products each and V input values of b bytes takes
//   compute   ceil(R / I) ceil(N / (O U)) / clock
//   exchange  V b (C - 1) / C / (links x bandwidth): every chip gets the input values that it does not have,
//             through the links of the chip that has the fewest
//   time      max(compute, exchange): values are computed with while they are passed on
// That is with `weights: once`. With `copied`, layers whose kernels serve many positions are cut by position,
// and each chip gets the border of its piece: 4 sqrt(H W / C) floor(k / 2) values a channel. Locally
// connected layers, where each of G positions has weights of its own, are cut by position in any case: with D
// window values for each input value, a piece of G / C positions reads V ((p + e) / (g + e))^2 values, p =
// sqrt(G / C), g = sqrt(G), e = sqrt(D) - 1, and has a share of 1 / C of them. A picture runs alone, so its
// latency is the period. A component draws its power all the time or, with `idle: gated`, while units
// compute.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bitline/estimate/estimate.h"
#include "bitline/hardware/hardware_spec.h"
#include "bitline/ir/graph.h"

namespace bitline::estimate {

struct DigitalLayer {
  std::string node;
  std::int64_t rows = 1;       // products of a neuron
  std::int64_t outputs = 1;    // channels
  std::int64_t positions = 1;  // of each channel
  std::int64_t inputs = 1;     // values, each once, however often they are read
  std::int64_t groups = 1;     // that read windows of their own
  std::int64_t border = 0;  // values of all channels along a border of one position: channels x floor(k / 2)

  std::int64_t neurons() const { return outputs * positions; }
  std::int64_t macs() const { return neurons() * rows; }
  std::int64_t weights() const { return outputs * rows; }
  bool is_local() const { return positions == 1 && groups > 1; }
};

// The convolutions and linear layers among `nodes`, in graph order. Values that nodes only move about (Slice,
// Concat, Reshape, Transpose, Pad, Flatten) count where they come from.
std::vector<DigitalLayer> digital_layers(const ir::Graph& graph, const std::vector<std::string>& nodes);

// `spec` has digital units; a board is hardware::board_of. Weights that do not fit into its memory are named
// in `absent`: the time is a lower bound then. Operands of which the file states no bits count as 8 and are
// named there, too.
Estimate estimate_digital(const hardware::HardwareSpec& spec, const std::vector<DigitalLayer>& layers);

}  // namespace bitline::estimate
