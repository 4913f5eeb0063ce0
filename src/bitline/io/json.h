// A JSON value with ordered keys: what result files, manifests and artefact headers are made of.
// The parser is strict: duplicate keys, nesting deeper than 64, trailing text and non-finite numbers are
// refused with line and column. The writer is deterministic; doubles are written shortest-exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace bitline::io {

class Json;
using JsonArray = std::vector<Json>;
using JsonObject = std::vector<std::pair<std::string, Json>>;

class Json {
 public:
  Json() : value_(nullptr) {}
  Json(std::nullptr_t) : value_(nullptr) {}
  Json(bool b) : value_(b) {}
  Json(int n) : value_(std::int64_t{n}) {}
  Json(std::int64_t n) : value_(n) {}
  Json(double x) : value_(x) {}
  Json(const char* s) : value_(std::string(s)) {}
  Json(std::string s) : value_(std::move(s)) {}
  Json(JsonArray a) : value_(std::move(a)) {}
  Json(JsonObject o) : value_(std::move(o)) {}
  // Out of line: inlined, they make g++ 12 warn of uninitialized members that cannot be reached.
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();

  bool is_null() const { return value_.index() == 0; }
  bool is_int() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_text() const { return std::holds_alternative<std::string>(value_); }
  bool is_object() const { return std::holds_alternative<JsonObject>(value_); }
  bool is_array() const { return std::holds_alternative<JsonArray>(value_); }

  // Object access: set appends or replaces; find returns nullptr when absent or not an object.
  Json& set(std::string_view key, Json value);
  const Json* find(std::string_view key) const;
  const Json& at(std::string_view key) const;  // Error{kBadInput} naming the key when absent

  // Typed reads, Error{kBadInput} naming what was expected. An integer reads as a number, too.
  bool as_bool() const;
  std::int64_t as_int() const;
  double as_number() const;
  const std::string& as_text() const;
  const JsonArray& as_array() const;
  const JsonObject& as_object() const;

  // indent < 0: one line. A byte that is not UTF-8 is written as U+FFFD. Throws Error{kBadInput} when the
  // value holds NaN or an infinity, which JSON cannot hold.
  std::string dump(int indent = 2) const;

  // Calls the visitor with the value: nullptr, bool, std::int64_t, double, std::string, JsonArray or
  // JsonObject.
  template <typename Visitor>
  void visit(Visitor& visitor) const {
    std::visit(visitor, value_);
  }

 private:
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, JsonArray, JsonObject> value_;
};

// `path` is for the error's place. Throws Error{kBadInput} with line and column (in bytes); an integer
// literal that does not fit in 64 bits is refused, too.
Json parse_json(std::string_view text, const std::string& path);

}  // namespace bitline::io
