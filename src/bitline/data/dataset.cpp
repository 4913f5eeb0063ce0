#include "bitline/data/dataset.h"

#include "bitline/base/error.h"

namespace bitline::data {

namespace {

void check_normalization(const Normalization& n, std::int64_t channels) {
  const auto fits = [channels](const std::vector<float>& list) {
    return list.size() <= 1 || static_cast<std::int64_t>(list.size()) == channels;
  };
  if (!fits(n.mean) || !fits(n.stddev))
    bad_input("normalization has " + std::to_string(n.mean.size()) + " means and " +
              std::to_string(n.stddev.size()) + " standard deviations, expected none, one or " +
              std::to_string(channels) + " of each");
  for (const float s : n.stddev)
    if (!(s > 0.0f))
      bad_input("normalization has standard deviation " + std::to_string(s) + ", expected above 0");
}

float entry(const std::vector<float>& list, std::size_t channel, float fallback) {
  if (list.empty()) return fallback;
  return list.size() == 1 ? list[0] : list[channel];
}

}  // namespace

void normalize(std::span<float> image, const ImageShape& shape, const Normalization& normalization) {
  BITLINE_CHECK(static_cast<std::int64_t>(image.size()) == shape.count());
  check_normalization(normalization, shape.channels);
  if (normalization.mean.empty() && normalization.stddev.empty()) return;
  const auto plane = static_cast<std::size_t>(shape.height * shape.width);
  for (std::size_t c = 0; c < static_cast<std::size_t>(shape.channels); ++c) {
    const float mean = entry(normalization.mean, c, 0.0f);
    const float stddev = entry(normalization.stddev, c, 1.0f);
    for (float& x : image.subspan(c * plane, plane)) x = (x - mean) / stddev;
  }
}

Batch read_batch(const Dataset& set, std::span<const std::int64_t> indices,
                 const Normalization& normalization) {
  Batch batch{static_cast<std::int64_t>(indices.size()), set.shape(), {}, {}};
  const auto size = static_cast<std::size_t>(batch.shape.count());
  batch.pixels.resize(indices.size() * size);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || indices[i] >= set.size())
      bad_input("image " + std::to_string(indices[i]) + " asked of " + set.name() + ", which has " +
                std::to_string(set.size()));
    const auto image = std::span(batch.pixels).subspan(i * size, size);
    set.read(indices[i], image);
    normalize(image, batch.shape, normalization);
    batch.labels.push_back(set.label(indices[i]));
  }
  return batch;
}

}  // namespace bitline::data
