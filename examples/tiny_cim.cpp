// Compute-in-memory on one page: quantize -> slice -> multiply -> ADC -> shift and add.
//
// A matrix product y[o] = sum_k w[o][k] * a[k] is done inside a memory array. Weights are stored as small
// digits in cells; the rows are cut into tiles as high as the array; each physical column (tile, slice,
// output) adds up digit * input over its rows; an ADC reads that sum with few levels; shift-and-add joins the
// digits. Read from top to bottom; main() walks through an example. Standard C++20 only, no library.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

namespace tiny_cim {

using std::size_t;
template <typename T>
using Rows = std::vector<std::vector<T>>;

// Step 1. An integer code for a real number: round(x / scale), half to even, kept in [low, high].
int quantize(float x, float scale, int low, int high) {
  return static_cast<int>(std::clamp(std::nearbyint(x / scale), float(low), float(high)));
}
int quantize_weight(float w, float scale, size_t bits) {  // signed: -2^(bits-1) .. 2^(bits-1)-1
  return quantize(w, scale, -(1 << (bits - 1)), (1 << (bits - 1)) - 1);
}
int quantize_activation(float a, float scale, size_t bits) {  // unsigned: 0 .. 2^bits-1
  return quantize(a, scale, 0, (1 << bits) - 1);
}

// Step 2. A cell holds `cell_bits` bits, so a weight becomes ceil(bits / cell_bits) digits, least significant
// first. All are unsigned but the top one, which carries the sign (two's complement) and is narrower when the
// bits do not divide:  code == sum_s digit(s) * 2^(s * cell_bits).
size_t slice_count(size_t bits, size_t cell_bits) {
  return (bits + cell_bits - 1) / cell_bits;
}
int digit(int code, size_t slice, size_t bits, size_t cell_bits) {
  const int shifted = code >> (slice * cell_bits);  // arithmetic shift: the sign stays
  return slice == slice_count(bits, cell_bits) - 1 ? shifted : shifted & ((1 << cell_bits) - 1);
}

// Step 3. The ADC of a column: 2^bits levels, `step` apart and centred on `centre`, in the units of the
// result. bits == 0 is an ideal converter, which passes every sum on. `sum_scale` is act_scale *
// weight_scale.
struct Adc {
  size_t bits = 0;
  float centre = 0.0f, step = 1.0f;
  float last() const { return float((1 << bits) - 1); }
};
int adc_code(const Adc& adc, int partial_sum, float sum_scale) {
  const float zero = adc.last() / 2.0f - adc.centre / adc.step;
  const float position = float(partial_sum) * (sum_scale / adc.step) + zero;
  return static_cast<int>(std::clamp(std::nearbyint(position), 0.0f, adc.last()));
}
float adc_value(const Adc& adc, int partial_sum, float sum_scale) {
  if (adc.bits == 0) return float(partial_sum) * sum_scale;
  return adc.centre + adc.step * (float(adc_code(adc, partial_sum, sum_scale)) - adc.last() / 2.0f);
}

struct Layer {  // O outputs of K rows as they lie in the arrays
  size_t weight_bits, cell_bits, array_rows;
  float act_scale;
  Rows<int> codes = {};                   // [output][k]
  std::vector<float> weight_scales = {};  // one an output
  std::vector<Adc> adcs = {};             // one a physical column

