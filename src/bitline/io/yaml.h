// YAML as bitline reads it: a tree in which every value knows its line and column.
//
// Built from the parser's event stream and stricter than YAML: duplicate keys, anchors, aliases, tags,
// complex keys and several documents are refused, and scalars get no hidden types: the reader says what it
// expects. `010` is not 8 and `yes` is not true.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/io/filesystem.h"

namespace bitline::io {

class YamlNode {
 public:
  enum class Kind { kNull, kScalar, kSequence, kMap };

  // Out of line: clang with libstdc++ 12 cannot make them while the class is incomplete.
  YamlNode();
  YamlNode(const YamlNode& other);
  YamlNode(YamlNode&& other) noexcept;
  YamlNode& operator=(const YamlNode& other);
  YamlNode& operator=(YamlNode&& other) noexcept;
  ~YamlNode();

  Kind kind = Kind::kNull;
  std::string scalar;
  std::vector<YamlNode> items;                            // sequence
  std::vector<std::pair<std::string, YamlNode>> entries;  // map, in file order
  std::vector<Where> key_places;                          // of each entry's key
  Where where;

  const YamlNode* find(std::string_view key) const;  // nullptr when absent or not a map

  // Typed reads; each throws Error{kBadInput} with this node's place and what was expected.
  const std::string& as_text() const;
  std::int64_t as_int(std::int64_t low, std::int64_t high) const;
  double as_real(double low, double high) const;  // finite
  bool as_bool() const;                           // only true and false
};

YamlNode parse_yaml(std::string_view text, const std::string& path);
YamlNode read_yaml(FileSystem& fs, const std::string& path);

// Reads one map key by key and refuses, in finish(), every key that nobody asked for ("did you mean").
class YamlMapReader {
 public:
  explicit YamlMapReader(const YamlNode& node);  // throws unless a map (null counts as empty)

  const YamlNode* optional(std::string_view key);
  const YamlNode& required(std::string_view key);
  std::string text(std::string_view key, std::string fallback);
  std::int64_t integer(std::string_view key, std::int64_t fallback, std::int64_t low, std::int64_t high);
  double real(std::string_view key, double fallback, double low, double high);
  bool boolean(std::string_view key, bool fallback);
  void finish() const;

 private:
  const YamlNode& node_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace bitline::io
