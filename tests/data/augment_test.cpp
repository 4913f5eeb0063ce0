#include "bitline/data/augment.h"

#include <numeric>
#include <set>

#include "scratch.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bitline::data {
namespace {

constexpr ImageShape kShape{2, 5, 6};

// Every pixel is its own number from 1 on, so a shifted or mirrored picture tells what happened to it.
std::vector<float> numbered() {
  std::vector<float> image(static_cast<std::size_t>(kShape.count()));
  std::iota(image.begin(), image.end(), 1.0f);
  return image;
}

std::vector<float> augmented(const Augmentation& what, std::int64_t index, std::uint64_t seed = 7,
                             std::int64_t epoch = 0) {
  std::vector<float> image = numbered();
  augment(image, kShape, what, seed, epoch, index);
  return image;
}

// What a shift by (dy, dx) and perhaps a mirroring should give, pixel by pixel.
std::vector<float> moved(std::int64_t dy, std::int64_t dx, bool mirror) {
  const std::vector<float> source = numbered();
  std::vector<float> out;
  for (std::int64_t c = 0; c < kShape.channels; ++c)
    for (std::int64_t y = 0; y < kShape.height; ++y)
      for (std::int64_t x = 0; x < kShape.width; ++x) {
        const std::int64_t from_y = y + dy;
        const std::int64_t from_x = (mirror ? kShape.width - 1 - x : x) + dx;
        const bool inside = from_y >= 0 && from_y < kShape.height && from_x >= 0 && from_x < kShape.width;
        const std::int64_t at = (c * kShape.height + from_y) * kShape.width + from_x;
        out.push_back(inside ? source[static_cast<std::size_t>(at)] : 0.0f);
      }
  return out;
}

TEST(Augment, NothingAskedIsTheIdentity) {
  for (std::int64_t i = 0; i < 50; ++i) EXPECT_EQ(augmented({0, false}, i), numbered());
}

TEST(Augment, EveryOffsetAndMirroringOccursAndNothingElse) {
  std::map<std::vector<float>, int> expected;
  for (std::int64_t dy = -2; dy <= 2; ++dy)
    for (std::int64_t dx = -2; dx <= 2; ++dx)
      for (const bool mirror : {false, true}) expected[moved(dy, dx, mirror)] = 0;
  ASSERT_EQ(expected.size(), 50u);
  for (std::int64_t i = 0; i < 5000; ++i) {
    const auto found = expected.find(augmented({2, true}, i));
    ASSERT_NE(found, expected.end()) << "image " << i;
    ++found->second;
  }
  for (const auto& [image, count] : expected) {  // 100 each, deviation 9.9
    EXPECT_GT(count, 50);
    EXPECT_LT(count, 150);
  }
}

TEST(Augment, MirroringTwiceIsTheIdentity) {
  int mirrored = 0;
  for (std::int64_t i = 0; i < 64; ++i) {
    std::vector<float> image = augmented({0, true}, i);
    mirrored += image == numbered() ? 0 : 1;
    augment(image, kShape, {0, true}, 7, 0, i);
    EXPECT_EQ(image, numbered()) << i;
  }
  EXPECT_GT(mirrored, 16);
  EXPECT_LT(mirrored, 48);
}

TEST(Augment, DependsOnSeedEpochAndIndexOnly) {
  EXPECT_EQ(augmented({2, true}, 3), augmented({2, true}, 3));
  const auto differing = [](std::uint64_t seed, std::int64_t epoch, std::int64_t step) {
    int count = 0;
    for (std::int64_t i = 0; i < 100; ++i)
      count += augmented({2, true}, i + step, seed, epoch) == augmented({2, true}, i) ? 0 : 1;
    return count;
  };
  EXPECT_GT(differing(8, 0, 0), 80);
  EXPECT_GT(differing(7, 1, 0), 80);
  EXPECT_GT(differing(7, 0, 1), 80);
}

TEST(Augment, PadBeyondThePictureLeavesBlackOrPartOfIt) {
  int black = 0;
  for (std::int64_t i = 0; i < 200; ++i) {
    const std::vector<float> image = augmented({20, false}, i);
    black += std::all_of(image.begin(), image.end(), [](float x) { return x == 0.0f; }) ? 1 : 0;
  }
  EXPECT_GT(black, 100);
  EXPECT_LT(black, 200);
}

TEST(Augment, NegativePadIsRefused) {
  EXPECT_THAT(bad_input_text([] { augmented({-1, false}, 0); }), testing::HasSubstr("pad -1"));
}

TEST(CropCentre, LeavesTheMiddleOfEveryPlane) {
  Batch batch{2, kShape, numbered(), {0, 1}};
  const std::vector<float> second = numbered();
  batch.pixels.insert(batch.pixels.end(), second.begin(), second.end());
  crop_centre(batch, 2);
  EXPECT_EQ(batch.shape, (ImageShape{2, 2, 2}));
  // rows 1 and 2 of 5, columns 2 and 3 of 6; a plane has 30 pixels
  const std::vector<float> one = {9, 10, 15, 16, 39, 40, 45, 46};
  std::vector<float> expected = one;
  expected.insert(expected.end(), one.begin(), one.end());
  EXPECT_EQ(batch.pixels, expected);
}

TEST(CropCentre, RefusesWhatIsNotInThePicture) {
  for (const std::int64_t side : {0, 6}) {
    Batch batch{1, kShape, numbered(), {0}};
    EXPECT_THROW(crop_centre(batch, side), Error);
  }
}

}  // namespace
}  // namespace bitline::data
