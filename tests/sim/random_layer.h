// Random layers on arrays, seeded: every axis of a layer's configuration is drawn.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "bitline/base/philox.h"
#include "bitline/sim/layer_program.h"
#include "bitline/sim/wordlines.h"

namespace bitline::sim {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed, stream_id("sim tests")) {}
  int between(int low, int high) {  // both included
    return low + static_cast<int>(random_.below(next_++, static_cast<std::uint32_t>(high - low + 1)));
  }
  bool coin() { return between(0, 1) == 1; }
  float normal() { return static_cast<float>(random_.normal(next_++)); }
  float uniform() { return static_cast<float>(random_.uniform(next_++)); }
  template <class T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[between(0, static_cast<int>(values.size()) - 1)];
  }
  std::vector<float> normals(std::int64_t count, float spread) {
    std::vector<float> out;
    for (std::int64_t i = 0; i < count; ++i) out.push_back(spread * normal());
    return out;
  }

 private:
  Philox random_;
  std::uint64_t next_ = 0;
};

struct RandomLayer {
  mapping::LayerShape shape;
  quant::CimLayer layer;
  std::vector<float> weight, bias;
  ImageSize input;
  std::vector<float> codes;  // activation codes of one image, [C][H][W]
  std::uint64_t index = 0;   // of the image

  std::vector<quant::Code> bytes() const;  // the codes as kernels take them, [H][W][C]
  LayerProgram compile() const { return compile_layer("layer", shape, weight, bias, layer); }
  std::string text() const;
};

// [C][H][W] to [H][W][C], and back.
std::vector<float> channels_last(const std::vector<float>& image, std::int64_t channels);
std::vector<float> channels_first(const std::vector<float>& image, std::int64_t channels);

// Scales are plausible, not calibrated: some sums are clipped, some are not.
RandomLayer random_convolution(std::uint64_t seed);
RandomLayer random_depthwise(std::uint64_t seed);
RandomLayer random_bit_serial(std::uint64_t seed);
RandomLayer random_wide(std::uint64_t seed);  // weights and activations of 9 to 16 bits
RandomLayer random_linear(std::uint64_t seed);

}  // namespace bitline::sim
