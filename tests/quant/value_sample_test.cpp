// A sample looks at all rows, columns and channels alike, whatever the size of the tensor.
#include "bitline/quant/value_sample.h"

#include <cmath>

#include <gtest/gtest.h>

namespace bitline::quant {
namespace {

// Shares of the columns of images [count][height][width] in a sample.
std::vector<double> column_shares(std::size_t count, std::size_t height, std::size_t width,
                                  std::size_t most) {
  std::vector<float> values(count * height * width);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % width);
  const std::vector<float> sample = sample_values(values, most);
  std::vector<double> shares(width, 0.0);
  for (const float column : sample)
    shares[static_cast<std::size_t>(column)] += 1.0 / static_cast<double>(sample.size());
  return shares;
}

TEST(ValueSample, SeesEveryColumnAlike) {
  for (const std::size_t width : {7, 8, 14, 16, 32}) {
    for (std::size_t images = 256; images <= 1438; images += 61) {
      for (const double share : column_shares(images, 8, width, 20'000)) {
        const double expected = 1.0 / static_cast<double>(width);
        ASSERT_NEAR(share, expected, 6.0 * std::sqrt(expected / 20'000.0)) << images << " images, " << width;
      }
    }
  }
}

TEST(ValueSample, FewValuesAreAllTaken) {
  const std::vector<float> values = {3.0f, 1.0f, 2.0f};
  EXPECT_EQ(sample_values(values, 3), values);
  EXPECT_EQ(sample_values(values, 100), values);
  EXPECT_EQ(sample_values(values, 2).size(), 2U);
}

TEST(ValueSample, KeepsTheOrderAndOneOfEachStretch) {
  std::vector<float> values(1000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const std::vector<float> sample = sample_values(values, 300);
  ASSERT_EQ(sample.size(), 300U);
  for (std::size_t k = 0; k < sample.size(); ++k) {
    ASSERT_GE(sample[k], std::floor(static_cast<float>(k) * 10.0f / 3.0f));
    ASSERT_LE(sample[k], std::ceil(static_cast<float>(k + 1) * 10.0f / 3.0f));
  }
  EXPECT_EQ(sample, sample_values(values, 300));
}

TEST(ValueSample, PlacesRiseAndSpreadOverAll) {
  EXPECT_EQ(sample_places(3, 5), (std::vector<std::size_t>{0, 1, 2}));
  for (const std::size_t count : {10U, 64U, 1438U}) {
    for (const std::size_t most : {1U, 3U, 9U}) {
      const std::vector<std::size_t> places = sample_places(count, most);
      ASSERT_EQ(places.size(), most);
      for (std::size_t k = 0; k < most; ++k) {
        EXPECT_GE(places[k], k * count / most);
        EXPECT_LE(places[k], (k + 1) * count / most);
      }
    }
  }
}

}  // namespace
}  // namespace bitline::quant
