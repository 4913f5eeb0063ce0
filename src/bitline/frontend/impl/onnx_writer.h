// An ONNX graph under construction: the counterpart of onnx_draft.h. Knows how every operator of the graph is
// written in opset 13, and nothing of quantization.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <onnx/onnx_pb.h>

#include "bitline/ir/graph.h"

namespace bitline::frontend {

inline constexpr std::int64_t kWrittenOpset = 13;

class OnnxWriter {
 public:
  explicit OnnxWriter(onnx::GraphProto& graph) : graph_(graph) {}

  // A name that no value has yet: `wanted`, or that with a number.
  std::string unique(const std::string& wanted);

  // A constant under a name that unique() gave.
  void constant(const std::string& reserved, const ir::Tensor& tensor);
  // Constants under new names, which are returned. A shape of {} is a scalar.
  std::string floats(const std::string& name, const ir::Shape& shape, std::span<const float> values);
  std::string integers(const std::string& name, std::span<const std::int64_t> values);
  std::string bytes(const std::string& name, const ir::Shape& shape, std::span<const int> codes,
                    bool is_signed);

  onnx::NodeProto& node(const std::string& op, const std::string& name,
                        const std::vector<std::string>& inputs, const std::string& output);

  // An operator of the graph on values of these names; `rank` is that of the first input.
  void write(const ir::Node& node, const std::vector<std::string>& inputs, std::size_t rank,
             const std::string& output);

  onnx::GraphProto& graph() { return graph_; }

 private:
  onnx::TensorProto& initializer(std::string name, const ir::Shape& shape, std::int32_t type);

  onnx::GraphProto& graph_;
  std::set<std::string> names_;
};

void add_attribute(onnx::NodeProto& node, const std::string& name, std::int64_t value);
void add_attribute(onnx::NodeProto& node, const std::string& name, float value);
void add_attribute(onnx::NodeProto& node, const std::string& name, const std::string& value);
void add_attribute(onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values);

}  // namespace bitline::frontend
