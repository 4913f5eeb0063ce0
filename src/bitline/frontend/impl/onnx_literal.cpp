#include "bitline/frontend/impl/onnx_literal.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "bitline/io/safetensors.h"

namespace bitline::frontend {

namespace {

using Proto = onnx::TensorProto;

io::DType stored_type(const Proto& proto, const Where& where) {
  switch (proto.data_type()) {
    case Proto::FLOAT:
      return io::DType::kF32;
    case Proto::FLOAT16:
      return io::DType::kF16;
    case Proto::BFLOAT16:
      return io::DType::kBF16;
    case Proto::DOUBLE:
      return io::DType::kF64;
    case Proto::INT8:
      return io::DType::kI8;
    case Proto::UINT8:
      return io::DType::kU8;
    case Proto::INT16:
      return io::DType::kI16;
    case Proto::INT32:
      return io::DType::kI32;
    case Proto::INT64:
      return io::DType::kI64;
    case Proto::BOOL:
      return io::DType::kBool;
    default:
      break;
  }
  const std::string message =
      "tensor '" + proto.name() + "' has element type " + std::to_string(proto.data_type());
  if (!Proto::DataType_IsValid(proto.data_type()) || proto.data_type() == Proto::UNDEFINED) {
    bad_input(message + ", which ONNX does not define", where);
  }
  unsupported(message, where, "float, float16, bfloat16, double, bool and integers up to int64 can be read");
}

bool is_real(io::DType type) {
  return type == io::DType::kF32 || type == io::DType::kF16 || type == io::DType::kBF16 ||
         type == io::DType::kF64;
}

template <class Repeated>
std::vector<std::byte> packed(const Repeated& values, std::size_t width) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(values.size()) * width);
  std::byte* out = bytes.data();
  for (const auto value : values) {
    std::memcpy(out, &value, width);
    out += width;
  }
  return bytes;
}

// The elements as raw little-endian bytes, whichever of ONNX's fields holds them. Narrow types travel in the
// low bytes of int32_data.
std::vector<std::byte> element_bytes(const Proto& proto, io::DType type) {
  if (proto.has_raw_data()) {
    const auto bytes = std::as_bytes(std::span(proto.raw_data()));
    return {bytes.begin(), bytes.end()};
  }
  const std::size_t width = io::element_size(type);
  if (type == io::DType::kF32) return packed(proto.float_data(), width);
  if (type == io::DType::kF64) return packed(proto.double_data(), width);
  if (type == io::DType::kI64) return packed(proto.int64_data(), width);
  return packed(proto.int32_data(), width);
}

template <class T>
Integers widened(const std::vector<std::byte>& bytes) {
  Integers out(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = static_cast<std::int64_t>(value);
  }
  return out;
}

Integers integers_of(const std::vector<std::byte>& bytes, io::DType type) {
  switch (type) {
    case io::DType::kI8:
      return widened<std::int8_t>(bytes);
    case io::DType::kI16:
      return widened<std::int16_t>(bytes);
    case io::DType::kI32:
      return widened<std::int32_t>(bytes);
    case io::DType::kI64:
      return widened<std::int64_t>(bytes);
    default:
      return widened<std::uint8_t>(bytes);
  }
}

void refuse_external(const Proto& proto, const Where& where) {
  if (proto.data_location() != Proto::EXTERNAL && proto.external_data_size() == 0) return;
  bad_input("the data of tensor '" + proto.name() + "' lie in another file, which is never opened", where,
            "save the model with its weights inside");
}

}  // namespace

std::size_t Literal::size() const {
  return std::visit([](const auto& values) { return values.size(); }, data);
}

std::int64_t checked_count(const ir::Shape& shape, std::int64_t limit, const Where& where) {
  if (shape.size() > kMaxRank) {
    bad_input("a tensor of " + std::to_string(shape.size()) + " dimensions; at most 8 are expected", where);
  }
  std::int64_t product = 1;  // of the extents other than zero, so that no part of it can overflow later
  bool empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0 || (extent > 0 && product > limit / extent)) {
      bad_input("a tensor of shape " + ir::shape_text(shape) + " is not possible", where);
    }
    empty = empty || extent == 0;
    if (extent > 0) product *= extent;
  }
  return empty ? 0 : product;
}

Literal read_literal(const Proto& proto, const Where& where) {
  refuse_external(proto, where);
  const io::DType type = stored_type(proto, where);
  const ir::Shape shape(proto.dims().begin(), proto.dims().end());
  const auto count = static_cast<std::size_t>(checked_count(shape, kMaxElements, where));
  io::StoredTensor stored{type, shape, element_bytes(proto, type)};
  const std::size_t expected = count * io::element_size(type);
  if (stored.bytes.size() != expected) {
    bad_input("tensor '" + proto.name() + "' of shape " + ir::shape_text(shape) + " needs " +
                  std::to_string(expected) + " bytes but the file holds " +
                  std::to_string(stored.bytes.size()),
              where, "the file may be truncated");
  }
  if (is_real(type)) return {shape, io::as_floats(stored, proto.name())};
  Literal literal{shape, integers_of(stored.bytes, type)};
  if (type == io::DType::kI8) literal.range = quant::signed_range(8);
  if (type == io::DType::kU8) literal.range = quant::unsigned_range(8);
  return literal;
}

void require_finite(const Floats& values, const std::string& what, const Where& where) {
  const auto bad = std::find_if(values.begin(), values.end(), [](float x) { return !std::isfinite(x); });
  if (bad == values.end()) return;
  bad_input("tensor '" + what + "' holds " + (std::isnan(*bad) ? "NaN" : "infinity") + " at element " +
                std::to_string(bad - values.begin()) + "; weights must be finite",
            where);
}

ir::Tensor to_tensor(const Literal& literal, const std::string& what, const Where& where) {
  if (const auto* integers = std::get_if<Integers>(&literal.data)) {
    if (std::count(integers->begin(), integers->end(), kSymbolicBatch) > 0) {
      unsupported("'" + what + "' depends on the batch size", where);
    }
    Floats floats(integers->size());
    std::transform(integers->begin(), integers->end(), floats.begin(),
                   [](auto n) { return static_cast<float>(n); });
    return {literal.shape, std::move(floats)};
  }
  const Floats& floats = std::get<Floats>(literal.data);
  require_finite(floats, what, where);
  return {literal.shape, floats};
}

}  // namespace bitline::frontend
