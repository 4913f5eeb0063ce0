#include "bitline/frontend/impl/onnx_writer.h"

#include <algorithm>
#include <variant>

#include "bitline/base/error.h"

namespace bitline::frontend {

namespace {

using Names = std::vector<std::string>;
using Integers = std::vector<std::int64_t>;

onnx::AttributeProto& attribute(onnx::NodeProto& node, const std::string& name,
                                onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto& out = *node.add_attribute();
  out.set_name(name);
  out.set_type(type);
  return out;
}

template <class List>
Integers wide(const List& values) {
  return {values.begin(), values.end()};
}

// One operator; inputs that ONNX has and the graph keeps as attributes become constants.
struct OperatorWriter {
  OnnxWriter& out;
  const ir::Node& node;
  Names inputs;
  std::size_t rank;
  std::string output;

  onnx::NodeProto& plain(const std::string& op) const { return out.node(op, node.name, inputs, output); }

  std::string numbers(const char* role, const Integers& values) const {
    return out.integers(node.name + "." + role, values);
  }
  std::string number(const char* role, float value) const {
    return out.floats(node.name + "." + role, {}, std::span(&value, 1));
  }

  void window(onnx::NodeProto& proto, const ir::Window& w, bool dilates) const {
    add_attribute(proto, "kernel_shape", wide(w.kernel));
    add_attribute(proto, "strides", wide(w.stride));
    add_attribute(proto, "pads", Integers{w.pad_begin[0], w.pad_begin[1], w.pad_end[0], w.pad_end[1]});
    if (dilates) add_attribute(proto, "dilations", wide(w.dilation));
  }

  void operator()(const ir::Conv& op) const {
    onnx::NodeProto& proto = plain("Conv");
    window(proto, op.window, true);
    add_attribute(proto, "group", op.groups);
  }

  // Gemm takes matrices only.
  void operator()(const ir::Linear&) const {
    if (rank == 2) return add_attribute(plain("Gemm"), "transB", std::int64_t{1});
    const std::string turned = out.unique(node.name + ".turned");
    add_attribute(out.node("Transpose", turned, {inputs[1]}, turned), "perm", Integers{1, 0});
    if (inputs.size() < 3) {
      out.node("MatMul", node.name, {inputs[0], turned}, output);
      return;
    }
    const std::string product = out.unique(node.name + ".product");
    out.node("MatMul", node.name, {inputs[0], turned}, product);
    out.node("Add", node.name + ".add", {product, inputs[2]}, output);
  }

  void operator()(const ir::MatMul&) const { plain("MatMul"); }
  void operator()(const ir::BatchNorm& op) const {
    add_attribute(plain("BatchNormalization"), "epsilon", op.epsilon);
  }
  void operator()(const ir::Relu&) const { plain("Relu"); }
  void operator()(const ir::Clip& op) const {
    out.node("Clip", node.name, {inputs[0], number("min", op.low), number("max", op.high)}, output);
  }
  void operator()(const ir::Add&) const { plain("Add"); }
  void operator()(const ir::Mul&) const { plain("Mul"); }
  void operator()(const ir::Concat& op) const {
    add_attribute(plain("Concat"), "axis", std::int64_t{op.axis});
  }

  void operator()(const ir::MaxPool& op) const {
    onnx::NodeProto& proto = plain("MaxPool");
    window(proto, op.window, true);
    add_attribute(proto, "ceil_mode", std::int64_t{op.ceil_mode});
  }
  void operator()(const ir::AveragePool& op) const {
    onnx::NodeProto& proto = plain("AveragePool");
    window(proto, op.window, false);
    add_attribute(proto, "ceil_mode", std::int64_t{op.ceil_mode});
    add_attribute(proto, "count_include_pad", std::int64_t{op.count_include_pad});
  }
  void operator()(const ir::GlobalAveragePool&) const { plain("GlobalAveragePool"); }
  void operator()(const ir::Flatten& op) const {
    add_attribute(plain("Flatten"), "axis", std::int64_t{op.axis});
  }

