// The cases of expected/pictures.txt: picture files with the pixels Pillow reads and makes of them.
#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "bitline/data/image.h"

namespace bitline::data {

struct PictureCase {
  std::string name;
  std::string file;  // bytes
  Image pixels;
  std::vector<Image> resized;
};

inline std::string from_hex(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

inline Image read_pixels(std::istream& line) {
  Image image;
  std::string hex;
  line >> image.width >> image.height >> hex;
  for (const char c : from_hex(hex)) image.rgb.push_back(static_cast<std::uint8_t>(c));
  return image;
}

inline std::vector<PictureCase> picture_cases() {
  std::ifstream in(BITLINE_SOURCE_DIR "/tests/data/expected/pictures.txt");
  if (!in) throw std::runtime_error("no tests/data/expected/pictures.txt");
  std::vector<PictureCase> cases;
  for (std::string text; std::getline(in, text);) {
    std::istringstream line(text);
    std::string word, name, hex;
    line >> word;
    if (word == "file" && line >> name >> hex) cases.push_back({name, from_hex(hex), {}, {}});
    if (word == "pixels") cases.back().pixels = read_pixels(line);
    if (word == "resized") cases.back().resized.push_back(read_pixels(line));
  }
  return cases;
}

inline const PictureCase& picture_case(const std::string& name) {
  static const std::vector<PictureCase> cases = picture_cases();
  for (const PictureCase& c : cases)
    if (c.name == name) return c;
  throw std::runtime_error("no picture case " + name);
}

inline std::span<const std::byte> as_file(const std::string& bytes) {
  return std::as_bytes(std::span(bytes.data(), bytes.size()));
}

// The largest difference of a pixel; 256 when the sizes differ.
inline int largest_difference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.rgb.size() != b.rgb.size()) return 256;
  int largest = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i)
    largest = std::max(largest, std::abs(int{a.rgb[i]} - int{b.rgb[i]}));
  return largest;
}

}  // namespace bitline::data
