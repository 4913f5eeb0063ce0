// BatchNorm, Softmax, and the averages over axes.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "bitline/ir/impl/axes.h"
#include "bitline/ir/impl/operators.h"
#include "bitline/ir/impl/strided.h"

namespace bitline::ir {

namespace {

// A tensor seen as [outer, length, inner] around one axis.
struct AxisView {
  std::size_t outer = 1, length = 1, inner = 1;

  AxisView(const Shape& shape, std::size_t axis) {
    for (std::size_t d = 0; d < shape.size(); ++d) {
      (d < axis ? outer : d == axis ? length : inner) *= static_cast<std::size_t>(shape[d]);
    }
  }
};

// Softmax of one line of `length` values that lie `step` apart.
void softmax_line(float* line, std::size_t length, std::size_t step) {
  float peak = line[0];
  for (std::size_t i = 1; i < length; ++i) peak = std::max(peak, line[i * step]);
  double sum = 0.0;
  for (std::size_t i = 0; i < length; ++i) {
    float& v = line[i * step];
    v = std::exp(v - peak);
    sum += static_cast<double>(v);
  }
  for (std::size_t i = 0; i < length; ++i) line[i * step] = static_cast<float>(line[i * step] / sum);
}

}  // namespace

// Computed once a channel, in double precision.
ChannelAffine channel_affine(const BatchNorm& op, const Operands& operands) {
  const std::size_t channels = operands[1]->size();
  ChannelAffine out{std::vector<float>(channels), std::vector<float>(channels)};
  for (std::size_t c = 0; c < channels; ++c) {
    const double gamma = operands[1]->data[c], beta = operands[2]->data[c];
    const double mean = operands[3]->data[c], variance = operands[4]->data[c];
    const double alpha = gamma / std::sqrt(variance + static_cast<double>(op.epsilon));
    out.alpha[c] = static_cast<float>(alpha);
    out.beta[c] = static_cast<float>(beta - mean * alpha);
  }
  return out;
}

Tensor execute(const BatchNorm& op, const Call& call) {
  const ChannelAffine affine = channel_affine(op, call.operands);
  Tensor y = call.take_first();
  const AxisView view(y.shape, 1);
  float* plane = y.data.data();
  for (std::size_t n = 0; n < view.outer; ++n) {
    for (std::size_t c = 0; c < view.length; ++c, plane += view.inner) {
      const float alpha = affine.alpha[c], beta = affine.beta[c];
      for (std::size_t i = 0; i < view.inner; ++i) plane[i] = plane[i] * alpha + beta;
    }
  }
  return y;
}

Tensor execute(const Softmax& op, const Call& call) {
  Tensor y = call.take_first();
  if (y.data.empty()) return y;
  const AxisView view(y.shape, resolve_axis(op.axis, y.shape.size()));
  for (std::size_t o = 0; o < view.outer; ++o) {
    for (std::size_t i = 0; i < view.inner; ++i) {
      softmax_line(y.data.data() + o * view.length * view.inner + i, view.length, view.inner);
    }
  }
  return y;
}

Tensor execute(const GlobalAveragePool&, const Call& call) {
  const Tensor& x = call.operand(0);
  Tensor y = call.make_output();
  if (y.data.empty()) return y;
  const std::size_t area = x.size() / y.size();
  const float* plane = x.data.data();
  for (float& v : y.data) {
    double sum = 0.0;
    for (std::size_t i = 0; i < area; ++i) sum += static_cast<double>(plane[i]);
    v = static_cast<float>(sum / static_cast<double>(area));
    plane += area;
  }
  return y;
}

Tensor execute(const ReduceMean& op, const Call& call) {
  const Tensor& x = call.operand(0);
  Tensor y = call.make_output();
  if (y.data.empty()) return y;
  Shape kept = x.shape;
  for (const int axis : op.axes) kept[resolve_axis(axis, kept.size())] = 1;
  const StridedWalk<2> walk(x.shape, {row_major_steps(x.shape), broadcast_steps(kept, kept.size())});
  std::vector<double> sums(y.size(), 0.0);
  walk.for_each({0, 0}, [&](const auto& at, std::int64_t length, const auto& step) {
    for (std::int64_t i = 0; i < length; ++i) {
      sums[static_cast<std::size_t>(at[1] + i * step[1])] +=
          static_cast<double>(x.data[static_cast<std::size_t>(at[0] + i * step[0])]);
    }
  });
  const auto count = static_cast<double>(x.size() / y.size());
  std::transform(sums.begin(), sums.end(), y.data.begin(),
                 [&](double s) { return static_cast<float>(s / count); });
  return y;
}

}  // namespace bitline::ir
