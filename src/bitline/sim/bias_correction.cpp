#include "bitline/sim/bias_correction.h"

#include <algorithm>

#include "bitline/base/error.h"

namespace bitline::sim {

namespace {

std::size_t plane_of(const ir::Tensor& x) {
  return x.size() / static_cast<std::size_t>(x.dim(0) * x.dim(1));
}

void add_to_channels(const std::vector<double>& error, ir::Tensor& quantized, ir::Tensor& bias) {
  const std::size_t outputs = bias.size(), plane = plane_of(quantized);
  for (std::size_t o = 0; o < outputs; ++o) bias.data[o] += static_cast<float>(error[o]);
  for (std::size_t i = 0; i < quantized.size(); ++i)
    quantized.data[i] += static_cast<float>(error[i / plane % outputs]);
}

}  // namespace

void correct_bias(const ir::Tensor& expected, ir::Tensor& quantized, ir::Tensor& bias) {
  BITLINE_CHECK(expected.shape == quantized.shape &&
                bias.size() == static_cast<std::size_t>(expected.dim(1)));
  const std::size_t outputs = bias.size(), plane = plane_of(expected);
  std::vector<double> error(outputs, 0.0);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error[i / plane % outputs] +=
        static_cast<double>(expected.data[i]) - static_cast<double>(quantized.data[i]);
  }
  for (double& e : error) e /= static_cast<double>(expected.size() / outputs);
  add_to_channels(error, quantized, bias);
}

void correct_bias(const std::vector<double>& expected, ir::Tensor& quantized, ir::Tensor& bias) {
  BITLINE_CHECK(expected.size() == bias.size() && bias.size() == static_cast<std::size_t>(quantized.dim(1)));
  std::vector<double> error = channel_means(quantized);
  for (std::size_t o = 0; o < error.size(); ++o) error[o] = expected[o] - error[o];
  add_to_channels(error, quantized, bias);
}

double error_beside_bias(const ir::Tensor& expected, const ir::Tensor& quantized, bool has_bias) {
  BITLINE_CHECK(expected.shape == quantized.shape);
  const auto outputs = static_cast<std::size_t>(expected.dim(1));
  const std::size_t plane = plane_of(expected);
  std::vector<double> sums(outputs, 0.0);
  double error = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double d = static_cast<double>(expected.data[i]) - static_cast<double>(quantized.data[i]);
    error += d * d;
    sums[i / plane % outputs] += d;
  }
  if (!has_bias) return error;
  for (const double sum : sums) error -= sum * sum / static_cast<double>(expected.size() / outputs);
  return error;
}

std::vector<double> channel_means(const ir::Tensor& x) {
  const auto outputs = static_cast<std::size_t>(x.dim(1));
  const std::size_t plane = plane_of(x);
  std::vector<double> means(outputs, 0.0);
  for (std::size_t i = 0; i < x.size(); ++i) means[i / plane % outputs] += static_cast<double>(x.data[i]);
  for (double& mean : means) mean /= static_cast<double>(x.size() / outputs);
  return means;
}

std::vector<double> channel_variances(const ir::Tensor& x) {
  const std::vector<double> means = channel_means(x);
  const std::size_t outputs = means.size(), plane = plane_of(x), count = x.size() / outputs;
  std::vector<double> variances(outputs, 0.0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = static_cast<double>(x.data[i]) - means[i / plane % outputs];
    variances[i / plane % outputs] += d * d;
  }
  for (double& v : variances) v /= static_cast<double>(std::max<std::size_t>(2, count) - 1);
  return variances;
}

}  // namespace bitline::sim
