// Small ONNX models for tests, written call by call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <onnx/onnx_pb.h>

#include "bitline/ir/graph.h"

namespace bitline::frontend {

class OnnxBuilder {
 public:
  // A model with input "x" of the given shape (a first extent of -1 is a symbolic batch) and output "y".
  explicit OnnxBuilder(const std::vector<std::int64_t>& input_shape, std::int64_t opset = 13);

  onnx::ModelProto model;
  onnx::GraphProto& graph() { return *model.mutable_graph(); }

  void weight(const std::string& name, const std::vector<std::int64_t>& shape,
              const std::vector<float>& values);
  void weight(const std::string& name, const std::vector<std::int64_t>& shape,
              float first = 0.25f);  // a ramp
  void numbers(const std::string& name, const std::vector<std::int64_t>& values, bool scalar = false);
  // A node called as its output.
  onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs,
                        const std::string& output);

  std::vector<std::byte> bytes() const;
  ir::Graph import() const;  // import_onnx(bytes(), "m.onnx").graph
};

void set_integer(onnx::NodeProto& node, const std::string& name, std::int64_t value);
void set_integers(onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values);
void set_real(onnx::NodeProto& node, const std::string& name, float value);
void set_text(onnx::NodeProto& node, const std::string& name, const std::string& value);
// Float values as the tensor attribute `name`.
onnx::TensorProto& set_tensor(onnx::NodeProto& node, const std::string& name);

// conv -> batch-norm -> relu -> pool -> shape chain -> gemm on x[N,2,6,6]; every part of the importer in one
// model.
OnnxBuilder small_network();

// Values of the linear congruential generator s = 1664525 s + 1013904223, from s = 1, in [0, 1).
std::vector<float> lcg_values(std::size_t count);
ir::Tensor lcg_tensor(const ir::Shape& shape, float scale = 4.0f, float offset = -2.0f);

}  // namespace bitline::frontend
