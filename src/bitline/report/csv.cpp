#include "bitline/report/csv.h"

#include <array>
#include <charconv>
#include <string_view>
#include <variant>

#include "bitline/report/table_check.h"

namespace bitline::report {

namespace {

constexpr const char* kLineEnd = "\r\n";

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

// An empty field is quoted, too: alone on its line, it would be no record at all to many readers.
std::string field(std::string_view text) {
  const bool plain = !text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos;
  return plain ? std::string(text) : quoted(text);
}

std::string exact_text(double x) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x).ptr;
  return {buffer.data(), end};
}

std::string value_field(const result::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return field(*text);
  if (const auto* count = std::get_if<std::int64_t>(&value)) return std::to_string(*count);
  return exact_text(std::get<double>(value));
}

template <typename List, typename MakeField>
void append_line(std::string& out, const List& list, MakeField make_field) {
  bool first = true;
  for (const auto& element : list) {
    if (!first) out += ',';
    first = false;
    out += make_field(element);
  }
  out += kLineEnd;
}

}  // namespace

std::string to_csv(const result::Table& table) {
  check_table(table);
  std::string out;
  append_line(out, table.columns, [](const result::Column& column) { return field(column.key); });
  for (const auto& row : table.rows) append_line(out, row, value_field);
  return out;
}

}  // namespace bitline::report
