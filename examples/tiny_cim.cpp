// Compute-in-memory on one page: quantize -> slice -> multiply -> ADC -> shift and add.
//
// A matrix product y[o] = sum_k a[k] * w[k][o] is done inside a memory array. Weights are stored as small
// digits in cells; K rows are cut into tiles as high as the array; each physical column (tile, slice, output)
// adds up digit * input over its rows; an ADC reads that sum with few levels; shift-and-add joins the digits.
// Read from top to bottom; main() walks through an example. Standard C++20 only, no library.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <span>
#include <vector>

namespace tiny_cim {

struct Matrix {  // row-major
  int rows = 0, columns = 0;
  std::vector<float> values;
  Matrix(int r, int c) : rows(r), columns(c), values(static_cast<std::size_t>(r * c)) {}
  float& at(int r, int c) { return values[static_cast<std::size_t>(r * columns + c)]; }
  float at(int r, int c) const { return values[static_cast<std::size_t>(r * columns + c)]; }
};

// Step 1. An integer code for a real number: round(x / scale), half to even, kept in [low, high].
int quantize(float x, float scale, int low, int high) {
  return static_cast<int>(
      std::clamp(std::nearbyint(x / scale), static_cast<float>(low), static_cast<float>(high)));
}
int quantize_weight(float w, float scale, int bits) {  // signed: -2^(bits-1) .. 2^(bits-1)-1
  return quantize(w, scale, -(1 << (bits - 1)), (1 << (bits - 1)) - 1);
}
int quantize_activation(float a, float scale, int bits) {  // unsigned: 0 .. 2^bits-1
  return quantize(a, scale, 0, (1 << bits) - 1);
}

// Step 2. A cell holds `cell_bits` bits, so a weight becomes ceil(bits / cell_bits) digits, least significant
// first. All digits are unsigned except the top one, which carries the sign (two's complement) and is
// narrower when the bits do not divide:  code == sum_s digit(s) * 2^(s * cell_bits).
int slice_count(int bits, int cell_bits) {
  return (bits + cell_bits - 1) / cell_bits;
}
int digit(int code, int slice, int bits, int cell_bits) {
  const int shifted = code >> (slice * cell_bits);  // arithmetic shift: the sign stays
  const bool top = slice == slice_count(bits, cell_bits) - 1;
  return top ? shifted : shifted & ((1 << cell_bits) - 1);
}

// Step 3. The ADC of a column. It has 2^bits levels, `step` apart and centred on `centre`, in the units of
// the result. bits == 0 is an ideal converter that passes every sum on unchanged.
struct Adc {
  int bits = 0;
  float centre = 0.0f, step = 1.0f;
};
int adc_code(const Adc& adc, int partial_sum, float sum_scale) {  // sum_scale: act_scale * weight_scale
  const float last = static_cast<float>((1 << adc.bits) - 1);
  const float r = sum_scale / adc.step;
  const float z = last / 2.0f - adc.centre / adc.step;
  const float position = static_cast<float>(partial_sum) * r + z;
  return static_cast<int>(std::clamp(std::nearbyint(position), 0.0f, last));
}
float adc_value(const Adc& adc, int partial_sum, float sum_scale) {
  if (adc.bits == 0) return static_cast<float>(partial_sum) * sum_scale;
  const float middle = static_cast<float>((1 << adc.bits) - 1) / 2.0f;
  return adc.centre + adc.step * (static_cast<float>(adc_code(adc, partial_sum, sum_scale)) - middle);
}

struct Layer {  // a matrix of K rows and O outputs as it lies in the arrays
  int k = 0, outputs = 0, weight_bits = 4, cell_bits = 2, array_rows = 16;
  float act_scale = 1.0f;
  std::vector<float> weight_scales;  // one an output column
  std::vector<int> codes;            // [k][outputs]
  std::vector<Adc> adcs;             // [tile][slice][output], one a physical column

