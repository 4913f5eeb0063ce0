#include "bitline/frontend/impl/onnx_attributes.h"

#include <cmath>

namespace bitline::frontend {

using Proto = onnx::AttributeProto;

const Proto* Attributes::find(std::string_view name) const {
  for (const Proto& attribute : node_->attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

const Proto* Attributes::find(std::string_view name, Proto::AttributeType type) const {
  const Proto* attribute = find(name);
  if (attribute != nullptr && attribute->type() != type) {
    bad_input("attribute '" + std::string(name) + "' has type " +
                  Proto::AttributeType_Name(attribute->type()) + ", expected " +
                  Proto::AttributeType_Name(type),
              where_);
  }
  return attribute;
}

std::int64_t Attributes::integer(std::string_view name, std::int64_t fallback, std::int64_t low,
                                 std::int64_t high) const {
  const Proto* attribute = find(name, Proto::INT);
  if (attribute == nullptr) return fallback;
  if (attribute->i() < low || attribute->i() > high) {
    bad_input("attribute '" + std::string(name) + "' is " + std::to_string(attribute->i()) + ", expected " +
                  std::to_string(low) + " to " + std::to_string(high),
              where_);
  }
  return attribute->i();
}

float Attributes::real(std::string_view name, float fallback) const {
  const float value = any_real(name, fallback);
  if (!std::isfinite(value)) unsupported("attribute '" + std::string(name) + "' is not finite", where_);
  return value;
}

float Attributes::any_real(std::string_view name, float fallback) const {
  const Proto* attribute = find(name, Proto::FLOAT);
  return attribute == nullptr ? fallback : attribute->f();
}

std::string Attributes::text(std::string_view name, std::string_view fallback) const {
  const Proto* attribute = find(name, Proto::STRING);
  return attribute == nullptr ? std::string(fallback) : attribute->s();
}

std::vector<std::int64_t> Attributes::integers(std::string_view name) const {
  const Proto* attribute = find(name, Proto::INTS);
  if (attribute == nullptr) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

std::vector<float> Attributes::reals(std::string_view name) const {
  const Proto* attribute = find(name, Proto::FLOATS);
  if (attribute == nullptr) return {};
  return {attribute->floats().begin(), attribute->floats().end()};
}

const onnx::TensorProto* Attributes::tensor(std::string_view name) const {
  const Proto* attribute = find(name, Proto::TENSOR);
  return attribute == nullptr ? nullptr : &attribute->t();
}

}  // namespace bitline::frontend
