#include <algorithm>

#include <gtest/gtest.h>

#include "bitline/data/dataset.h"

namespace bitline::data {
namespace {

TEST(Digits, SplitsByEveryFifthImage) {
  EXPECT_EQ(open_dataset({}, Split::kTrain)->size(), 1438);
  EXPECT_EQ(open_dataset({}, Split::kTest)->size(), 359);
}

TEST(Digits, FirstRowsAreThoseOfTheFile) {
  const auto train = open_dataset({}, Split::kTrain);
  EXPECT_EQ(train->shape(), (ImageShape{1, 8, 8}));
  EXPECT_EQ(train->name(), "digits");
  std::vector<float> pixels(64);
  train->read(0, pixels);
  const std::vector<float> first_two_rows = {0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0};
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(pixels[i], first_two_rows[i] / 16.0f) << i;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(train->label(i), i);
  EXPECT_EQ(train->label(4), 5);  // the 4 of row 4 is a test image
  EXPECT_EQ(open_dataset({}, Split::kTest)->label(0), 4);
}

TEST(Digits, ClassesAreThePublishedOnes) {
  std::vector<int> count(10);
  float low = 1, high = 0;
  for (const Split split : {Split::kTrain, Split::kTest}) {
    const auto set = open_dataset({}, split);
    std::vector<float> pixels(64);
    for (std::int64_t i = 0; i < set->size(); ++i) {
      ++count[static_cast<std::size_t>(set->label(i))];
      set->read(i, pixels);
      low = std::min(low, *std::min_element(pixels.begin(), pixels.end()));
      high = std::max(high, *std::max_element(pixels.begin(), pixels.end()));
    }
  }
  EXPECT_EQ(count, (std::vector<int>{178, 182, 177, 183, 181, 182, 181, 179, 174, 180}));
  EXPECT_EQ(low, 0.0f);
  EXPECT_EQ(high, 1.0f);
  EXPECT_EQ(open_dataset({}, Split::kTest)->class_names()[7], "7");
}

}  // namespace
}  // namespace bitline::data
