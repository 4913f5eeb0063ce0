// Json::dump: deterministic text with ordered keys and shortest-exact doubles.
#include <array>
#include <charconv>
#include <cmath>

#include "bitline/base/error.h"
#include "bitline/io/json.h"

namespace bitline::io {

namespace {

constexpr const char* kReplacement = "\\ufffd";

std::string double_text(double x) {
  if (!std::isfinite(x)) bad_input("JSON has no NaN and no infinity", {}, "write null instead");
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x).ptr;
  std::string out(buffer.data(), end);
  // Keep a double a double when it is read again.
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

// The length of the well-formed UTF-8 sequence at i, 0 when there is none (RFC 3629).
std::size_t utf8_length(std::string_view s, std::size_t i) {
  const auto byte = [&](std::size_t k) { return k < s.size() ? static_cast<unsigned char>(s[k]) : 0u; };
  const auto continues = [&](std::size_t k) { return (byte(k) & 0xC0u) == 0x80u; };
  const unsigned lead = byte(i), next = byte(i + 1);
  if (lead < 0x80) return 1;
  if (!continues(i + 1)) return 0;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (!continues(i + 2)) return 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const bool overlong = lead == 0xE0 && next < 0xA0;
    const bool surrogate = lead == 0xED && next > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (!continues(i + 3) || lead < 0xF0 || lead > 0xF4) return 0;
  const bool overlong = lead == 0xF0 && next < 0x90;
  const bool too_large = lead == 0xF4 && next > 0x8F;
  return overlong || too_large ? 0 : 4;
}

void append_escaped(std::string& out, char c) {
  constexpr char kHex[] = "0123456789abcdef";
  const auto code = static_cast<unsigned char>(c);
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (code >= 0x20) {
    out += c;
  } else {
    out += std::string("\\u00") + kHex[code >> 4] + kHex[code & 15u];
  }
}

void append_text(std::string& out, std::string_view s) {
  out += '"';
  for (std::size_t i = 0; i < s.size();) {
    const std::size_t length = utf8_length(s, i);
    if (length == 0) {
      out += kReplacement;
    } else if (length == 1) {
      append_escaped(out, s[i]);
    } else {
      out += s.substr(i, length);
    }
    i += length == 0 ? 1 : length;
  }
  out += '"';
}

class Writer {
 public:
  explicit Writer(int indent) : indent_(indent) {}

  void operator()(std::nullptr_t) { out += "null"; }
  void operator()(bool b) { out += b ? "true" : "false"; }
  void operator()(std::int64_t n) { out += std::to_string(n); }
  void operator()(double x) { out += double_text(x); }
  void operator()(const std::string& s) { append_text(out, s); }

  void operator()(const JsonArray& items) {
    enclose('[', ']', items, [this](const Json& item) { item.visit(*this); });
  }

  void operator()(const JsonObject& members) {
    enclose('{', '}', members, [this](const auto& member) {
      append_text(out, member.first);
      out += indent_ < 0 ? ":" : ": ";
      member.second.visit(*this);
    });
  }

  std::string out;

 private:
  template <typename List, typename WriteOne>
  void enclose(char open, char close, const List& list, WriteOne write_one) {
    out += open;
    ++depth_;
    bool first = true;
    for (const auto& element : list) {
      if (!first) out += ',';
      first = false;
      new_line();
      write_one(element);
    }
    --depth_;
    if (!list.empty()) new_line();
    out += close;
  }

  void new_line() {
    if (indent_ >= 0) out += '\n' + std::string(static_cast<std::size_t>(indent_ * depth_), ' ');
  }

  int indent_;
  int depth_ = 0;
};

}  // namespace

std::string Json::dump(int indent) const {
  Writer writer(indent);
  visit(writer);
  return std::move(writer.out);
}

}  // namespace bitline::io
