#include "bitline/report/page.h"

#include <algorithm>

namespace bitline::report {

namespace {

bool begins_code_point(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const auto code = static_cast<unsigned char>(c);
    if (c != '\n' && (code < 0x20 || code == 0x7F)) c = c == '\t' ? ' ' : '?';
  }
  return out;
}

// Where to break a line that is too wide: at the last space that leaves a line narrow enough.
std::size_t break_at(std::string_view line, std::size_t width) {
  const std::size_t widest = clipped(line, width).size();
  const std::size_t space = line.rfind(' ', widest);
  return space == std::string_view::npos || space == 0 ? widest : space;
}

void append_wrapped(std::vector<std::string>& lines, std::string_view line, std::size_t width) {
  while (width_of(line) > width) {
    const std::size_t end = break_at(line, width);
    lines.push_back(without_trailing_spaces(std::string(line.substr(0, end))));
    line.remove_prefix(std::min(line.find_first_not_of(' ', end), line.size()));
  }
  lines.emplace_back(line);
}

std::string spaces_to_reach(std::string_view text, std::size_t width) {
  return std::string(width - std::min(width, width_of(text)), ' ');
}

}  // namespace

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_code_point));
}

std::string_view clipped(std::string_view text, std::size_t width) {
  std::size_t points = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (begins_code_point(text[i]) && ++points > width) return text.substr(0, i);
  }
  return text;
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  const std::string clean = printable(text);
  std::vector<std::string> lines;
  std::size_t start = 0;
  for (std::size_t end = clean.find('\n'); end != std::string::npos; end = clean.find('\n', start)) {
    append_wrapped(lines, std::string_view(clean).substr(start, end - start), width);
    start = end + 1;
  }
  append_wrapped(lines, std::string_view(clean).substr(start), width);
  return lines;
}

std::string padded_right(std::string text, std::size_t width) {
  text += spaces_to_reach(text, width);
  return text;
}

std::string padded_left(const std::string& text, std::size_t width) {
  return spaces_to_reach(text, width) + text;
}

std::string without_trailing_spaces(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace bitline::report
