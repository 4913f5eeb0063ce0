// What the arithmetic of one layer on the array depends on, and the quantized model that holds it.
//
// A configuration has a short text, printed back in every result:
//   "W4A4P1 column/column 128x128 2b"  weight, activation and partial-sum bits; granularity of the weight and
//   partial-sum scales; array rows x columns; bits a cell; then what is not the default, e.g. "dac1"
//   (bit-serial inputs), "differential", "slice-scales", "cycle-ranges", "lloyd-max". A layer that runs in
//   digital logic instead is "W8A8 digital".
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bitline/ir/graph.h"
#include "bitline/quant/adc.h"
#include "bitline/quant/granularity.h"

namespace bitline::quant {

inline constexpr int kMaxBits = 16;  // of weights and activations

struct CimConfig {
  int weight_bits = 4;      // 1..16
  int activation_bits = 4;  // 1..16
  int adc_levels = 16;      // see adc.h; kIdealAdc = no partial-sum quantization
  Granularity weight_granularity = Granularity::kColumn;
  Granularity psum_granularity = Granularity::kColumn;
  int array_rows = 128;
  int array_columns = 128;
  int cell_bits = 2;  // 1..8
  int dac_bits = 0;   // input bits a cycle, 1..8; 0 = all of the activation's at once, 8 at most
  std::string encoding = "twos-complement";
  bool slice_scales =
      false;  // a weight scale for each slice (as ColumnQuant's code has) instead of one for all
  bool cycle_ranges = false;  // a converter range for each input cycle; not trained
  bool free_levels = false;   // converters with Lloyd-Max levels instead of equal steps; not trained
  bool digital = false;       // exact integers in logic beside the arrays: no converter, no variation

  std::string text() const;
  bool operator==(const CimConfig&) const = default;
};

// Eight bits in digital logic, a weight scale for each output channel: what first and last layers often get.
CimConfig digital_config();

// Throws Error{kBadInput} naming the first value that is out of range or contradicts another.
void validate(const CimConfig& config);

// Reads "W4A4P1.5" into bits of `config`; Error{kBadInput} otherwise.
void parse_precision(std::string_view text, CimConfig& config);

// The learned or calibrated state of one layer. Sizes are those of the layer's GroupMaps, times the cycles
// ([cycle][group]) where each has ranges of its own; an ideal ADC has no steps and centres.
struct CimLayer {
  CimConfig config;
  float activation_scale = 1.0f;
  float activation_offset = 0.0f;  // x = scale * code + offset (LSQ+); 0 for symmetric quantizers
  bool activation_signed = false;
  std::vector<float> weight_scale;
  std::vector<float> psum_step;    // output units
  std::vector<float> psum_centre;  // output units
  std::vector<float> psum_levels;  // output units, [converter][level]: with free levels only
};

// A graph in which the named Conv and Linear nodes run on arrays; the others stay float.
struct QuantizedModel {
  ir::Graph graph;
  std::map<std::string, CimLayer> layers;    // by node name
  std::map<std::string, std::string> notes;  // provenance: data set, normalization, recipe
};

CodeRange activation_range(const CimLayer& layer);
// The code that padding has: that of zero, which an offset may leave between two codes.
int zero_code(const CimLayer& layer);
CodeRange weight_range(const CimConfig& config);

// How many cycles an activation takes, and how many sets of converter ranges a layer has: one, or one a
// cycle.
int input_cycles(const CimConfig& config);
int range_sets(const CimConfig& config);

// Does any layer quantize its partial sums?
bool has_converters(const QuantizedModel& model);

}  // namespace bitline::quant
