#include "bitline/quant/value_sample.h"

#include "bitline/base/error.h"
#include "bitline/base/philox.h"

namespace bitline::quant {

std::vector<float> sample_values(std::span<const float> values, std::size_t most) {
  BITLINE_CHECK(most >= 1);
  if (values.size() <= most) return {values.begin(), values.end()};
  const Philox random(values.size(), stream_id("value-sample"));
  std::vector<float> sample(most);
  for (std::size_t k = 0; k < most; ++k) {
    const double place = (static_cast<double>(k) + random.uniform(k)) / static_cast<double>(most);
    sample[k] = values[static_cast<std::size_t>(place * static_cast<double>(values.size()))];
  }
  return sample;
}

}  // namespace bitline::quant
