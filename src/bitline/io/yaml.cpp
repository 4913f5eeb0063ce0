#include "bitline/io/yaml.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "bitline/base/suggest.h"

namespace bitline::io {

namespace {

std::string described(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return "'" + node.scalar + "'";
    case YamlNode::Kind::kSequence:
      return "a sequence";
    case YamlNode::Kind::kMap:
      return "a map";
  }
  return "an unknown kind";
}

[[noreturn]] void mismatch(const YamlNode& node, const std::string& expected, std::string hint = {}) {
  bad_input("expected " + expected + ", got " + described(node), node.where, std::move(hint));
}

template <typename Number>
std::string number_text(Number x) {
  std::array<char, 40> buffer{};
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), x).ptr};
}

// "an integer from 1 to 8", "a number of at least 0": the end of the type's range is no bound worth naming.
template <typename Number>
std::string range_text(const char* what, Number low, Number high, Number lowest, Number highest) {
  const bool bounded_below = low > lowest;
  const bool bounded_above = high < highest;
  std::string out = what;
  if (bounded_below && bounded_above) return out + " from " + number_text(low) + " to " + number_text(high);
  if (bounded_below) return out + " of at least " + number_text(low);
  if (bounded_above) return out + " of at most " + number_text(high);
  return out;
}

// Octal in YAML 1.1 and in C: whoever wrote it may have meant either.
bool has_leading_zero(std::string_view s) {
  if (s.starts_with('-')) s.remove_prefix(1);
  return s.size() > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9';
}

template <typename Number>
std::optional<Number> parse_number(std::string_view s) {
  Number value{};
  const char* end = s.data() + s.size();
  const auto [stop, error] = std::from_chars(s.data(), end, value);
  if (error != std::errc{} || stop != end || has_leading_zero(s)) return std::nullopt;
  return value;
}

std::string leading_zero_hint(const YamlNode& node) {
  return has_leading_zero(node.scalar) ? "write the number without leading zeros" : "";
}

}  // namespace

YamlNode::YamlNode() = default;
YamlNode::YamlNode(const YamlNode& other) = default;
YamlNode::YamlNode(YamlNode&& other) noexcept = default;
YamlNode& YamlNode::operator=(const YamlNode& other) = default;
YamlNode& YamlNode::operator=(YamlNode&& other) noexcept = default;
YamlNode::~YamlNode() = default;

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

const std::string& YamlNode::as_text() const {
  if (kind != Kind::kScalar) mismatch(*this, "text");
  return scalar;
}

std::int64_t YamlNode::as_int(std::int64_t low, std::int64_t high) const {
  using Limits = std::numeric_limits<std::int64_t>;
  const std::optional<std::int64_t> value = parse_number<std::int64_t>(scalar);
  if (kind != Kind::kScalar || !value || *value < low || *value > high) {
    mismatch(*this, range_text("an integer", low, high, Limits::min(), Limits::max()),
             leading_zero_hint(*this));
  }
  return *value;
}

double YamlNode::as_real(double low, double high) const {
  using Limits = std::numeric_limits<double>;
  const std::optional<double> value = parse_number<double>(scalar);
  const bool in_range = value && std::isfinite(*value) && *value >= low && *value <= high;
  if (kind != Kind::kScalar || !in_range) {
    mismatch(*this, range_text("a finite number", low, high, Limits::lowest(), Limits::max()),
             leading_zero_hint(*this));
  }
  return *value;
}

bool YamlNode::as_bool() const {
  if (kind == Kind::kScalar && scalar == "true") return true;
  if (kind == Kind::kScalar && scalar == "false") return false;
  mismatch(*this, "true or false");
}

YamlMapReader::YamlMapReader(const YamlNode& node) : node_(node) {
  if (node.kind != YamlNode::Kind::kMap) mismatch(node, "a map");
}

const YamlNode* YamlMapReader::optional(std::string_view key) {
  known_.emplace(key);
  return node_.find(key);
}

const YamlNode& YamlMapReader::required(std::string_view key) {
  if (const YamlNode* found = optional(key)) return *found;
  bad_input("required key '" + std::string(key) + "' is missing", node_.where);
}

std::string YamlMapReader::text(std::string_view key, std::string fallback) {
  const YamlNode* found = optional(key);
  return found == nullptr ? std::move(fallback) : found->as_text();
}

std::int64_t YamlMapReader::integer(std::string_view key, std::int64_t fallback, std::int64_t low,
                                    std::int64_t high) {
  const YamlNode* found = optional(key);
  return found == nullptr ? fallback : found->as_int(low, high);
}

double YamlMapReader::real(std::string_view key, double fallback, double low, double high) {
  const YamlNode* found = optional(key);
  return found == nullptr ? fallback : found->as_real(low, high);
}

bool YamlMapReader::boolean(std::string_view key, bool fallback) {
  const YamlNode* found = optional(key);
  return found == nullptr ? fallback : found->as_bool();
}

void YamlMapReader::finish() const {
  for (std::size_t i = 0; i < node_.entries.size(); ++i) {
    const std::string& key = node_.entries[i].first;
    if (known_.contains(key)) continue;
    const std::vector<std::string> known(known_.begin(), known_.end());
    bad_input("unknown key '" + key + "'", node_.key_places[i], known.empty() ? "" : suggestion(key, known));
  }
}

}  // namespace bitline::io