  void operator()(const ir::Reshape& op) const {
    Integers dims = op.dims;
    dims[0] = 0;  // the batch as it is
    out.node("Reshape", node.name, {inputs[0], numbers("shape", dims)}, output);
  }
  void operator()(const ir::Transpose& op) const {
    add_attribute(plain("Transpose"), "perm", wide(op.order));
  }
  void operator()(const ir::Slice& op) const {
    out.node("Slice", node.name,
             {inputs[0], numbers("starts", op.starts), numbers("ends", op.ends),
              numbers("axes", wide(op.axes)), numbers("steps", op.steps)},
             output);
  }
  void operator()(const ir::Pad& op) const {
    Integers pads = op.begin;
    pads.insert(pads.end(), op.end.begin(), op.end.end());
    out.node("Pad", node.name, {inputs[0], numbers("pads", pads), number("value", op.value)}, output);
  }
  void operator()(const ir::Softmax& op) const {
    add_attribute(plain("Softmax"), "axis", std::int64_t{op.axis});
  }
  void operator()(const ir::ReduceMean& op) const {
    onnx::NodeProto& proto = plain("ReduceMean");
    add_attribute(proto, "axes", wide(op.axes));
    add_attribute(proto, "keepdims", std::int64_t{op.keep_dims});
  }
};

}  // namespace

void add_attribute(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
  attribute(node, name, onnx::AttributeProto::INT).set_i(value);
}
void add_attribute(onnx::NodeProto& node, const std::string& name, float value) {
  attribute(node, name, onnx::AttributeProto::FLOAT).set_f(value);
}
void add_attribute(onnx::NodeProto& node, const std::string& name, const std::string& value) {
  attribute(node, name, onnx::AttributeProto::STRING).set_s(value);
}
void add_attribute(onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values) {
  onnx::AttributeProto& out = attribute(node, name, onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) out.add_ints(value);
}

std::string OnnxWriter::unique(const std::string& wanted) {
  std::string name = wanted;
  for (int n = 2; !names_.insert(name).second; ++n) name = wanted + "_" + std::to_string(n);
  return name;
}

onnx::TensorProto& OnnxWriter::initializer(std::string name, const ir::Shape& shape, std::int32_t type) {
  onnx::TensorProto& tensor = *graph_.add_initializer();
  tensor.set_name(std::move(name));
  tensor.set_data_type(type);
  for (const std::int64_t extent : shape) tensor.add_dims(extent);
  return tensor;
}

void OnnxWriter::constant(const std::string& reserved, const ir::Tensor& tensor) {
  initializer(reserved, tensor.shape, onnx::TensorProto::FLOAT)
      .set_raw_data(tensor.data.data(), tensor.data.size() * sizeof(float));
}

std::string OnnxWriter::floats(const std::string& name, const ir::Shape& shape,
                               std::span<const float> values) {
  BITLINE_CHECK(ir::element_count(shape) == static_cast<std::int64_t>(values.size()));
  onnx::TensorProto& tensor = initializer(unique(name), shape, onnx::TensorProto::FLOAT);
  tensor.set_raw_data(values.data(), values.size_bytes());
  return tensor.name();
}

std::string OnnxWriter::integers(const std::string& name, std::span<const std::int64_t> values) {
  onnx::TensorProto& tensor =
      initializer(unique(name), {static_cast<std::int64_t>(values.size())}, onnx::TensorProto::INT64);
  tensor.set_raw_data(values.data(), values.size_bytes());
  return tensor.name();
}

std::string OnnxWriter::bytes(const std::string& name, const ir::Shape& shape, std::span<const int> codes,
                              bool is_signed) {
  onnx::TensorProto& tensor =
      initializer(unique(name), shape, is_signed ? onnx::TensorProto::INT8 : onnx::TensorProto::UINT8);
  std::string raw(codes.size(), '\0');
  std::transform(codes.begin(), codes.end(), raw.begin(), [](int code) { return static_cast<char>(code); });
  tensor.set_raw_data(std::move(raw));
  return tensor.name();
}

onnx::NodeProto& OnnxWriter::node(const std::string& op, const std::string& name, const Names& inputs,
                                  const std::string& output) {
  onnx::NodeProto& node = *graph_.add_node();
  node.set_op_type(op);
  node.set_name(name);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  return node;
}

void OnnxWriter::write(const ir::Node& node, const Names& inputs, std::size_t rank,
                       const std::string& output) {
  std::visit(OperatorWriter{*this, node, inputs, rank, output}, node.op);
}

}  // namespace bitline::frontend