  int tiles() const { return (k + array_rows - 1) / array_rows; }
  int slices() const { return slice_count(weight_bits, cell_bits); }
  int code(int row, int o) const { return codes[static_cast<std::size_t>(row * outputs + o)]; }
  float sum_scale(int o) const { return act_scale * weight_scales[static_cast<std::size_t>(o)]; }
  std::size_t column(int tile, int slice, int o) const {
    return static_cast<std::size_t>((tile * slices() + slice) * outputs + o);
  }
};

// What the wires of one physical column add up: an exact integer.
int partial_sum(const Layer& layer, std::span<const int> activations, int tile, int slice, int o) {
  const int end = std::min((tile + 1) * layer.array_rows, layer.k);
  int sum = 0;
  for (int row = tile * layer.array_rows; row < end; ++row) {
    sum += activations[static_cast<std::size_t>(row)] *
           digit(layer.code(row, o), slice, layer.weight_bits, layer.cell_bits);
  }
  return sum;
}

// Step 4. Shift and add: y[o] = sum over tiles and slices of 2^(slice * cell_bits) * ADC value.
std::vector<float> run(const Layer& layer, std::span<const int> activations) {
  std::vector<float> y(static_cast<std::size_t>(layer.outputs), 0.0f);
  for (int tile = 0; tile < layer.tiles(); ++tile)
    for (int slice = 0; slice < layer.slices(); ++slice)
      for (int o = 0; o < layer.outputs; ++o) {
        const int sum = partial_sum(layer, activations, tile, slice, o);
        const float value = adc_value(layer.adcs[layer.column(tile, slice, o)], sum, layer.sum_scale(o));
        y[static_cast<std::size_t>(o)] += static_cast<float>(1 << (slice * layer.cell_bits)) * value;
      }
  return y;
}

// Quantizes real weights with one scale a column (largest magnitude on the largest code); ideal ADCs.
Layer make_layer(const Matrix& w, float act_scale, int weight_bits, int cell_bits, int array_rows) {
  Layer layer{w.rows, w.columns, weight_bits, cell_bits, array_rows, act_scale, {}, {}, {}};
  for (int o = 0; o < w.columns; ++o) {
    float largest = 1e-12f;
    for (int row = 0; row < w.rows; ++row) largest = std::max(largest, std::abs(w.at(row, o)));
    layer.weight_scales.push_back(largest / static_cast<float>((1 << (weight_bits - 1)) - 1));
  }
  for (int row = 0; row < w.rows; ++row)
    for (int o = 0; o < w.columns; ++o)
      layer.codes.push_back(
          quantize_weight(w.at(row, o), layer.weight_scales[static_cast<std::size_t>(o)], weight_bits));
  layer.adcs.resize(static_cast<std::size_t>(layer.tiles() * layer.slices() * layer.outputs));
  return layer;
}

// Chooses ADC ranges from the sums seen on sample inputs: each column its own ("column-wise"), or one range
// wide enough for all columns ("layer-wise").
void calibrate(Layer& layer, const std::vector<std::vector<int>>& samples, int adc_bits, bool column_wise) {
  std::vector<float> low(layer.adcs.size(), INFINITY), high(layer.adcs.size(), -INFINITY);
  for (const std::vector<int>& sample : samples)
    for (int tile = 0; tile < layer.tiles(); ++tile)
      for (int slice = 0; slice < layer.slices(); ++slice)
        for (int o = 0; o < layer.outputs; ++o) {
          const int sum = partial_sum(layer, sample, tile, slice, o);
          const std::size_t column = layer.column(tile, slice, o);
          low[column] = std::min(low[column], static_cast<float>(sum) * layer.sum_scale(o));
          high[column] = std::max(high[column], static_cast<float>(sum) * layer.sum_scale(o));
        }
  if (!column_wise) {
    std::ranges::fill(low, std::ranges::min(low));
    std::ranges::fill(high, std::ranges::max(high));
  }
  const float steps = static_cast<float>((1 << adc_bits) - 1);
  for (std::size_t column = 0; column < layer.adcs.size(); ++column) {
    const float width = std::max(high[column] - low[column], 1e-12f);
    layer.adcs[column] = {adc_bits, (low[column] + high[column]) / 2.0f, width / steps};
  }
}

}  // namespace tiny_cim

#ifndef TINY_CIM_NO_MAIN
using namespace tiny_cim;

