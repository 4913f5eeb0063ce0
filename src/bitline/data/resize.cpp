#include <algorithm>
#include <cmath>

#include "bitline/base/error.h"
#include "bitline/data/image.h"

namespace bitline::data {

namespace {

constexpr int kFractionBits = 22;
constexpr std::int32_t kOne = 1 << kFractionBits;
constexpr std::int32_t kHalf = kOne / 2;

// What one output position reads: source positions first, first + 1, ... and their fixed-point weights.
struct Taps {
  std::int64_t first = 0;
  std::vector<std::int32_t> weights;
};

Taps taps_at(std::int64_t position, std::int64_t in, std::int64_t out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double radius = std::max(scale, 1.0);
  const double center = (static_cast<double>(position) + 0.5) * scale;
  const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(center - radius + 0.5));
  const auto last = std::min(in, static_cast<std::int64_t>(center + radius + 0.5));
  std::vector<double> triangle;
  double sum = 0.0;
  for (std::int64_t i = first; i < last; ++i) {
    const double distance = std::abs((static_cast<double>(i) - center + 0.5) * (1.0 / radius));
    triangle.push_back(std::max(0.0, 1.0 - distance));
    sum += triangle.back();
  }
  Taps taps{first, {}};
  for (const double w : triangle)
    taps.weights.push_back(static_cast<std::int32_t>(w * (1.0 / sum) * kOne + 0.5));
  return taps;
}

std::vector<Taps> all_taps(std::int64_t in, std::int64_t out) {
  std::vector<Taps> taps;
  for (std::int64_t i = 0; i < out; ++i) taps.push_back(taps_at(i, in, out));
  return taps;
}

// Sum of weights times every `stride`-th byte from `source` on, rounded to a byte.
std::uint8_t weigh(const std::uint8_t* source, std::int64_t stride,
                   const std::vector<std::int32_t>& weights) {
  std::int32_t sum = kHalf;
  for (const std::int32_t weight : weights) {
    sum += weight * *source;
    source += stride;
  }
  return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

Image resize_rows(const Image& image, std::int64_t width) {
  const std::vector<Taps> taps = all_taps(image.width, width);
  Image out{width, image.height,
            std::vector<std::uint8_t>(static_cast<std::size_t>(width * image.height * 3))};
  std::uint8_t* to = out.rgb.data();
  for (std::int64_t y = 0; y < image.height; ++y)
    for (const Taps& t : taps) {
      const std::uint8_t* from = image.rgb.data() + (y * image.width + t.first) * 3;
      for (int c = 0; c < 3; ++c) *to++ = weigh(from + c, 3, t.weights);
    }
  return out;
}

Image resize_columns(const Image& image, std::int64_t height) {
  const std::int64_t row = image.width * 3;
  Image out{image.width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(row * height))};
  std::uint8_t* to = out.rgb.data();
  for (const Taps& t : all_taps(image.height, height)) {
    const std::uint8_t* from = image.rgb.data() + t.first * row;
    for (std::int64_t x = 0; x < row; ++x) *to++ = weigh(from + x, row, t.weights);
  }
  return out;
}

}  // namespace

Image resize_bilinear(const Image& image, std::int64_t width, std::int64_t height) {
  BITLINE_CHECK(width > 0 && height > 0 && image.width > 0 && image.height > 0);
  BITLINE_CHECK(static_cast<std::int64_t>(image.rgb.size()) == image.width * image.height * 3);
  if (width == image.width && height == image.height) return image;
  if (width == image.width) return resize_columns(image, height);
  const Image narrow = resize_rows(image, width);
  return height == image.height ? narrow : resize_columns(narrow, height);
}

}  // namespace bitline::data
