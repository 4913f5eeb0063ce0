#include "bitline/app/svg.h"

#include <array>

#include "bitline/base/units.h"

namespace bitline::app {

namespace {

constexpr std::array<const char*, 8> kColours = {"#3b6fb6", "#d9822b", "#4c9f50", "#b6443b",
                                                 "#7d5ba6", "#8c6d46", "#c75c9b", "#4aa3a3"};

std::string number(double value) {
  return fixed_text(value, 2);
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return out;
}

}  // namespace

std::string svg_rectangle(double x, double y, double width, double height, const std::string& fill,
                          const std::string& title) {
  std::string out = "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(width) +
                    "\" height=\"" + number(height) + "\" fill=\"" + fill + "\"";
  return out + (title.empty() ? "/>\n" : "><title>" + escaped(title) + "</title></rect>\n");
}

std::string svg_text(double x, double y, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\">" + escaped(text) + "</text>\n";
}

std::string svg_line(double x, double y, double to_x, double to_y, const std::string& colour) {
  return "<line x1=\"" + number(x) + "\" y1=\"" + number(y) + "\" x2=\"" + number(to_x) + "\" y2=\"" +
         number(to_y) + "\" stroke=\"" + colour + "\"/>\n";
}

std::string svg_picture(int width, int height, const std::string& body) {
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + std::to_string(width) + "\" height=\"" +
         std::to_string(height) + "\" font-family=\"sans-serif\" font-size=\"12\">\n" +
         svg_rectangle(0, 0, width, height, "#ffffff", "") + body + "</svg>\n";
}

const char* svg_colour(std::int64_t index) {
  return kColours[static_cast<std::size_t>(index) % kColours.size()];
}

}  // namespace bitline::app
