// What layers on arrays pass to each other for one picture, and what is done to it on the way.
//
// A value that leaves a layer goes through the nodes behind it (activation, pooling, addition, layers in
// logic or float) to the next layers on arrays. Pooling and cuts happen where the values come from, so fewer
// of them are moved; a sum or product has the values of each of its operands moved (those of a smaller
// one, a gate, once); a concatenation those of each part.
// Values have the bits that the receiving layer quantizes its inputs to; the network's result those of the
// inputs of the layer that it comes from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bitline/mapping/mapping.h"
#include "bitline/quant/config.h"

namespace bitline::estimate {

struct Transfer {
  std::int64_t from = -1;  // layer of the mapping; -1: the picture
  std::int64_t to = -1;    // -1: the network's result
  double values = 0.0;
  int bits = 0;  // of one
  bool operator==(const Transfer&) const = default;
};

// Work beside the arrays is that of the last layer on arrays ahead of it, or of the first one.
struct LayerData {
  int input_bits = 0;
  int adc_levels = 0;         // quant::kIdealAdc: any
  int output_bits = 0;        // the most that a receiver takes
  double activations = 0.0;   // values through Relu, Clip, Softmax
  double pooled = 0.0;        // values into pooling
  double operations = 0.0;    // additions and multiplications of Add, Mul and batch-norm
  double digital_macs = 0.0;  // of layers in logic
  bool operator==(const LayerData&) const = default;
};

struct Dataflow {
  std::vector<LayerData> layers;  // of the mapping; empty: not known
  std::vector<Transfer> flows;
  std::vector<std::string> digital;  // layers in logic
};

// `mapping` is one of `model`.
Dataflow dataflow_of(const quant::QuantizedModel& model, const mapping::Mapping& mapping);

}  // namespace bitline::estimate
