// Element types of stored tensors: names, sizes, and the conversions behind as_floats and as_ints.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bitline/io/safetensors.h"

namespace bitline::io {

std::optional<DType> dtype_named(std::string_view name);
std::span<const std::string> all_dtype_names();

// Bytes of a tensor of this shape; nothing when a size is negative or the product leaves 63 bits.
std::optional<std::uint64_t> byte_count(std::span<const std::int64_t> shape, DType dtype);

// Throws Error{kBadInput} unless the tensor holds exactly the bytes its shape and dtype need.
void check_size(const StoredTensor& tensor, const std::string& name);

// IEEE 754 binary16, and bfloat16 (the upper half of a binary32). Both are exact.
float float_from_half(std::uint16_t bits);
float float_from_bfloat(std::uint16_t bits);

}  // namespace bitline::io
