#include "bitline/io/tensor_values.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "bitline/base/error.h"

namespace bitline::io {

static_assert(std::endian::native == std::endian::little, "tensor bytes are read in host order");

namespace {

struct DTypeRow {
  DType dtype;
  std::size_t size;
};

const std::array<std::string, 10> kNames = {"F32", "F16", "BF16", "F64", "I8",
                                            "U8",  "I16", "I32",  "I64", "BOOL"};
constexpr std::array<DTypeRow, 10> kRows = {{{DType::kF32, 4},
                                             {DType::kF16, 2},
                                             {DType::kBF16, 2},
                                             {DType::kF64, 8},
                                             {DType::kI8, 1},
                                             {DType::kU8, 1},
                                             {DType::kI16, 2},
                                             {DType::kI32, 4},
                                             {DType::kI64, 8},
                                             {DType::kBool, 1}}};

std::size_t row_of(DType dtype) {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].dtype == dtype) return i;
  }
  internal_failure("known dtype", __FILE__, __LINE__);
}

// Each element, read as Stored, through `convert`.
template <typename Stored, typename Out, typename Convert>
std::vector<Out> converted(std::span<const std::byte> bytes, Convert convert) {
  std::vector<Out> out(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < out.size(); ++i) {
    Stored value;
    std::memcpy(&value, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    out[i] = convert(value);
  }
  return out;
}

template <typename Stored>
std::vector<float> cast_floats(std::span<const std::byte> bytes) {
  return converted<Stored, float>(bytes, [](Stored v) { return static_cast<float>(v); });
}

template <typename Stored>
std::vector<std::int32_t> cast_ints(std::span<const std::byte> bytes, const std::string& name) {
  return converted<Stored, std::int32_t>(bytes, [&name](Stored v) {
    using Limits = std::numeric_limits<std::int32_t>;
    if (std::int64_t{v} < Limits::min() || std::int64_t{v} > Limits::max()) {
      bad_input("tensor '" + name + "': " + std::to_string(v) + " does not fit in 32 bits");
    }
    return static_cast<std::int32_t>(v);
  });
}

template <typename Value>
StoredTensor store(DType dtype, const std::vector<std::int64_t>& shape, std::span<const Value> values) {
  StoredTensor tensor{dtype, shape, {}};
  const auto bytes = std::as_bytes(values);
  tensor.bytes.assign(bytes.begin(), bytes.end());
  const std::optional<std::uint64_t> size = byte_count(shape, dtype);
  BITLINE_CHECK(size && *size == tensor.bytes.size());
  return tensor;
}

}  // namespace

std::span<const std::string> all_dtype_names() {
  return kNames;
}

std::optional<DType> dtype_named(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return kRows[i].dtype;
  }
  return std::nullopt;
}

std::size_t element_size(DType dtype) {
  return kRows[row_of(dtype)].size;
}

std::string dtype_name(DType dtype) {
  return kNames[row_of(dtype)];
}

std::optional<std::uint64_t> byte_count(std::span<const std::int64_t> shape, DType dtype) {
  auto bytes = static_cast<std::int64_t>(element_size(dtype));
  for (const std::int64_t d : shape) {
    if (d < 0 || __builtin_mul_overflow(bytes, d, &bytes)) return std::nullopt;
  }
  return static_cast<std::uint64_t>(bytes);
}

void check_size(const StoredTensor& tensor, const std::string& name) {
  const std::optional<std::uint64_t> size = byte_count(tensor.shape, tensor.dtype);
  if (size && *size == tensor.bytes.size()) return;
  bad_input("tensor '" + name + "': dtype and shape need " + (size ? std::to_string(*size) : "too many") +
            " bytes, but it holds " + std::to_string(tensor.bytes.size()));
}

float float_from_half(std::uint16_t bits) {
  constexpr int kBias = 15, kMantissaBits = 10, kSpecialExponent = 31;
  const int exponent = bits >> kMantissaBits & 0x1F;
  const std::uint32_t mantissa = bits & 0x3FFu;
  const std::uint32_t sign = (bits & 0x8000u) << 16;
  if (exponent == kSpecialExponent) {  // infinity or NaN, whose payload is kept
    return std::bit_cast<float>(sign | 0x7F800000u | mantissa << 13);
  }
  const bool subnormal = exponent == 0;
  const auto significand = static_cast<float>(subnormal ? mantissa : mantissa | 0x400u);
  const float magnitude = std::ldexp(significand, (subnormal ? 1 : exponent) - kBias - kMantissaBits);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
}

float float_from_bfloat(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

StoredTensor store_floats(const std::vector<std::int64_t>& shape, std::span<const float> values) {
  return store(DType::kF32, shape, values);
}

StoredTensor store_ints(const std::vector<std::int64_t>& shape, std::span<const std::int32_t> values) {
  return store(DType::kI32, shape, values);
}

std::vector<float> as_floats(const StoredTensor& tensor, const std::string& name) {
  check_size(tensor, name);
  const std::span<const std::byte> bytes = tensor.bytes;
  switch (tensor.dtype) {
    case DType::kF32:
      return cast_floats<float>(bytes);
    case DType::kF16:
      return converted<std::uint16_t, float>(bytes, float_from_half);
    case DType::kBF16:
      return converted<std::uint16_t, float>(bytes, float_from_bfloat);
    case DType::kF64:
      return cast_floats<double>(bytes);
    case DType::kI8:
      return cast_floats<std::int8_t>(bytes);
    case DType::kU8:
      return cast_floats<std::uint8_t>(bytes);
    case DType::kI16:
      return cast_floats<std::int16_t>(bytes);
    case DType::kI32:
      return cast_floats<std::int32_t>(bytes);
    case DType::kI64:
      return cast_floats<std::int64_t>(bytes);
    case DType::kBool:
      return converted<std::uint8_t, float>(bytes, [](std::uint8_t b) { return b != 0 ? 1.0f : 0.0f; });
  }
  internal_failure("known dtype", __FILE__, __LINE__);
}

std::vector<std::int32_t> as_ints(const StoredTensor& tensor, const std::string& name) {
  check_size(tensor, name);
  const std::span<const std::byte> bytes = tensor.bytes;
  switch (tensor.dtype) {
    case DType::kI8:
      return cast_ints<std::int8_t>(bytes, name);
    case DType::kU8:
      return cast_ints<std::uint8_t>(bytes, name);
    case DType::kI16:
      return cast_ints<std::int16_t>(bytes, name);
    case DType::kI32:
      return cast_ints<std::int32_t>(bytes, name);
    case DType::kI64:
      return cast_ints<std::int64_t>(bytes, name);
    case DType::kBool:
      return converted<std::uint8_t, std::int32_t>(bytes, [](std::uint8_t b) { return b != 0 ? 1 : 0; });
    default:
      bad_input("tensor '" + name + "': expected integers, got " + dtype_name(tensor.dtype));
  }
}

}  // namespace bitline::io