namespace {

constexpr int kRows = 32, kOutputs = 4, kArrayRows = 16, kSamples = 64;
constexpr int kWeightBits = 5, kCellBits = 2, kActBits = 4;
constexpr float kActScale = 1.0f / 15.0f;

// Columns of very different size, as a trained layer has them.
Matrix example_weights(std::mt19937& random) {
  Matrix w(kRows, kOutputs);
  for (int row = 0; row < kRows; ++row)
    for (int o = 0; o < kOutputs; ++o)
      w.at(row, o) = (static_cast<float>(random() % 2001) / 1000.0f - 1.0f) / static_cast<float>(1 << o);
  return w;
}

std::vector<std::vector<int>> example_inputs(std::mt19937& random) {
  std::vector<std::vector<int>> inputs(kSamples, std::vector<int>(kRows));
  for (auto& input : inputs)
    for (int& a : input)
      a = quantize_activation(static_cast<float>(random() % 1001) / 1000.0f, kActScale, kActBits);
  return inputs;
}

// Root mean square difference from the real weights, a column at a time, relative to the column's output.
void print_errors(const char* name, const Layer& layer, const Matrix& w,
                  const std::vector<std::vector<int>>& inputs) {
  std::printf("  %-26s", name);
  for (int o = 0; o < kOutputs; ++o) {
    double error = 0.0, power = 0.0;
    for (const std::vector<int>& input : inputs) {
      double exact = 0.0;
      for (int row = 0; row < kRows; ++row)
        exact += static_cast<double>(kActScale) * input[static_cast<std::size_t>(row)] *
                 static_cast<double>(w.at(row, o));
      const double y = static_cast<double>(run(layer, input)[static_cast<std::size_t>(o)]);
      error += (y - exact) * (y - exact);
      power += exact * exact;
    }
    std::printf(" %9.1f %%", 100.0 * std::sqrt(error / power));
  }
  std::printf("\n");
}

void print_one_weight(const Layer& layer, const Matrix& w) {
  const int code = layer.code(0, 0);
  std::printf("1. Quantize: weight %.3f = code %d x scale %.4f (%d bits, one scale a column)\n",
              static_cast<double>(w.at(0, 0)), code, static_cast<double>(layer.weight_scales[0]),
              kWeightBits);
  std::printf("2. Slice: in cells of %d bits, code %d =", kCellBits, code);
  for (int slice = 0; slice < layer.slices(); ++slice)
    std::printf("%s %d x %d", slice == 0 ? "" : " +", digit(code, slice, kWeightBits, kCellBits),
                1 << (slice * kCellBits));
  std::printf("   (the top digit has the sign)\n");
}

void print_one_output(const Layer& layer, const std::vector<int>& input) {
  std::printf("3. Multiply and convert: output 0, %d tiles of %d rows, %d slices, 4-bit ADC\n", layer.tiles(),
              kArrayRows, layer.slices());
  for (int tile = 0; tile < layer.tiles(); ++tile)
    for (int slice = 0; slice < layer.slices(); ++slice) {
      const int sum = partial_sum(layer, input, tile, slice, 0);
      const Adc& adc = layer.adcs[layer.column(tile, slice, 0)];
      std::printf("     tile %d slice %d: sum %5d = %8.4f -> code %2d -> %8.4f, shifted by %d bits\n", tile,
                  slice, sum, static_cast<double>(static_cast<float>(sum) * layer.sum_scale(0)),
                  adc_code(adc, sum, layer.sum_scale(0)),
                  static_cast<double>(adc_value(adc, sum, layer.sum_scale(0))), slice * kCellBits);
    }
  std::printf("4. Shift and add: y[0] = %.4f\n", static_cast<double>(run(layer, input)[0]));
}

}  // namespace

int main() {
  std::mt19937 random(1);
  const Matrix w = example_weights(random);
  const auto inputs = example_inputs(random);
  const Layer ideal = make_layer(w, kActScale, kWeightBits, kCellBits, kArrayRows);
  Layer layer_wise = ideal, column_wise = ideal;
  calibrate(layer_wise, inputs, 4, false);
  calibrate(column_wise, inputs, 4, true);

  print_one_weight(ideal, w);
  print_one_output(column_wise, inputs[0]);
  std::printf("\nError against real weights, column by column (each half as large as the one before it):\n");
  print_errors("ideal ADC", ideal, w, inputs);
  print_errors("4-bit ADC, layer-wise", layer_wise, w, inputs);
  print_errors("4-bit ADC, column-wise", column_wise, w, inputs);
  std::printf("One range for all columns wastes its levels on the small ones; a range a column does not.\n");
}
#endif
