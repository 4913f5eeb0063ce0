#include "bitline/io/safetensors.h"

#include <algorithm>
#include <cstring>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/io/atomic_file.h"
#include "bitline/io/json.h"
#include "bitline/io/tensor_values.h"

namespace bitline::io {

namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kAlignment = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the reference implementation
constexpr const char* kMetadataKey = "__metadata__";

// Where a tensor's bytes lie, counted from the start of the data.
struct Extent {
  std::string name;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& path) : path_(path), data_(bytes) {}

  TensorFile read() {
    const Json header = read_header();
    if (!header.is_object()) fail("the header must be a JSON object");
    for (const auto& [name, entry] : header.as_object()) {
      if (name == kMetadataKey) {
        read_metadata(entry);
      } else {
        read_tensor(name, entry);
      }
    }
    check_coverage();
    return std::move(file_);
  }

 private:
  [[noreturn]] void fail(const std::string& message, std::string hint = {}) const {
    bad_input(message, Where{path_, 0, 0, {}}, std::move(hint));
  }

  [[noreturn]] void fail_tensor(const std::string& name, const std::string& message,
                                std::string hint = {}) const {
    fail("tensor '" + name + "': " + message, std::move(hint));
  }

  // Leaves in data_ what follows the header.
  Json read_header() {
    if (data_.size() < kLengthBytes) fail("too short for a safetensors file: no header length");
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i)
      length |= std::to_integer<std::uint64_t>(data_[i]) << 8 * i;
    if (length > kMaxHeaderBytes || length > data_.size() - kLengthBytes) {
      fail("the header is said to have " + std::to_string(length) + " bytes, the file has " +
               std::to_string(data_.size()),
           "is this a safetensors file, and complete?");
    }
    const auto header = data_.subspan(kLengthBytes, static_cast<std::size_t>(length));
    data_ = data_.subspan(kLengthBytes + header.size());
    return parse_json({reinterpret_cast<const char*>(header.data()), header.size()}, path_ + " (header)");
  }

  void read_metadata(const Json& entry) {
    if (!entry.is_object()) fail("__metadata__ must be an object of strings");
    for (const auto& [key, value] : entry.as_object()) {
      if (!value.is_text()) fail("__metadata__ entry '" + key + "' must be a string");
      file_.metadata.emplace(key, value.as_text());
    }
  }

  void read_tensor(const std::string& name, const Json& entry) {
    StoredTensor tensor;
    tensor.dtype = read_dtype(name, field(name, entry, "dtype"));
    tensor.shape = read_naturals(name, "shape", field(name, entry, "shape"));
    const std::vector<std::int64_t> offsets =
        read_naturals(name, "data_offsets", field(name, entry, "data_offsets"));
    if (offsets.size() != 2) fail_tensor(name, "data_offsets must be a pair");
    const Extent extent{name, static_cast<std::uint64_t>(offsets[0]), static_cast<std::uint64_t>(offsets[1])};
    check_extent(extent, tensor);
    const auto bytes = data_.subspan(static_cast<std::size_t>(extent.begin),
                                     static_cast<std::size_t>(extent.end - extent.begin));
    tensor.bytes.assign(bytes.begin(), bytes.end());
    extents_.push_back(extent);
    file_.tensors.emplace(name, std::move(tensor));
  }

  const Json& field(const std::string& name, const Json& entry, const char* key) const {
    const Json* found = entry.find(key);
    if (found == nullptr) fail_tensor(name, std::string("'") + key + "' is missing");
    return *found;
  }

  DType read_dtype(const std::string& name, const Json& value) const {
    if (!value.is_text()) fail_tensor(name, "dtype must be a string");
    if (const auto dtype = dtype_named(value.as_text())) return *dtype;
    fail_tensor(name, "dtype '" + value.as_text() + "' is not known",
                suggestion(value.as_text(), all_dtype_names()));
  }

  std::vector<std::int64_t> read_naturals(const std::string& name, const char* key, const Json& value) const {
    if (!value.is_array()) fail_tensor(name, std::string(key) + " must be an array");
    std::vector<std::int64_t> out;
    for (const Json& item : value.as_array()) {
      if (!item.is_int() || item.as_int() < 0) {
        fail_tensor(name, std::string(key) + " must hold integers of at least 0, got " + item.dump(-1));
      }
      out.push_back(item.as_int());
    }
    return out;
  }

  void check_extent(const Extent& extent, const StoredTensor& tensor) const {
    const std::string range =
        "data_offsets [" + std::to_string(extent.begin) + ", " + std::to_string(extent.end) + "]";
    if (extent.begin > extent.end) fail_tensor(extent.name, range + " run backwards");
    if (extent.end > data_.size()) {
      fail_tensor(extent.name, range + " leave the data of " + std::to_string(data_.size()) + " bytes",
                  "is the file complete?");
    }
    const std::optional<std::uint64_t> size = byte_count(tensor.shape, tensor.dtype);
    if (!size) fail_tensor(extent.name, "the shape has more elements than can be counted");
    if (*size != extent.end - extent.begin) {
      fail_tensor(extent.name, range + " hold " + std::to_string(extent.end - extent.begin) +
                                   " bytes, but dtype and shape need " + std::to_string(*size));
    }
  }

  // The format demands that the tensors tile the data: no overlap, no hole, nothing left over.
  void check_coverage() {
    std::sort(extents_.begin(), extents_.end(), [](const Extent& a, const Extent& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::uint64_t covered = 0;
    const std::string* before = nullptr;
    for (const Extent& extent : extents_) {
      if (extent.begin < covered) fail_tensor(extent.name, "its bytes overlap those of '" + *before + "'");
      if (extent.begin > covered) {
        fail_tensor(extent.name,
                    "a hole of " + std::to_string(extent.begin - covered) + " bytes lies before its data");
      }
      covered = extent.end;
      before = &extent.name;
    }
    if (covered != data_.size()) {
      fail(std::to_string(data_.size() - covered) + " bytes after the last tensor belong to none");
    }
  }

  const std::string& path_;
  std::span<const std::byte> data_;
  std::vector<Extent> extents_;
  TensorFile file_;
};

Json metadata_entry(const std::map<std::string, std::string>& metadata) {
  JsonObject out;
  for (const auto& [key, value] : metadata) out.emplace_back(key, value);
  return Json(std::move(out));
}

Json tensor_entry(const StoredTensor& tensor, std::size_t begin) {
  JsonArray shape;
  for (const std::int64_t d : tensor.shape) shape.emplace_back(d);
  JsonArray offsets;
  offsets.emplace_back(static_cast<std::int64_t>(begin));
  offsets.emplace_back(static_cast<std::int64_t>(begin + tensor.bytes.size()));
  return Json(JsonObject{{"dtype", Json(dtype_name(tensor.dtype))},
                         {"shape", Json(std::move(shape))},
                         {"data_offsets", Json(std::move(offsets))}});
}

// Padded with spaces so that the data starts at a multiple of kAlignment.
std::string header_text(const TensorFile& file) {
  JsonObject header;
  if (!file.metadata.empty()) header.emplace_back(kMetadataKey, metadata_entry(file.metadata));
  std::size_t begin = 0;
  for (const auto& [name, tensor] : file.tensors) {
    if (name == kMetadataKey) bad_input("a tensor cannot be named '__metadata__': the format reserves it");
    check_size(tensor, name);
    header.emplace_back(name, tensor_entry(tensor, begin));
    begin += tensor.bytes.size();
  }
  std::string text = Json(std::move(header)).dump(-1);
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  return text;
}

}  // namespace

TensorFile parse_safetensors(std::span<const std::byte> bytes, const std::string& path) {
  return Reader(bytes, path).read();
}

TensorFile read_safetensors(FileSystem& fs, const std::string& path) {
  return parse_safetensors(fs.read(path), path);
}

std::vector<std::byte> encode_safetensors(const TensorFile& file) {
  const std::string header = header_text(file);
  std::vector<std::byte> out(kLengthBytes);
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    out[i] = static_cast<std::byte>(std::uint64_t{header.size()} >> 8 * i & 0xFFu);
  }
  const auto text = std::as_bytes(std::span(header));
  out.insert(out.end(), text.begin(), text.end());
  for (const auto& [name, tensor] : file.tensors) {
    out.insert(out.end(), tensor.bytes.begin(), tensor.bytes.end());
  }
  return out;
}

void write_safetensors(FileSystem& fs, const std::string& path, const TensorFile& file) {
  write_atomically(fs, path, encode_safetensors(file));
}

}  // namespace bitline::io