  size_t outputs() const { return codes.size(); }
  size_t tiles() const { return (codes[0].size() + array_rows - 1) / array_rows; }
  size_t slices() const { return slice_count(weight_bits, cell_bits); }
  size_t column(size_t tile, size_t slice, size_t o) const {
    return (tile * slices() + slice) * outputs() + o;
  }
  float sum_scale(size_t o) const { return act_scale * weight_scales[o]; }
};

template <typename Visit>  // visit(tile, slice, output)
void for_each_column(const Layer& layer, Visit visit) {
  for (size_t tile = 0; tile < layer.tiles(); ++tile)
    for (size_t slice = 0; slice < layer.slices(); ++slice)
      for (size_t o = 0; o < layer.outputs(); ++o) visit(tile, slice, o);
}

// What the wires of one physical column add up: an exact integer.
int partial_sum(const Layer& layer, const std::vector<int>& a, size_t tile, size_t slice, size_t o) {
  int sum = 0;
  for (size_t k = tile * layer.array_rows; k < std::min((tile + 1) * layer.array_rows, a.size()); ++k)
    sum += a[k] * digit(layer.codes[o][k], slice, layer.weight_bits, layer.cell_bits);
  return sum;
}

// Step 4. Shift and add: y[o] = sum over tiles and slices of 2^(slice * cell_bits) * ADC value.
std::vector<float> run(const Layer& layer, const std::vector<int>& a) {
  std::vector<float> y(layer.outputs());
  for_each_column(layer, [&](size_t tile, size_t slice, size_t o) {
    const int sum = partial_sum(layer, a, tile, slice, o);
    const float value = adc_value(layer.adcs[layer.column(tile, slice, o)], sum, layer.sum_scale(o));
    y[o] += float(1 << (slice * layer.cell_bits)) * value;
  });
  return y;
}

// Quantizes weights [output][k] with a scale for each output (largest magnitude, largest code); ideal ADCs.
Layer make_layer(const Rows<float>& weights, float act_scale, size_t bits, size_t cell_bits,
                 size_t array_rows) {
  Layer layer{bits, cell_bits, array_rows, act_scale};
  for (const std::vector<float>& w : weights) {
    float largest = 1e-12f;
    for (const float value : w) largest = std::max(largest, std::abs(value));
    const float scale = largest / float((1 << (bits - 1)) - 1);
    layer.weight_scales.push_back(scale);
    layer.codes.emplace_back();
    for (const float value : w) layer.codes.back().push_back(quantize_weight(value, scale, bits));
  }
  layer.adcs.resize(layer.column(layer.tiles(), 0, 0));
  return layer;
}

// Chooses ADC ranges from the sums of sample inputs: each column its own ("column-wise") or one for all.
void calibrate(Layer& layer, const Rows<int>& samples, size_t adc_bits, bool column_wise) {
  std::vector<float> low(layer.adcs.size(), INFINITY), high(layer.adcs.size(), -INFINITY);
  for_each_column(layer, [&](size_t tile, size_t slice, size_t o) {
    const size_t at = column_wise ? layer.column(tile, slice, o) : 0;
    for (const std::vector<int>& a : samples) {
      const float sum = float(partial_sum(layer, a, tile, slice, o)) * layer.sum_scale(o);
      low[at] = std::min(low[at], sum);
      high[at] = std::max(high[at], sum);
    }
  });
  for (size_t i = 0; i < layer.adcs.size(); ++i) {
    const size_t at = column_wise ? i : 0;
    const float width = std::max(high[at] - low[at], 1e-12f);
    layer.adcs[i] = {adc_bits, (low[at] + high[at]) / 2.0f, width / float((1 << adc_bits) - 1)};
  }
}

}  // namespace tiny_cim

#ifndef TINY_CIM_NO_MAIN
int main() {  // 32 inputs of 4 bits, 4 outputs, 5-bit weights in 2-bit cells, arrays of 16 rows, 4-bit ADCs
  using namespace tiny_cim;
  std::mt19937 random(1);
  Rows<float> weights(4, std::vector<float>(32));
  for (size_t o = 0; o < 4; ++o)  // each output half as large as the one before it
    for (float& w : weights[o]) w = (float(random() % 2001) / 1000.0f - 1.0f) / float(1 << o);
  Rows<int> inputs(64, std::vector<int>(32));
  for (std::vector<int>& a : inputs)
    for (int& code : a) code = quantize_activation(float(random() % 1001) / 1000.0f, 1.0f / 15.0f, 4);

  const Layer ideal = make_layer(weights, 1.0f / 15.0f, 5, 2, 16);
  Layer adc = ideal;
  for (const bool column_wise : {false, true}) {
    calibrate(adc, inputs, 4, column_wise);
    std::printf("%s ADC ranges\n", column_wise ? "column-wise" : "layer-wise");
    for_each_column(adc, [&](size_t tile, size_t slice, size_t o) {
      const int sum = partial_sum(adc, inputs[0], tile, slice, o);
      const int code = adc_code(adc.adcs[adc.column(tile, slice, o)], sum, adc.sum_scale(o));
      if (o == 0) std::printf("  tile %zu, slice %zu: sum %4d, ADC code %2d\n", tile, slice, sum, code);
    });
    for (size_t o = 0; o < 4; ++o) {
      double error = 0.0, power = 0.0;
      for (const std::vector<int>& a : inputs) {
        error += std::pow(run(adc, a)[o] - run(ideal, a)[o], 2);
        power += std::pow(run(ideal, a)[o], 2);
      }
      std::printf("  output %zu: relative error %5.1f %%\n", o, 100.0 * std::sqrt(error / power));
    }
  }
}
#endif
