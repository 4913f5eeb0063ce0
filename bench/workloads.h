// The inputs of the benchmarks: the same numbers in every run and on every machine.
#pragma once

#include <cstdint>

#include "bitline/data/dataset.h"
#include "bitline/ir/graph.h"
#include "bitline/mapping/mapping.h"
#include "bitline/quant/config.h"

namespace bitline::bench {

// Uniform in [0, 1).
ir::Tensor random_tensor(ir::Shape shape);

// One convolution 64 -> 64, 3x3, padding 1, W4A4P4 column/column, 2-bit cells, arrays of 128x128, calibrated
// on its own input of one image. dac_bits 0 = all input bits at once, 1 = bit-serial.
struct ConvLayer {
  ir::Graph graph;
  ir::Tensor x;  // [1, 64, side, side]
  quant::QuantizedModel model;

  ConvLayer(std::int64_t side, int dac_bits, bool depthwise = false);
};

// ResNet-20 on images [3, 32, 32], W4A4P4 column/column; first and last layer and shortcuts in float.
quant::QuantizedModel array_resnet20();
quant::QuantizedModel float_resnet20();
quant::QuantizedModel float_resnet18();  // in its form for these images

// Every layer of the network on arrays of the chip, bit-serial, weights and inputs of `bits` bits; not
// calibrated.
quant::QuantizedModel all_on_arrays(ir::Graph graph, const mapping::Chip& chip, int bits);

// `size` images of uniform noise, [3, 32, 32] in 10 classes.
class NoiseImages final : public data::Dataset {
 public:
  explicit NoiseImages(std::int64_t size);
  std::string name() const override { return "noise"; }
  std::int64_t size() const override { return size_; }
  data::ImageShape shape() const override { return {3, 32, 32}; }
  const std::vector<std::string>& class_names() const override { return names_; }
  int label(std::int64_t index) const override { return static_cast<int>(index % 10); }
  void read(std::int64_t index, std::span<float> pixels) const override;

 private:
  std::int64_t size_;
  std::vector<std::string> names_;
};

}  // namespace bitline::bench
