// Operators with weights: Conv, Gemm and MatMul (as Linear), BatchNormalization.
#include <array>

#include "bitline/frontend/impl/onnx_draft.h"
#include "bitline/frontend/impl/onnx_window.h"
#include "bitline/frontend/weights.h"

namespace bitline::frontend {

namespace {

ir::Tensor transposed(const ir::Tensor& matrix) {
  const auto rows = static_cast<std::size_t>(matrix.dim(0));
  const auto columns = static_cast<std::size_t>(matrix.dim(1));
  ir::Tensor out({matrix.dim(1), matrix.dim(0)});
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) out.data[c * rows + r] = matrix.data[r * columns + c];
  }
  return out;
}

ir::Tensor scaled(ir::Tensor tensor, float factor) {
  for (float& x : tensor.data) x *= factor;
  return tensor;
}

// A weight that is scaled or turned first, with its grid; as a matrix or as a kernel of 1x1.
ir::ValueId prepared_weight(OnnxNode& node, float factor, bool turn, bool kernel = false) {
  const auto prepare = [&](ir::Tensor matrix) {
    matrix = scaled(std::move(matrix), factor);
    if (turn) matrix = transposed(matrix);
    if (kernel) matrix.shape.insert(matrix.shape.end(), 2, 1);
    return matrix;
  };
  const Literal& from = node.literal(1);
  const ir::ValueId weight = node.add_constant("weight", prepare(node.tensor(1)));
  if (from.scales != nullptr && factor > 0.0f) {
    node.keep_grid(weight,
                   {*from.range, std::make_shared<const Floats>(prepare({from.shape, *from.scales}).data)});
  }
  return weight;
}

void convert_conv(OnnxNode& node) {
  const ir::ValueId x = node.activation(0);
  require_images(node, 0);
  const ir::Shape& weight = node.literal(1).shape;
  if (weight.size() != 4)
    node.reject("its weight has shape " + ir::shape_text(weight) + ", expected [O, C/groups, kh, kw]");
  const Integers kernel = node.attributes().integers("kernel_shape");
  if (!kernel.empty() && kernel != Integers{weight[2], weight[3]}) {
    node.reject("kernel_shape does not fit its weight of shape " + ir::shape_text(weight));
  }
  ir::Conv conv{read_window(node, {weight[2], weight[3]}),
                node.attributes().integer("group", 1, 1, kMaxExtent)};
  std::vector<ir::ValueId> inputs{x, node.value(1)};
  if (node.find_literal(2) != nullptr) inputs.push_back(node.own_value(2));
  node.finish(conv, inputs);
}

// Gemm's C may have any shape that broadcasts to [N, O]; a bias is [O].
ir::Tensor bias_of(const OnnxNode& node, std::size_t i, std::int64_t outputs) {
  const ir::Tensor c = node.tensor(i);
  const bool row = c.shape == ir::Shape{outputs} || c.shape == ir::Shape{1, outputs};
  if (!row && c.size() != 1) {
    if (c.shape.size() == 2 && (c.shape[1] == outputs || c.shape[1] == 1))
      node.refuse("its bias of shape " + ir::shape_text(c.shape) + " differs from image to image");
    node.reject("its bias has shape " + ir::shape_text(c.shape) + ", expected [" + std::to_string(outputs) +
                "]");
  }
  return {{outputs}, row ? c.data : Floats(static_cast<std::size_t>(outputs), c.data[0])};
}

void convert_gemm(OnnxNode& node) {
  const Attributes& attributes = node.attributes();
  const float alpha = attributes.real("alpha", 1.0f);
  const float beta = attributes.real("beta", 1.0f);
  const bool transposed_b = attributes.flag("transB", false);
  if (attributes.flag("transA", false)) node.refuse("transA moves the batch");
  const ir::ValueId x = node.activation(0);
  if (node.shape(0).size() != 2)
    node.reject("its input has shape " + ir::shape_text(node.shape(0)) + ", expected [N, K]");
  const ir::Shape shape = node.literal(1).shape;
  if (shape.size() != 2) node.reject("its weight has shape " + ir::shape_text(shape) + ", expected a matrix");
  std::vector<ir::ValueId> inputs{x};
  if (transposed_b && alpha == 1.0f) {
    inputs.push_back(node.value(1));
  } else {
    inputs.push_back(prepared_weight(node, alpha, !transposed_b));
  }
  const std::int64_t outputs = transposed_b ? shape[0] : shape[1];
  if (const Literal* c = node.find_literal(2)) {
    const bool plain = c->shape == ir::Shape{outputs} && beta == 1.0f;
    inputs.push_back(plain ? node.own_value(2)
                           : node.add_constant("bias", scaled(bias_of(node, 2, outputs), beta)));
  }
  node.finish(ir::Linear{}, inputs);
}

