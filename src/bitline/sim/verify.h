// Code-for-code comparison of two executions of a network.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bitline/sim/network.h"

namespace bitline::sim {

struct LayerComparison {
  std::string layer;
  std::int64_t input_codes = 0;  // compared
  std::int64_t input_mismatches = 0;
  std::int64_t adc_codes = 0;
  std::int64_t adc_mismatches = 0;
};

// Layer by layer. Traces of different layers or lengths throw Error{kVerification}.
std::vector<LayerComparison> compare_traces(const Trace& expected, const Trace& actual);

}  // namespace bitline::sim
