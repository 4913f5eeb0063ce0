// Text laid out on a page of fixed-width letters: widths, breaking and alignment. A width is a number of
// code points, so that "\u00b5m" takes two places; a control character never reaches the terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bitline::report {

std::size_t width_of(std::string_view text);

// The first `width` code points.
std::string_view clipped(std::string_view text, std::size_t width);

// Lines of at most `width` > 0: broken at line ends, then at spaces, and inside a word only when it alone is
// too wide. Never empty; other control characters become '?'.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

std::string padded_right(std::string text, std::size_t width);  // text first
std::string padded_left(const std::string& text, std::size_t width);
std::string without_trailing_spaces(std::string text);

}  // namespace bitline::report
