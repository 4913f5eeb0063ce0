// Activations and element-wise arithmetic; Identity, Dropout and casts between floats, which vanish.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "bitline/frontend/impl/onnx_draft.h"
#include "bitline/frontend/impl/onnx_plan.h"

namespace bitline::frontend {

namespace {

constexpr float kLargest = std::numeric_limits<float>::max();

void convert_identity(OnnxNode& node) {
  node.finish(node.activation(0));
}

void convert_cast(OnnxNode& node) {
  const std::int64_t to = node.attributes().integer("to", 0, 1, 64);
  if (to != onnx::TensorProto::FLOAT) node.refuse("an activation becomes " + element_type_name(to));
  node.finish(node.activation(0));
}

void convert_dropout(OnnxNode& node) {
  if (node.has_input(2) && node.integers(2) != Integers{0}) node.refuse("training mode");
  node.finish(node.activation(0));
}

void convert_relu(OnnxNode& node) {
  node.finish(ir::Relu{}, {node.activation(0)});
}

float clip_bound(const OnnxNode& node, const char* attribute, std::size_t i, float fallback) {
  const Floats values =
      node.has_input(i) ? node.floats(i) : Floats{node.attributes().any_real(attribute, fallback)};
  if (values.size() != 1 || values[0] != values[0])
    node.reject(std::string("its ") + attribute + " is not one number");
  return std::clamp(values[0], -kLargest, kLargest);
}

void convert_clip(OnnxNode& node) {
  if (const Quantized* codes = node.find_quantized(0); codes != nullptr && codes->codes) {
    Quantized clipped = *codes;
    clipped.range = clipped_range(node, codes->range);
    return node.finish(std::move(clipped));
  }
  const float low = clip_bound(node, "min", 1, -kLargest);
  const float high = clip_bound(node, "max", 2, kLargest);
  // As ONNX defines it, min(max(x, low), high): with low above high every value becomes high.
  node.finish(ir::Clip{std::min(low, high), high}, {node.activation(0)});
}

// An operand of arithmetic. Infinity is valid there, as in the masks of attention, but no graph holds it.
ir::ValueId operand(OnnxNode& node, std::size_t i) {
  if (node.is_literal(i)) {
    const Floats values = node.literal(i).is_float() ? node.floats(i) : Floats{};
    if (std::any_of(values.begin(), values.end(), [](float x) { return std::isinf(x); }))
      node.refuse("its constant operand holds infinity");
  }
  return node.value(i);
}

void convert_add(OnnxNode& node) {
  node.finish(ir::Add{}, {operand(node, 0), operand(node, 1)});
}
void convert_mul(OnnxNode& node) {
  node.finish(ir::Mul{}, {operand(node, 0), operand(node, 1)});
}

void convert_sum(OnnxNode& node) {
  ir::ValueId sum = operand(node, 0);
  for (std::size_t i = 1; i + 1 < node.input_count(); ++i)
    sum = node.add_step(std::to_string(i), ir::Add{}, {sum, operand(node, i)});
  if (node.input_count() < 2) return node.finish(sum);
  node.finish(ir::Add{}, {sum, operand(node, node.input_count() - 1)});
}

// a - b is a + (-b); the sign goes into a constant where there is one.
void convert_sub(OnnxNode& node) {
  ir::ValueId negated = -1;
  if (node.is_literal(1)) {
    ir::Tensor b = node.tensor(1);
    for (float& x : b.data) x = -x;
    negated = node.add_constant("negated", std::move(b));
  } else {
    negated = node.add_step("negate", ir::Mul{}, {node.value(1), node.add_constant("sign", {{1}, {-1.0f}})});
  }
  node.finish(ir::Add{}, {node.value(0), negated});
}

void convert_div(OnnxNode& node) {
  ir::Tensor b = node.tensor(1);
  for (float& x : b.data) {
    if (x == 0.0f) node.refuse("it divides by zero");
    x = 1.0f / x;
  }
  node.finish(ir::Mul{}, {node.value(0), node.add_constant("reciprocal", std::move(b))});
}

// Before opset 13 Softmax flattens to two dimensions at its axis, which is the same where only one extent
// follows.
void convert_softmax(OnnxNode& node) {
  const ir::ValueId x = node.activation(0);
  const ir::Shape& shape = node.shape(0);
  const bool flattens = node.opset() < 13;
  const int axis =
      node.axis(node.attributes().integer("axis", flattens ? 1 : -1, -kMaxExtent, kMaxExtent), shape.size());
  if (axis == 0) node.refuse("a softmax over the batch");
  const bool one_extent =
      std::all_of(shape.begin() + axis + 1, shape.end(), [](std::int64_t extent) { return extent == 1; });
  if (flattens && !one_extent) node.refuse("a softmax over several dimensions");
  node.finish(ir::Softmax{axis}, {x});
}

constexpr std::array kOps = {
    Converter{"Relu", convert_relu},
    Converter{"Clip", convert_clip, Reads::kFloat},
    Converter{"Add", convert_add},
    Converter{"Mul", convert_mul},
    Converter{"Sub", convert_sub},
    Converter{"Sum", convert_sum},
    Converter{"Div", convert_div},
    Converter{"Softmax", convert_softmax},
    Converter{"Identity", convert_identity, Reads::kMovement},
    Converter{"Dropout", convert_dropout, Reads::kMovement},
    Converter{"Cast", convert_cast},
};

}  // namespace

std::span<const Converter> pointwise_ops() {
  return kOps;
}

}  // namespace bitline::frontend
