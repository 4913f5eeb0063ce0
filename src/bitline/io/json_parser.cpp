// parse_json on the event interface of nlohmann-json, which by itself would take the last of duplicate keys,
// nest without limit and stop at a zero byte.
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "bitline/base/error.h"
#include "bitline/io/json.h"

namespace bitline::io {

namespace {

constexpr std::size_t kMaxDepth = 64;

Where place_of(std::string_view text, std::size_t offset, const std::string& path) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const std::size_t newline = before.rfind('\n');
  const std::size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
  return {path,
          static_cast<int>(1 + std::count(before.begin(), before.end(), '\n')),
          static_cast<int>(1 + before.size() - line_start),
          {}};
}

// Walks the text and tells an outside counter how far it came: the events carry no position of their own.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, std::size_t* consumed) : at_(at), consumed_(consumed) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*consumed_;
    return *this;
  }
  CountingIterator operator++(int) {
    const CountingIterator old = *this;
    ++*this;
    return old;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  std::size_t* consumed_;
};

// One container that is still open.
struct Frame {
  bool is_object = false;
  JsonArray items;
  JsonObject members;
  std::unordered_set<std::string> keys;
};

class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  bool null() override { return add(Json(nullptr)); }
  bool boolean(bool b) override { return add(Json(b)); }
  bool number_integer(std::int64_t n) override { return add(Json(n)); }

  bool number_unsigned(std::uint64_t n) override {
    if (n > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) refuse_integer();
    return add(Json(static_cast<std::int64_t>(n)));
  }

  bool number_float(double x, const std::string& literal) override {
    if (literal.find_first_of(".eE") == std::string::npos) refuse_integer();
    return add(Json(x));
  }

  bool string(std::string& s) override { return add(Json(std::move(s))); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(true); }
  bool start_array(std::size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    Frame& frame = open_.back();
    if (!frame.keys.insert(name).second) refuse("duplicate key '" + name + "'");
    frame.members.emplace_back(std::move(name), Json());
    return next();
  }

  bool parse_error(std::size_t read, const std::string&, const nlohmann::detail::exception& e) override {
    std::string reason = e.what();
    const auto drop_through = [&reason](std::string_view mark) {
      if (const std::size_t i = reason.find(mark); i != std::string::npos) reason.erase(0, i + mark.size());
    };
    drop_through("] ");
    if (reason.starts_with("parse error")) drop_through(": ");
    bad_input(reason, place_of(text_, read == 0 ? 0 : read - 1, path_));
  }

  std::size_t consumed = 0;
  Json root;

 private:
  bool open(bool is_object) {
    if (open_.size() == kMaxDepth) refuse("nested deeper than " + std::to_string(kMaxDepth) + " levels");
    open_.emplace_back().is_object = is_object;
    return next();
  }

  bool close() {
    Frame frame = std::move(open_.back());
    open_.pop_back();
    return add(frame.is_object ? Json(std::move(frame.members)) : Json(std::move(frame.items)));
  }

  bool add(Json value) {
    if (open_.empty()) {
      root = std::move(value);
    } else if (open_.back().is_object) {
      open_.back().members.back().second = std::move(value);
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return next();
  }

  bool next() {
    previous_end_ = consumed;
    return true;
  }

  [[noreturn]] void refuse_integer() { refuse("this integer does not fit in 64 bits"); }

  // At the start of the token in hand: the first byte after the one before it and the separators.
  [[noreturn]] void refuse(const std::string& message) const {
    const std::size_t start = text_.find_first_not_of(" \t\r\n,:", previous_end_);
    bad_input(message, place_of(text_, start, path_));
  }

  std::string_view text_;
  const std::string& path_;
  std::vector<Frame> open_;
  std::size_t previous_end_ = 0;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& path) {
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos) {
    bad_input("a zero byte in JSON text", place_of(text, zero, path));
  }
  Builder builder(text, path);
  const CountingIterator first(text.data(), &builder.consumed);
  const CountingIterator last(text.data() + text.size(), &builder.consumed);
  const bool complete = nlohmann::json::sax_parse(first, last, &builder);
  BITLINE_CHECK(complete);
  return std::move(builder.root);
}

}  // namespace bitline::io
