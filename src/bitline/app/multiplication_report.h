// What is left to multiply in float when a model runs on a chip, for one image.
#pragma once

#include <cstdint>

#include "bitline/quant/config.h"
#include "bitline/result/record.h"

namespace bitline::app {

struct Multiplications {
  std::int64_t dequantization = 0;  // by partial-sum scales, as mapping::dequantization_multiplications
  std::int64_t dequantization_shifts = 0;  // of these, by a power of two
  std::int64_t input_quantization = 0;     // activations by 1 / scale, before a layer on arrays; no shifts
  std::int64_t float_layers = 0;           // of convolutions and matrix products that are not on arrays
  std::int64_t others = 0;                 // batch-norm, element-wise products, averages, softmax; no shifts
};

// A product with 0, -1, 1 or another power of two is none. An input that several layers read with one scale
// counts once.
Multiplications count_multiplications(const quant::QuantizedModel& model);

// The figures that add_array_figures does not have.
void add_multiplication_figures(const quant::QuantizedModel& model, result::Record& record);

}  // namespace bitline::app
