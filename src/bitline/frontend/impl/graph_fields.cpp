#include "bitline/frontend/impl/graph_fields.h"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "bitline/base/suggest.h"

namespace bitline::frontend {

namespace {

struct Bounds {
  std::int64_t low;
  std::int64_t high;
};
constexpr std::int64_t kLargest = std::int64_t{1} << 24;  // two of them multiplied do not overflow
constexpr Bounds kPositive{1, kLargest};
constexpr Bounds kFromZero{0, kLargest};
constexpr Bounds kAxis{-64, 63};
constexpr Bounds kExtent{ir::kBatch, std::int64_t{1} << 40};
constexpr Bounds kAnywhere{std::numeric_limits<std::int64_t>::min(),
                           std::numeric_limits<std::int64_t>::max()};
constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <class A>
void window_fields(A& archive, ir::Window& window) {
  archive("kernel", window.kernel, kPositive);
  archive("stride", window.stride, kPositive);
  archive("dilation", window.dilation, kPositive);
  archive("pad_begin", window.pad_begin, kFromZero);
  archive("pad_end", window.pad_end, kFromZero);
}

// Operators without attributes.
template <class A, class O>
void fields(A&, O&) {}

template <class A>
void fields(A& archive, ir::Conv& op) {
  window_fields(archive, op.window);
  archive("groups", op.groups, kPositive);
}
template <class A>
void fields(A& archive, ir::BatchNorm& op) {
  archive("epsilon", op.epsilon);
}
template <class A>
void fields(A& archive, ir::Clip& op) {
  archive("low", op.low);
  archive("high", op.high);
}
template <class A>
void fields(A& archive, ir::Concat& op) {
  archive("axis", op.axis, kAxis);
}
template <class A>
void fields(A& archive, ir::MaxPool& op) {
  window_fields(archive, op.window);
  archive("ceil_mode", op.ceil_mode);
}
template <class A>
void fields(A& archive, ir::AveragePool& op) {
  window_fields(archive, op.window);
  archive("ceil_mode", op.ceil_mode);
  archive("count_include_pad", op.count_include_pad);
}
template <class A>
void fields(A& archive, ir::Flatten& op) {
  archive("axis", op.axis, kAxis);
}
template <class A>
void fields(A& archive, ir::Reshape& op) {
  archive("dims", op.dims, kExtent);
}
template <class A>
void fields(A& archive, ir::Transpose& op) {
  archive("order", op.order, kAxis);
}
template <class A>
void fields(A& archive, ir::Slice& op) {
  archive("axes", op.axes, kAxis);
  archive("starts", op.starts, kAnywhere);
  archive("ends", op.ends, kAnywhere);
  archive("steps", op.steps, kAnywhere);
}
template <class A>
void fields(A& archive, ir::Pad& op) {
  archive("begin", op.begin, kFromZero);
  archive("end", op.end, kFromZero);
  archive("value", op.value);
}
template <class A>
void fields(A& archive, ir::Softmax& op) {
  archive("axis", op.axis, kAxis);
}
template <class A>
void fields(A& archive, ir::ReduceMean& op) {
  archive("axes", op.axes, kAxis);
  archive("keep_dims", op.keep_dims);
}

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
  void operator()(const char* key, std::int64_t value, Bounds) { object_.set(key, value); }
  void operator()(const char* key, int value, Bounds) { object_.set(key, value); }
  template <class List>
  void operator()(const char* key, const List& values, Bounds) {
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
  void operator()(const char* key, std::int64_t& value, Bounds bounds) {
    value = integer(next(key), key, bounds);
  }
  void operator()(const char* key, int& value, Bounds bounds) {
    value = static_cast<int>(integer(next(key), key, bounds));
  }
  void operator()(const char* key, std::array<std::int64_t, 2>& values, Bounds bounds) {
    const io::JsonArray& array = next(key).as_array();
    if (array.size() != 2) bad_input(std::string("'") + key + "' must hold 2 numbers", where_);
    values = {integer(array[0], key, bounds), integer(array[1], key, bounds)};
  }
  void operator()(const char* key, std::vector<int>& values, Bounds bounds) {
    for (const io::Json& item : next(key).as_array()) {
      values.push_back(static_cast<int>(integer(item, key, bounds)));
    }
  }
  void operator()(const char* key, std::vector<std::int64_t>& values, Bounds bounds) {
    for (const io::Json& item : next(key).as_array()) values.push_back(integer(item, key, bounds));
  }

  const std::vector<std::string>& keys() const { return keys_; }

 private:
  const io::Json& next(const char* key) {
    keys_.emplace_back(key);
    return object_.at(key);
  }
  std::int64_t integer(const io::Json& json, const char* key, Bounds bounds) const {
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
  std::visit([&](auto& o) { fields(writer, o); }, copy);
}

ir::Op read_operator(const io::Json& object, std::size_t others, const std::string& name,
                     const Where& where) {
  ir::Op op = blank_operator(name, where);
  Reader reader(object, where);
  std::visit([&](auto& o) { fields(reader, o); }, op);
  if (object.as_object().size() != reader.keys().size() + others) {
    bad_input("operator " + name + " has keys that are not its attributes", where,
              reader.keys().empty() ? "it has none" : "");
  }
  return op;
}

}  // namespace bitline::frontend
