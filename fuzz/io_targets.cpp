#include "fuzz/io_targets.h"

#include <limits>
#include <string_view>

#include "bitline/base/error.h"
#include "bitline/io/json.h"
#include "bitline/io/safetensors.h"
#include "bitline/io/yaml.h"

namespace bitline::fuzz {

namespace {

constexpr const char* kPath = "fuzz";

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Whether the call ends without Error{kBadInput}.
template <typename Call>
bool accepts(Call call) {
  try {
    call();
    return true;
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kBadInput) throw;
    return false;
  }
}

void read_every_type(const io::YamlNode& node) {
  using Int = std::numeric_limits<std::int64_t>;
  using Real = std::numeric_limits<double>;
  accepts([&] { node.as_text(); });
  accepts([&] { node.as_int(Int::min(), Int::max()); });
  accepts([&] { node.as_real(Real::lowest(), Real::max()); });
  accepts([&] { node.as_bool(); });
  accepts([&] { io::YamlMapReader(node).finish(); });
  BITLINE_CHECK(node.entries.size() == node.key_places.size());
  for (const io::YamlNode& item : node.items) read_every_type(item);
  for (const auto& [key, value] : node.entries) {
    BITLINE_CHECK(node.find(key) == &value);
    read_every_type(value);
  }
}

bool same(const io::TensorFile& a, const io::TensorFile& b) {
  if (a.metadata != b.metadata || a.tensors.size() != b.tensors.size()) return false;
  for (const auto& [name, tensor] : a.tensors) {
    const auto other = b.tensors.find(name);
    if (other == b.tensors.end() || other->second.dtype != tensor.dtype ||
        other->second.shape != tensor.shape || other->second.bytes != tensor.bytes) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool try_json(std::span<const std::byte> bytes) {
  io::Json json;
  if (!accepts([&] { json = io::parse_json(text_of(bytes), kPath); })) return false;
  for (const int indent : {-1, 2}) {
    const std::string text = json.dump(indent);
    BITLINE_CHECK(io::parse_json(text, kPath).dump(indent) == text);
  }
  return true;
}

bool try_safetensors(std::span<const std::byte> bytes) {
  io::TensorFile file;
  if (!accepts([&] { file = io::parse_safetensors(bytes, kPath); })) return false;
  for (const auto& entry : file.tensors) {
    io::as_floats(entry.second, entry.first);
    accepts([&entry] { io::as_ints(entry.second, entry.first); });
  }
  BITLINE_CHECK(same(file, io::parse_safetensors(io::encode_safetensors(file), kPath)));
  return true;
}

bool try_yaml(std::span<const std::byte> bytes) {
  io::YamlNode root;
  if (!accepts([&] { root = io::parse_yaml(text_of(bytes), kPath); })) return false;
  read_every_type(root);
  return true;
}

}  // namespace bitline::fuzz
