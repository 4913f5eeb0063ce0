// Folded arithmetic. Integers are shapes, so overflow is an error and the batch size may only pass unchanged.
#include <algorithm>
#include <optional>

#include "bitline/frontend/impl/onnx_fold.h"

namespace bitline::frontend {

namespace {

enum class Arithmetic { kAdd, kSub, kMul, kDiv };

float apply(Arithmetic op, float a, float b, const OnnxNode&) {
  switch (op) {
    case Arithmetic::kAdd:
      return a + b;
    case Arithmetic::kSub:
      return a - b;
    case Arithmetic::kMul:
      return a * b;
    case Arithmetic::kDiv:
      break;
  }
  return a / b;
}

// The batch size plus 0, minus 0, times 1 or divided by 1 is known without knowing the batch size.
std::optional<std::int64_t> with_batch(Arithmetic op, std::int64_t a, std::int64_t b) {
  const bool sum = op == Arithmetic::kAdd || op == Arithmetic::kSub;
  const std::int64_t neutral = sum ? 0 : 1;
  const bool commutes = op == Arithmetic::kAdd || op == Arithmetic::kMul;
  if (a == kSymbolicBatch && b == neutral) return kSymbolicBatch;
  if (b == kSymbolicBatch && a == neutral && commutes) return kSymbolicBatch;
  if (a == b && op == Arithmetic::kSub) return 0;
  if (a == b && op == Arithmetic::kDiv) return 1;
  return std::nullopt;
}

std::int64_t apply(Arithmetic op, std::int64_t a, std::int64_t b, const OnnxNode& node) {
  if (a == kSymbolicBatch || b == kSymbolicBatch) {
    const auto known = with_batch(op, a, b);
    if (!known) node.refuse("it computes with the batch size");
    return *known;
  }
  std::int64_t out = 0;
  bool overflow = false;
  switch (op) {
    case Arithmetic::kAdd:
      overflow = __builtin_add_overflow(a, b, &out);
      break;
    case Arithmetic::kSub:
      overflow = __builtin_sub_overflow(a, b, &out);
      break;
    case Arithmetic::kMul:
      overflow = __builtin_mul_overflow(a, b, &out);
      break;
    case Arithmetic::kDiv:
      if (b == 0) node.reject("integer division by zero");
      if (b == -1) return apply(Arithmetic::kSub, std::int64_t{0}, a, node);
      out = a / b;
      break;
  }
  if (overflow) node.reject("integer overflow");
  return out;
}

Literal fold_arithmetic(const OnnxNode& node, Arithmetic op) {
  const Literal& a = node.literal(0);
  const Literal& b = node.literal(1);
  if (a.is_float() != b.is_float()) node.reject("one operand holds floats, the other integers");
  const ir::Shape shape = broadcast_shape(node, a.shape, b.shape);
  const auto from_a = positions(broadcast_view(node, a.shape, shape), node.where());
  const auto from_b = positions(broadcast_view(node, b.shape, shape), node.where());
  return std::visit(
      [&](const auto& x) {
        const auto& y = std::get<std::decay_t<decltype(x)>>(b.data);
        std::decay_t<decltype(x)> out(from_a.size());
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = apply(op, x[from_a[i]], y[from_b[i]], node);
        return Literal{shape, std::move(out)};
      },
      a.data);
}

Integers truncated(const Floats& from, const OnnxNode& node) {
  constexpr float kLimit = 9.0e18f;
  Integers out(from.size());
  std::transform(from.begin(), from.end(), out.begin(), [&](float x) {
    if (!(x > -kLimit && x < kLimit)) node.reject("a value that no integer can hold");
    return static_cast<std::int64_t>(x);
  });
  return out;
}

}  // namespace

Literal fold_add(const OnnxNode& node) {
  return fold_arithmetic(node, Arithmetic::kAdd);
}
Literal fold_sub(const OnnxNode& node) {
  return fold_arithmetic(node, Arithmetic::kSub);
}
Literal fold_mul(const OnnxNode& node) {
  return fold_arithmetic(node, Arithmetic::kMul);
}
Literal fold_div(const OnnxNode& node) {
  return fold_arithmetic(node, Arithmetic::kDiv);
}

Literal fold_cast(const OnnxNode& node) {
  const Literal& from = node.literal(0);
  const std::int64_t to = node.attributes().integer("to", 0, 1, 64);
  if (to == onnx::TensorProto::FLOAT || to == onnx::TensorProto::DOUBLE) {
    if (from.is_float()) return from;
    return {from.shape, node.tensor(0).data};
  }
  if (to != onnx::TensorProto::INT64 && to != onnx::TensorProto::INT32) {
    node.refuse("a cast to " + element_type_name(to));
  }
  if (!from.is_float()) return from;
  return {from.shape, truncated(std::get<Floats>(from.data), node)};
}

}  // namespace bitline::frontend
