// One function a picture format; `bytes` are known to begin with the format's signature.
#pragma once

#include "bitline/base/error.h"
#include "bitline/data/image.h"

namespace bitline::data {

Image decode_png(std::span<const std::byte> bytes, const std::string& path);
Image decode_jpeg(std::span<const std::byte> bytes, const std::string& path);

// An empty image of this size. A few bytes can claim a huge picture, so a size that `file_size` bytes cannot
// hold at `pixels_per_byte`, the format's best compression, is refused before any memory is taken.
Image blank_image(std::uint64_t width, std::uint64_t height, std::size_t file_size,
                  std::uint64_t pixels_per_byte, const std::string& path);

}  // namespace bitline::data
