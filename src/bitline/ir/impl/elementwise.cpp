// Relu, Clip, Add and Mul; the first operand's storage is reused when nobody reads it afterwards.
#include <cstddef>
#include <functional>

#include "bitline/ir/impl/operators.h"
#include "bitline/ir/impl/strided.h"

namespace bitline::ir {

namespace {

template <typename Combine>
Tensor combine_equal_shapes(const Call& call, const Combine& combine) {
  // Both operands may be the same tensor; it does not die here then, as it is read twice.
  Tensor y = call.take_first();
  const float* b = call.operand(1).data.data();
  float* out = y.data.data();
  const std::size_t count = y.size();
  for (std::size_t i = 0; i < count; ++i) out[i] = combine(out[i], b[i]);
  return y;
}

template <typename Combine>
Tensor combine_broadcast(const Call& call, const Combine& combine) {
  const Tensor& a = call.operand(0);
  const Tensor& b = call.operand(1);
  Tensor y = call.make_output();
  if (y.data.empty()) return y;
  const std::size_t rank = y.shape.size();
  const StridedWalk<3> walk(
      y.shape, {row_major_steps(y.shape), broadcast_steps(a.shape, rank), broadcast_steps(b.shape, rank)});
  walk.for_each({0, 0, 0}, [&](const auto& at, std::int64_t length, const auto& step) {
    for (std::int64_t i = 0; i < length; ++i) {
      y.data[static_cast<std::size_t>(at[0] + i * step[0])] =
          combine(a.data[static_cast<std::size_t>(at[1] + i * step[1])],
                  b.data[static_cast<std::size_t>(at[2] + i * step[2])]);
    }
  });
  return y;
}

template <typename Combine>
Tensor combine(const Call& call, const Combine& f) {
  const bool equal = call.operand(0).shape == call.operand(1).shape;
  return equal ? combine_equal_shapes(call, f) : combine_broadcast(call, f);
}

template <typename Map>
Tensor map_values(const Call& call, const Map& map) {
  Tensor y = call.take_first();
  for (float& v : y.data) v = map(v);
  return y;
}

}  // namespace

// Comparisons are written so that NaN stays NaN.
Tensor execute(const Relu&, const Call& call) {
  return map_values(call, [](float v) { return v < 0.0f ? 0.0f : v; });
}

Tensor execute(const Clip& op, const Call& call) {
  return map_values(call, [low = op.low, high = op.high](float v) {
    const float raised = v < low ? low : v;
    return raised > high ? high : raised;
  });
}

Tensor execute(const Add&, const Call& call) {
  return combine(call, std::plus<float>());
}

Tensor execute(const Mul&, const Call& call) {
  return combine(call, std::multiplies<float>());
}

}  // namespace bitline::ir
