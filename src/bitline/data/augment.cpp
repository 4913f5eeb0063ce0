#include "bitline/data/augment.h"

#include <algorithm>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/base/philox.h"

namespace bitline::data {

namespace {

// Moves the picture up by dy and left by dx; what comes in from outside is zero.
void shift_plane(std::span<float> plane, std::int64_t height, std::int64_t width, std::int64_t dy,
                 std::int64_t dx) {
  const std::vector<float> source(plane.begin(), plane.end());
  std::fill(plane.begin(), plane.end(), 0.0f);
  const std::int64_t first = std::max<std::int64_t>(0, -dx);
  const std::int64_t last = std::min(width, width - dx);
  if (first >= last) return;
  for (std::int64_t y = std::max<std::int64_t>(0, -dy); y < std::min(height, height - dy); ++y)
    std::copy_n(source.begin() + (y + dy) * width + first + dx, last - first,
                plane.begin() + y * width + first);
}

}  // namespace

void augment(std::span<float> image, const ImageShape& shape, const Augmentation& what, std::uint64_t seed,
             std::int64_t epoch, std::int64_t index) {
  BITLINE_CHECK(static_cast<std::int64_t>(image.size()) == shape.count());
  if (what.pad < 0) bad_input("augmentation pad " + std::to_string(what.pad) + ", expected at least 0");
  const Philox random(
      seed, stream_id("augment", static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(index)));
  const auto offset = [&](std::uint64_t draw) {
    return std::int64_t{random.below(draw, 2u * static_cast<std::uint32_t>(what.pad) + 1u)} - what.pad;
  };
  const std::int64_t dy = offset(0);
  const std::int64_t dx = offset(1);
  const bool mirror = what.flip && (random.bits(8) & 1u) != 0;  // past the words of draws 0 and 1
  const auto plane_size = static_cast<std::size_t>(shape.height * shape.width);
  for (std::size_t at = 0; at < image.size(); at += plane_size) {
    const auto plane = image.subspan(at, plane_size);
    if (dy != 0 || dx != 0) shift_plane(plane, shape.height, shape.width, dy, dx);
    if (!mirror) continue;
    for (std::int64_t y = 0; y < shape.height; ++y) {
      const auto row = plane.begin() + y * shape.width;
      std::reverse(row, row + shape.width);
    }
  }
}

void crop_centre(Batch& batch, std::int64_t side) {
  const ImageShape from = batch.shape;
  if (side < 1 || side > std::min(from.height, from.width))
    bad_input("crop of " + std::to_string(side) + " pixels, expected 1 to " +
              std::to_string(std::min(from.height, from.width)));
  const std::int64_t top = (from.height - side) / 2, left = (from.width - side) / 2;
  std::vector<float> pixels;
  pixels.reserve(static_cast<std::size_t>(batch.count * from.channels * side * side));
  for (std::int64_t plane = 0; plane < batch.count * from.channels; ++plane) {
    for (std::int64_t y = 0; y < side; ++y) {
      const auto row = batch.pixels.begin() + (plane * from.height + top + y) * from.width + left;
      pixels.insert(pixels.end(), row, row + side);
    }
  }
  batch.pixels = std::move(pixels);
  batch.shape.height = batch.shape.width = side;
}

}  // namespace bitline::data
