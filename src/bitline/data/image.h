// Photographs as the data sets need them: 8-bit RGB, rows from the top, three bytes a pixel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bitline::data {

struct Image {
  std::int64_t width = 0, height = 0;
  std::vector<std::uint8_t> rgb;  // height x width x 3
};

// PNG or JPEG, told apart by the first bytes, not by the name. Grey, palette and CMYK are converted to RGB,
// alpha is dropped, 16 bits keep the high byte. Throws Error{kBadInput} with `path` for any other, damaged or
// truncated file and for more than 2^26 pixels.
Image decode_image(std::span<const std::byte> bytes, const std::string& path);

// Bilinear; when reducing, the kernel widens by the factor (antialias). Two passes, rows first, each rounded
// to 8 bits with 22-bit weights: the bytes of Image.resize(BILINEAR) of Pillow 11. Later Pillows may take the
// columns first, which moves some pixels by one level. Sizes in pixels, all > 0.
Image resize_bilinear(const Image& image, std::int64_t width, std::int64_t height);

// The short side becomes `side`, the long side floor(side * long / short).
Image resize_short_side(const Image& image, std::int64_t side);

// The middle `side` x `side` pixels; the image must not be smaller. An odd margin is split half to even.
Image center_crop(const Image& image, std::int64_t side);

}  // namespace bitline::data
