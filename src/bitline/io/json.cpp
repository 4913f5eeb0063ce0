#include "bitline/io/json.h"

#include <algorithm>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"

namespace bitline::io {

namespace {

constexpr const char* kKindNames[] = {"null", "true or false", "an integer", "a number",
                                      "text", "an array",      "an object"};

[[noreturn]] void wrong_kind(const char* expected, std::size_t kind) {
  bad_input(std::string("expected ") + expected + ", got " + kKindNames[kind]);
}

}  // namespace

Json::Json(const Json& other) = default;
Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(const Json& other) = default;
Json& Json::operator=(Json&& other) noexcept = default;
Json::~Json() = default;

Json& Json::set(std::string_view key, Json value) {
  if (is_null()) value_ = JsonObject{};
  auto* object = std::get_if<JsonObject>(&value_);
  if (object == nullptr) wrong_kind("an object", value_.index());
  const auto found =
      std::find_if(object->begin(), object->end(), [key](const auto& entry) { return entry.first == key; });
  if (found != object->end()) {
    found->second = std::move(value);
  } else {
    object->emplace_back(std::string(key), std::move(value));
  }
  return *this;
}

const Json* Json::find(std::string_view key) const {
  const auto* object = std::get_if<JsonObject>(&value_);
  if (object == nullptr) return nullptr;
  const auto found =
      std::find_if(object->begin(), object->end(), [key](const auto& entry) { return entry.first == key; });
  return found == object->end() ? nullptr : &found->second;
}

const Json& Json::at(std::string_view key) const {
  if (const Json* found = find(key)) return *found;
  std::vector<std::string> keys;
  for (const auto& entry : as_object()) keys.push_back(entry.first);
  bad_input("key '" + std::string(key) + "' is missing", {}, keys.empty() ? "" : suggestion(key, keys));
}

bool Json::as_bool() const {
  if (const bool* b = std::get_if<bool>(&value_)) return *b;
  wrong_kind("true or false", value_.index());
}

std::int64_t Json::as_int() const {
  if (const auto* n = std::get_if<std::int64_t>(&value_)) return *n;
  wrong_kind("an integer", value_.index());
}

double Json::as_number() const {
  if (const auto* n = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*n);
  if (const double* x = std::get_if<double>(&value_)) return *x;
  wrong_kind("a number", value_.index());
}

const std::string& Json::as_text() const {
  if (const auto* s = std::get_if<std::string>(&value_)) return *s;
  wrong_kind("text", value_.index());
}

const JsonArray& Json::as_array() const {
  if (const auto* a = std::get_if<JsonArray>(&value_)) return *a;
  wrong_kind("an array", value_.index());
}

const JsonObject& Json::as_object() const {
  if (const auto* o = std::get_if<JsonObject>(&value_)) return *o;
  wrong_kind("an object", value_.index());
}

}  // namespace bitline::io
