// Pieces of SVG pictures as text: the same values give the same bytes.
#pragma once

#include <cstdint>
#include <string>

namespace bitline::app {

// A filled rectangle; a title is shown by viewers when the pointer rests on it.
std::string svg_rectangle(double x, double y, double width, double height, const std::string& fill,
                          const std::string& title);
std::string svg_text(double x, double y, const std::string& text);
std::string svg_line(double x, double y, double to_x, double to_y, const std::string& colour);

// The whole picture on white.
std::string svg_picture(int width, int height, const std::string& body);

// One of eight colours, over and over.
const char* svg_colour(std::int64_t index);

}  // namespace bitline::app
