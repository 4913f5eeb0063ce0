// The attributes of one ONNX node, read by name with type and range checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <onnx/onnx_pb.h>

#include "bitline/base/error.h"

namespace bitline::frontend {

// Every read throws Error{kBadInput} when the attribute has another type or is out of range.
class Attributes {
 public:
  Attributes(const onnx::NodeProto& node, Where where) : node_(&node), where_(std::move(where)) {}

  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::int64_t integer(std::string_view name, std::int64_t fallback, std::int64_t low,
                       std::int64_t high) const;
  bool flag(std::string_view name, bool fallback) const { return integer(name, fallback ? 1 : 0, 0, 1) == 1; }
  float real(std::string_view name, float fallback) const;  // finite, else Error{kUnsupported}
  float any_real(std::string_view name, float fallback) const;
  std::string text(std::string_view name, std::string_view fallback) const;
  std::vector<std::int64_t> integers(std::string_view name) const;  // empty when absent
  std::vector<float> reals(std::string_view name) const;            // empty when absent
  const onnx::TensorProto* tensor(std::string_view name) const;     // null when absent

 private:
  const onnx::AttributeProto* find(std::string_view name) const;
  const onnx::AttributeProto* find(std::string_view name, onnx::AttributeProto::AttributeType type) const;

  const onnx::NodeProto* node_;
  Where where_;
};

}  // namespace bitline::frontend