// A linear layer over tokens [N, ..., K] is a 1x1 convolution over an image [N, K, tokens, 1], which arrays
// can take. Bits of the result may differ from a product's, as those of any two orders of a sum do.
void finish_over_tokens(OnnxNode& node, ir::ValueId x) {
  const ir::Shape shape = node.shape(0);
  const std::int64_t inputs = shape.back();
  const std::int64_t outputs = node.literal(1).shape[1];
  const std::int64_t tokens = checked_count({shape.begin() + 1, shape.end() - 1}, kMaxElements, node.where());
  const ir::ValueId weight = prepared_weight(node, 1.0f, true, true);
  const ir::ValueId rows = node.add_step("tokens", ir::Reshape{{ir::kBatch, tokens, 1, inputs}}, {x});
  const ir::ValueId image = node.add_step("image", ir::Transpose{{0, 3, 1, 2}}, {rows});
  const ir::ValueId y = node.add_layer(ir::Conv{}, {image, weight});
  const ir::ValueId back = node.add_step("rows", ir::Transpose{{0, 2, 3, 1}}, {y});
  ir::Shape out = shape;
  out.back() = outputs;
  node.finish(node.add_step("result", ir::Reshape{out}, {back}));
}

void convert_matmul(OnnxNode& node) {
  const ir::ValueId a = node.activation(0);
  if (!node.is_literal(1)) return node.finish(ir::MatMul{}, {a, node.value(1)});
  const ir::Shape shape = node.literal(1).shape;
  if (shape.size() != 2)
    node.refuse("its constant right side of shape " + ir::shape_text(shape) + " is no matrix");
  const ir::Shape& x = node.shape(0);
  if (x.size() > 2 && x.back() == shape[0]) return finish_over_tokens(node, a);
  node.finish(ir::Linear{}, {a, prepared_weight(node, 1.0f, true)});
}

void convert_batch_norm(OnnxNode& node) {
  if (node.attributes().flag("training_mode", false)) node.refuse("training mode");
  if (!node.attributes().flag("spatial", true)) node.refuse("spatial = 0");
  ir::BatchNorm op{node.attributes().real("epsilon", 1e-5f)};
  const ir::Shape& x = node.shape(0);
  if (x.size() < 2) node.reject("its input has shape " + ir::shape_text(x) + ", expected [N, C, ...]");
  constexpr std::array kRoles{"scale", "bias", "mean", "variance"};
  std::vector<ir::ValueId> inputs{node.activation(0)};
  for (std::size_t i = 1; i <= kRoles.size(); ++i) {
    if (node.literal(i).shape != ir::Shape{x[1]}) {
      node.reject(std::string("its ") + kRoles[i - 1] + " has shape " +
                  ir::shape_text(node.literal(i).shape) + ", expected [" + std::to_string(x[1]) + "]");
    }
    inputs.push_back(node.own_value(i));
  }
  const std::string fault = variance_fault(node.tensor(4).data, op.epsilon);
  if (!fault.empty()) node.reject(fault);
  node.finish(op, inputs);
}

constexpr std::array kOps = {
    Converter{"Conv", convert_conv, Reads::kLayer},
    Converter{"Gemm", convert_gemm, Reads::kLayer},
    Converter{"MatMul", convert_matmul, Reads::kLayer},
    Converter{"BatchNormalization", convert_batch_norm},
};

}  // namespace

std::span<const Converter> linear_ops() {
  return kOps;
}

}  // namespace bitline::frontend
