#include "bitline/data/image.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "bitline/data/impl/decoders.h"

namespace bitline::data {

namespace {

constexpr std::uint64_t kPixelLimit = std::uint64_t{1} << 26;
constexpr std::array<unsigned char, 8> kPngSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
constexpr std::array<unsigned char, 3> kJpegSignature = {0xFF, 0xD8, 0xFF};

template <std::size_t N>
bool begins_with(std::span<const std::byte> bytes, const std::array<unsigned char, N>& signature) {
  return bytes.size() >= N && std::memcmp(bytes.data(), signature.data(), N) == 0;
}

std::int64_t half_to_even(std::int64_t n) {
  return n / 2 + (n % 4 == 3 ? 1 : 0);
}

std::string size_text(std::int64_t width, std::int64_t height) {
  return std::to_string(width) + " x " + std::to_string(height);
}

}  // namespace

Image decode_image(std::span<const std::byte> bytes, const std::string& path) {
  if (begins_with(bytes, kPngSignature)) return decode_png(bytes, path);
  if (begins_with(bytes, kJpegSignature)) return decode_jpeg(bytes, path);
  bad_input("expected a PNG or JPEG picture", {path, 0, 0, {}});
}

Image blank_image(std::uint64_t width, std::uint64_t height, std::size_t file_size,
                  std::uint64_t pixels_per_byte, const std::string& path) {
  const std::uint64_t pixels = width * height;  // both below 2^31
  if (pixels == 0 || pixels > kPixelLimit)
    bad_input("picture of " + std::to_string(width) + " x " + std::to_string(height) +
                  " pixels, expected between 1 and " + std::to_string(kPixelLimit) + " pixels",
              {path, 0, 0, {}});
  if (pixels / pixels_per_byte > file_size)
    bad_input("picture claims " + std::to_string(width) + " x " + std::to_string(height) +
                  " pixels, more than its " + std::to_string(file_size) + " bytes can hold",
              {path, 0, 0, {}});
  return {static_cast<std::int64_t>(width), static_cast<std::int64_t>(height),
          std::vector<std::uint8_t>(pixels * 3)};
}

Image resize_short_side(const Image& image, std::int64_t side) {
  const std::int64_t shorter = std::min(image.width, image.height);
  BITLINE_CHECK(side > 0 && shorter > 0);
  const std::int64_t longer = side * std::max(image.width, image.height) / shorter;
  if (static_cast<std::uint64_t>(side) * static_cast<std::uint64_t>(longer) > kPixelLimit)
    bad_input("picture of " + size_text(image.width, image.height) + " resized to a short side of " +
              std::to_string(side) + " would exceed " + std::to_string(kPixelLimit) + " pixels");
  return image.width <= image.height ? resize_bilinear(image, side, longer)
                                     : resize_bilinear(image, longer, side);
}

Image center_crop(const Image& image, std::int64_t side) {
  if (side <= 0 || side > image.width || side > image.height)
    bad_input("centre crop of " + std::to_string(side) + " from a picture of " +
              size_text(image.width, image.height) + ", expected at most its short side");
  const std::int64_t left = half_to_even(image.width - side);
  const std::int64_t top = half_to_even(image.height - side);
  Image out{side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(side * side * 3))};
  for (std::int64_t y = 0; y < side; ++y)
    std::copy_n(image.rgb.begin() + ((top + y) * image.width + left) * 3, side * 3,
                out.rgb.begin() + y * side * 3);
  return out;
}

}  // namespace bitline::data
