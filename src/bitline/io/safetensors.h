// The safetensors container: named tensors and a string-to-string metadata table in one file.
// Layout: u64 little-endian header length, JSON header, raw little-endian data. The reader trusts nothing:
// every offset, size, dtype and shape is checked against the file before a byte is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "bitline/io/filesystem.h"

namespace bitline::io {

enum class DType { kF32, kF16, kBF16, kF64, kI8, kU8, kI16, kI32, kI64, kBool };

struct StoredTensor {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;  // row-major, little-endian
};

struct TensorFile {
  std::map<std::string, StoredTensor> tensors;
  std::map<std::string, std::string> metadata;
};

std::size_t element_size(DType dtype);
std::string dtype_name(DType dtype);  // "F32"

// `values` in row-major order, as many as the shape has elements.
StoredTensor store_floats(const std::vector<std::int64_t>& shape, std::span<const float> values);
StoredTensor store_ints(const std::vector<std::int64_t>& shape, std::span<const std::int32_t> values);
// The values as floats; F16, BF16, F64 and integers are converted. `name` is for the error's text. Throws
// Error{kBadInput} when the bytes do not fit the shape; as_ints also for a float dtype or a value over 32
// bits.
std::vector<float> as_floats(const StoredTensor& tensor, const std::string& name);
std::vector<std::int32_t> as_ints(const StoredTensor& tensor, const std::string& name);

// Errors are Error{kBadInput} with the path and the tensor's name. As the format demands, the tensors must
// cover the data without overlap, hole or rest.
TensorFile parse_safetensors(std::span<const std::byte> bytes, const std::string& path);
TensorFile read_safetensors(FileSystem& fs, const std::string& path);
// Deterministic bytes: tensors in name order without gaps, the data section aligned to 8 bytes.
std::vector<std::byte> encode_safetensors(const TensorFile& file);
void write_safetensors(FileSystem& fs, const std::string& path, const TensorFile& file);

}  // namespace bitline::io
