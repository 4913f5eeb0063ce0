#include "bitline/quant/value_sample.h"

#include <algorithm>
#include <numeric>

#include "bitline/base/error.h"
#include "bitline/base/philox.h"

namespace bitline::quant {

std::vector<std::size_t> sample_places(std::size_t count, std::size_t most) {
  BITLINE_CHECK(most >= 1);
  std::vector<std::size_t> places(std::min(count, most));
  if (count <= most) {
    std::iota(places.begin(), places.end(), std::size_t{0});
    return places;
  }
  const Philox random(count, stream_id("value-sample"));
  for (std::size_t k = 0; k < most; ++k) {
    const double place = (static_cast<double>(k) + random.uniform(k)) / static_cast<double>(most);
    places[k] = static_cast<std::size_t>(place * static_cast<double>(count));
  }
  return places;
}

std::vector<float> sample_values(std::span<const float> values, std::size_t most) {
  BITLINE_CHECK(most >= 1);
  if (values.size() <= most) return {values.begin(), values.end()};
  std::vector<float> sample;
  sample.reserve(most);
  for (const std::size_t place : sample_places(values.size(), most)) sample.push_back(values[place]);
  return sample;
}

}  // namespace bitline::quant
