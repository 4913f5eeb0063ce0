#include "bitline/sim/bias_correction.h"

#include <vector>

#include "bitline/base/error.h"

namespace bitline::sim {

void correct_bias(const ir::Tensor& expected, ir::Tensor& quantized, ir::Tensor& bias) {
  BITLINE_CHECK(expected.shape == quantized.shape &&
                bias.size() == static_cast<std::size_t>(expected.dim(1)));
  const std::size_t outputs = bias.size();
  const std::size_t plane = expected.size() / (static_cast<std::size_t>(expected.dim(0)) * outputs);
  const std::size_t planes = expected.size() / plane;
  std::vector<double> error(outputs, 0.0);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error[i / plane % outputs] +=
        static_cast<double>(expected.data[i]) - static_cast<double>(quantized.data[i]);
  }
  for (std::size_t o = 0; o < outputs; ++o) {
    error[o] /= static_cast<double>(planes / outputs * plane);
    bias.data[o] += static_cast<float>(error[o]);
  }
  for (std::size_t i = 0; i < quantized.size(); ++i)
    quantized.data[i] += static_cast<float>(error[i / plane % outputs]);
}

}  // namespace bitline::sim
