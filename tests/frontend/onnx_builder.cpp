#include "onnx_builder.h"

#include <cstring>

#include "bitline/frontend/onnx.h"

namespace bitline::frontend {

namespace {

onnx::AttributeProto& attribute(onnx::NodeProto& node, const std::string& name,
                                onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto& out = *node.add_attribute();
  out.set_name(name);
  out.set_type(type);
  return out;
}

void set_float_input(onnx::ValueInfoProto& info, const std::string& name,
                     const std::vector<std::int64_t>& shape) {
  info.set_name(name);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t extent : shape) {
    auto& dim = *type.mutable_shape()->add_dim();
    if (extent < 0) {
      dim.set_dim_param("N");
    } else {
      dim.set_dim_value(extent);
    }
  }
}

}  // namespace

OnnxBuilder::OnnxBuilder(const std::vector<std::int64_t>& input_shape, std::int64_t opset) {
  model.set_ir_version(7);
  model.add_opset_import()->set_version(opset);
  graph().set_name("test");
  set_float_input(*graph().add_input(), "x", input_shape);
  graph().add_output()->set_name("y");
}

void OnnxBuilder::weight(const std::string& name, const std::vector<std::int64_t>& shape,
                         const std::vector<float>& values) {
  onnx::TensorProto& tensor = *graph().add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t extent : shape) tensor.add_dims(extent);
  tensor.set_raw_data(values.data(), values.size() * sizeof(float));
}

void OnnxBuilder::weight(const std::string& name, const std::vector<std::int64_t>& shape, float first) {
  std::vector<float> values(static_cast<std::size_t>(ir::element_count(shape)));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = first + 0.125f * static_cast<float>(i % 7);
  weight(name, shape, values);
}

void OnnxBuilder::numbers(const std::string& name, const std::vector<std::int64_t>& values, bool scalar) {
  onnx::TensorProto& tensor = *graph().add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::INT64);
  if (!scalar) tensor.add_dims(static_cast<std::int64_t>(values.size()));
  for (const std::int64_t value : values) tensor.add_int64_data(value);
}

onnx::NodeProto& OnnxBuilder::node(const std::string& op, const std::vector<std::string>& inputs,
                                   const std::string& output) {
  onnx::NodeProto& node = *graph().add_node();
  node.set_op_type(op);
  node.set_name(output);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  return node;
}

std::vector<std::byte> OnnxBuilder::bytes() const {
  const std::string text = model.SerializeAsString();
  std::vector<std::byte> out(text.size());
  std::memcpy(out.data(), text.data(), text.size());
  return out;
}

ir::Graph OnnxBuilder::import() const {
  return import_onnx(bytes(), "m.onnx").graph;
}

void set_integer(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
  attribute(node, name, onnx::AttributeProto::INT).set_i(value);
}

void set_integers(onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values) {
  auto& out = attribute(node, name, onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) out.add_ints(value);
}

void set_real(onnx::NodeProto& node, const std::string& name, float value) {
  attribute(node, name, onnx::AttributeProto::FLOAT).set_f(value);
}

void set_text(onnx::NodeProto& node, const std::string& name, const std::string& value) {
  attribute(node, name, onnx::AttributeProto::STRING).set_s(value);
}

onnx::TensorProto& set_tensor(onnx::NodeProto& node, const std::string& name) {
  return *attribute(node, name, onnx::AttributeProto::TENSOR).mutable_t();
}

OnnxBuilder small_network() {
  OnnxBuilder net({-1, 2, 6, 6});
  net.weight("conv.weight", {3, 2, 3, 3});
  net.weight("scale", {3});
  net.weight("shift", {3});
  net.weight("mean", {3});
  net.weight("variance", {3}, 1.0f);
  net.weight("fc.weight", {4, 27});
  net.weight("fc.bias", {4});
  net.numbers("zero", {0}, true);
  net.numbers("rest", {-1});
  net.numbers("first", {0});
  auto& conv = net.node("Conv", {"x", "conv.weight"}, "conv");
  set_integers(conv, "kernel_shape", {3, 3});
  set_integers(conv, "pads", {1, 1, 1, 1});
  net.node("BatchNormalization", {"conv", "scale", "shift", "mean", "variance"}, "bn");
  net.node("Relu", {"bn"}, "relu");
  auto& pool = net.node("MaxPool", {"relu"}, "pool");
  set_integers(pool, "kernel_shape", {2, 2});
  set_integers(pool, "strides", {2, 2});
  net.node("Shape", {"pool"}, "shape");
  net.node("Gather", {"shape", "zero"}, "batch");
  net.node("Unsqueeze", {"batch", "first"}, "batch_list");
  set_integer(net.node("Concat", {"batch_list", "rest"}, "dims"), "axis", 0);
  net.node("Reshape", {"pool", "dims"}, "flat");
  set_integer(net.node("Gemm", {"flat", "fc.weight", "fc.bias"}, "y"), "transB", 1);
  return net;
}

std::vector<float> lcg_values(std::size_t count) {
  std::uint32_t state = 1;
  std::vector<float> out(count);
  for (float& value : out) {
    state = 1664525u * state + 1013904223u;
    value = static_cast<float>(state >> 8) / 16777216.0f;
  }
  return out;
}

ir::Tensor lcg_tensor(const ir::Shape& shape, float scale, float offset) {
  std::vector<float> values = lcg_values(static_cast<std::size_t>(ir::element_count(shape)));
  for (float& value : values) value = value * scale + offset;
  return {shape, std::move(values)};
}

}  // namespace bitline::frontend
