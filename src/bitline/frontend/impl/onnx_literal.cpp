#include "bitline/frontend/impl/onnx_literal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "bitline/io/safetensors.h"

namespace bitline::frontend {

namespace {

using Proto = onnx::TensorProto;

// Of ONNX 1.16, behind what the installed message classes name.
constexpr int kUint4 = 21;
constexpr int kInt4 = 22;

bool is_nibbles(int type) {
  return type == kUint4 || type == kInt4;
}

io::DType stored_type(const Proto& proto, const Where& where) {
  switch (proto.data_type()) {
    case kUint4:
    case kInt4:
      return io::DType::kU8;  // two to a byte
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
      "tensor '" + proto.name() + "' has element type " + element_type_name(proto.data_type());
  if (proto.data_type() == Proto::UNDEFINED) bad_input(message, where);
  unsupported(message, where,
              "float, float16, bfloat16, double, bool, int4 to int64, uint4 and uint8 can be read");
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

// Nibbles as signed or unsigned codes, the low one of each byte first.
Integers codes_of(const std::vector<std::byte>& bytes, std::size_t count, bool is_signed) {
  Integers out(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto byte = std::to_integer<std::int64_t>(bytes[i / 2]);
    const std::int64_t code = i % 2 == 0 ? byte & 15 : byte >> 4;
    out[i] = is_signed && code > 7 ? code - 16 : code;
  }
  return out;
}

void refuse_external(const Proto& proto, const Where& where) {
  if (proto.data_location() != Proto::EXTERNAL && proto.external_data_size() == 0) return;
  unsupported("the data of tensor '" + proto.name() + "' lie in another file, which is never opened", where,
              "save the model with its weights inside");
}

// The product of the extents, or nothing when it is above the limit.
std::optional<std::int64_t> count_within(const ir::Shape& shape, std::int64_t limit) {
  std::int64_t product = 1;  // of the extents other than zero, so that no part of it can overflow later
  bool empty = false;
  for (const std::int64_t extent : shape) {
    if (extent > 0 && product > limit / extent) return std::nullopt;
    empty = empty || extent == 0;
    if (extent > 0) product *= extent;
  }
  return empty ? 0 : product;
}

void require_extents(const ir::Shape& shape, const Where& where) {
  if (shape.size() > kMaxRank)
    unsupported("a tensor of " + std::to_string(shape.size()) + " dimensions; at most 8 are supported",
                where);
  if (std::count(shape.begin(), shape.end(), kSymbolicBatch) > 0)
    unsupported("the shape of a constant depends on the batch size", where);
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent < 0; }))
    bad_input("a tensor of shape " + ir::shape_text(shape) + " is not possible", where);
}

// The elements of a tensor that the file holds. A size that no file can hold is a damaged one.
std::size_t stored_count(const ir::Shape& shape, const Where& where) {
  require_extents(shape, where);
  const auto count = count_within(shape, kMaxElements);
  if (!count) bad_input("a tensor of shape " + ir::shape_text(shape) + " is not possible", where);
  return static_cast<std::size_t>(*count);
}

}  // namespace

std::string element_type_name(std::int64_t type) {
  constexpr std::array<std::string_view, 24> kNames{
      "undefined",      "float",      "uint8",          "int8",       "uint16",   "int16",
      "int32",          "int64",      "string",         "bool",       "float16",  "double",
      "uint32",         "uint64",     "complex64",      "complex128", "bfloat16", "float8e4m3fn",
      "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4",      "int4",     "float4e2m1"};
  if (type >= 0 && type < static_cast<std::int64_t>(kNames.size()))
    return std::string(kNames[static_cast<std::size_t>(type)]);
  return std::to_string(type);
}

std::size_t Literal::size() const {
  return std::visit([](const auto& values) { return values.size(); }, data);
}

std::int64_t checked_count(const ir::Shape& shape, std::int64_t limit, const Where& where) {
  require_extents(shape, where);
  const auto count = count_within(shape, limit);
  if (!count)
    unsupported("a tensor of shape " + ir::shape_text(shape) + " has more than " + std::to_string(limit) +
                    " elements",
                where);
  return *count;
}

Literal read_literal(const Proto& proto, const Where& where) {
  refuse_external(proto, where);
  const io::DType type = stored_type(proto, where);
  const ir::Shape shape(proto.dims().begin(), proto.dims().end());
  const std::size_t count = stored_count(shape, where);
  const bool nibbles = is_nibbles(proto.data_type());
  io::StoredTensor stored{type, shape, element_bytes(proto, type)};
  const std::size_t expected = nibbles ? (count + 1) / 2 : count * io::element_size(type);
  if (stored.bytes.size() != expected) {
    bad_input("tensor '" + proto.name() + "' of shape " + ir::shape_text(shape) + " needs " +
                  std::to_string(expected) + " bytes but the file holds " +
                  std::to_string(stored.bytes.size()),
              where, "the file may be truncated");
  }
  if (is_real(type)) return {shape, io::as_floats(stored, proto.name())};
  if (nibbles) {
    const bool is_signed = proto.data_type() == kInt4;
    return {shape, codes_of(stored.bytes, count, is_signed),
            is_signed ? quant::signed_range(4) : quant::unsigned_range(4)};
  }
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
