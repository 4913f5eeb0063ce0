#include "bitline/frontend/impl/graph_fields.h"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "bitline/base/suggest.h"
#include "bitline/ir/op_fields.h"

namespace bitline::frontend {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

class Writer {
 public:
  explicit Writer(io::Json& object) : object_(object) {}

  void operator()(const char* key, float value) {
    if (std::isfinite(value)) {
      object_.set(key, static_cast<double>(value));
    } else {
      BITLINE_CHECK(!std::isnan(value));
      object_.set(key, value > 0 ? "inf" : "-inf");
    }
  }
  void operator()(const char* key, bool value) { object_.set(key, value); }
  void operator()(const char* key, std::int64_t value, ir::FieldBounds) { object_.set(key, value); }
  void operator()(const char* key, int value, ir::FieldBounds) { object_.set(key, value); }
  template <class List>
  void operator()(const char* key, const List& values, ir::FieldBounds) {
    io::JsonArray array;
    for (const auto value : values) array.emplace_back(static_cast<std::int64_t>(value));
    object_.set(key, std::move(array));
  }

 private:
  io::Json& object_;
};

class Reader {
 public:
  Reader(const io::Json& object, const Where& where) : object_(object), where_(where) {}

  void operator()(const char* key, float& value) {
    const io::Json& json = next(key);
    if (json.is_text() && json.as_text() == "inf") {
      value = kInfinity;
    } else if (json.is_text() && json.as_text() == "-inf") {
      value = -kInfinity;
    } else {
      value = static_cast<float>(json.as_number());
    }
  }
  void operator()(const char* key, bool& value) { value = next(key).as_bool(); }
  void operator()(const char* key, std::int64_t& value, ir::FieldBounds bounds) {
    value = integer(next(key), key, bounds);
  }
  void operator()(const char* key, int& value, ir::FieldBounds bounds) {
    value = static_cast<int>(integer(next(key), key, bounds));
  }
  void operator()(const char* key, std::array<std::int64_t, 2>& values, ir::FieldBounds bounds) {
    const io::JsonArray& array = next(key).as_array();
    if (array.size() != 2) bad_input(std::string("'") + key + "' must hold 2 numbers", where_);
    values = {integer(array[0], key, bounds), integer(array[1], key, bounds)};
  }
  void operator()(const char* key, std::vector<int>& values, ir::FieldBounds bounds) {
    for (const io::Json& item : next(key).as_array()) {
      values.push_back(static_cast<int>(integer(item, key, bounds)));
    }
  }
  void operator()(const char* key, std::vector<std::int64_t>& values, ir::FieldBounds bounds) {
    for (const io::Json& item : next(key).as_array()) values.push_back(integer(item, key, bounds));
  }

  const std::vector<std::string>& keys() const { return keys_; }

 private:
  const io::Json& next(const char* key) {
    keys_.emplace_back(key);
    return object_.at(key);
  }
  std::int64_t integer(const io::Json& json, const char* key, ir::FieldBounds bounds) const {
    const std::int64_t value = json.as_int();
    if (value < bounds.low || value > bounds.high) {
      bad_input(std::string("'") + key + "' is " + std::to_string(value) + ", expected " +
                    std::to_string(bounds.low) + " to " + std::to_string(bounds.high),
                where_);
    }
    return value;
  }

  const io::Json& object_;
  const Where& where_;
  std::vector<std::string> keys_;
};

template <std::size_t... I>
std::vector<ir::Op> one_of_each(std::index_sequence<I...>) {
  return {ir::Op(std::in_place_index<I>)...};
}

const std::vector<ir::Op>& operators() {
  static const auto all = one_of_each(std::make_index_sequence<std::variant_size_v<ir::Op>>());
  return all;
}

ir::Op blank_operator(const std::string& name, const Where& where) {
  std::vector<std::string> known;
  for (const ir::Op& op : operators()) {
    if (ir::op_name(op) == name) return op;
    known.emplace_back(ir::op_name(op));
  }
  bad_input("unknown operator '" + name + "'", where, suggestion(name, known));
}

}  // namespace

void write_fields(io::Json& object, const ir::Op& op) {
  Writer writer(object);
  ir::Op copy = op;  // the field lists take references that a reader may fill
  std::visit([&](auto& o) { visit_fields(writer, o); }, copy);
}

ir::Op read_operator(const io::Json& object, std::size_t others, const std::string& name,
                     const Where& where) {
  ir::Op op = blank_operator(name, where);
  Reader reader(object, where);
  std::visit([&](auto& o) { visit_fields(reader, o); }, op);
  if (object.as_object().size() != reader.keys().size() + others) {
    bad_input("operator " + name + " has keys that are not its attributes", where,
              reader.keys().empty() ? "it has none" : "");
  }
  return op;
}

}  // namespace bitline::frontend
