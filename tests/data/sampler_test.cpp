#include "bitline/data/sampler.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "bitline/base/hash.h"

namespace bitline::data {
namespace {

TEST(Sampler, EpochOrderIsAPermutation) {
  for (const std::int64_t count : {0, 1, 2, 3, 17, 1438, 50000}) {
    std::vector<std::int64_t> order = epoch_order(count, 5, 2);
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, sequential_order(0, count));
  }
}

TEST(Sampler, EpochsAndSeedsDiffer) {
  EXPECT_EQ(epoch_order(100, 1, 0), epoch_order(100, 1, 0));
  EXPECT_NE(epoch_order(100, 1, 0), epoch_order(100, 1, 1));
  EXPECT_NE(epoch_order(100, 1, 0), epoch_order(100, 2, 0));
}

TEST(Sampler, EveryOrderOfFourIsEquallyLikely) {
  std::map<std::vector<std::int64_t>, int> count;
  for (std::int64_t epoch = 0; epoch < 24000; ++epoch) ++count[epoch_order(4, 3, epoch)];
  ASSERT_EQ(count.size(), 24u);
  for (const auto& [order, times] : count) EXPECT_NEAR(times, 1000, 160);  // five deviations
}

// Published results name a seed; this order must never change.
TEST(Sampler, OrderIsPinned) {
  const std::vector<std::int64_t> order = epoch_order(1000, 1, 0);
  EXPECT_EQ(hash_text(hash_bytes(std::as_bytes(std::span(order)))), "de608e7702d2331d");
}

TEST(Sampler, SequentialOrderStartsAnywhere) {
  EXPECT_EQ(sequential_order(5, 3), (std::vector<std::int64_t>{5, 6, 7}));
}

// Labels alone.
class Labels : public Dataset {
 public:
  Labels(std::vector<int> labels, int classes) : labels_(std::move(labels)) {
    for (int c = 0; c < classes; ++c) names_.push_back("c" + std::to_string(c));
  }
  std::string name() const override { return "labels"; }
  std::int64_t size() const override { return std::ssize(labels_); }
  ImageShape shape() const override { return {1, 1, 1}; }
  const std::vector<std::string>& class_names() const override { return names_; }
  int label(std::int64_t i) const override { return labels_[static_cast<std::size_t>(i)]; }
  void read(std::int64_t, std::span<float>) const override {}

 private:
  std::vector<int> labels_;
  std::vector<std::string> names_;
};

// Classes of these sizes, one after the other.
Labels in_blocks(const std::vector<int>& sizes) {
  std::vector<int> labels;
  for (std::size_t c = 0; c < sizes.size(); ++c)
    labels.insert(labels.end(), static_cast<std::size_t>(sizes[c]), static_cast<int>(c));
  return {labels, static_cast<int>(sizes.size())};
}

Labels mixed(std::int64_t count, int classes, std::uint64_t seed) {
  std::vector<int> labels;
  for (const std::int64_t i : epoch_order(count, seed, 0)) labels.push_back(static_cast<int>(i % classes));
  return {labels, classes};
}

TEST(Subset, OfMixedDataIsTheFirstImages) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Labels set = mixed(5000, 10, seed);
    for (const std::int64_t count : {1, 7, 64, 200, 1000, 4999})
      ASSERT_EQ(subset_order(set, count), sequential_order(0, count)) << "seed " << seed << ", " << count;
  }
}

TEST(Subset, OfSortedDataHasEachClassByItsShare) {
  const std::vector<int> sizes = {100, 50, 200, 10, 140};
  const Labels set = in_blocks(sizes);
  for (const std::int64_t count : {1, 5, 33, 100, 250, 499}) {
    std::vector<std::int64_t> order = subset_order(set, count);
    ASSERT_EQ(std::ssize(order), count);
    std::vector<double> counts(sizes.size(), 0.0);
    for (const std::int64_t i : order) counts[static_cast<std::size_t>(set.label(i))] += 1.0;
    for (std::size_t c = 0; c < sizes.size(); ++c)
      EXPECT_NEAR(counts[c], static_cast<double>(count) * sizes[c] / 500.0, 1.0)
          << "class " << c << " of " << count;
    EXPECT_EQ(order, subset_order(set, count));
    EXPECT_EQ(std::unique(order.begin(), order.end()), order.end());
  }
}

TEST(Subset, OfOneImageAClassSpreadsOverTheClasses) {
  const Labels set = in_blocks(std::vector<int>(1000, 1));
  const std::vector<std::int64_t> order = subset_order(set, 200);
  for (std::size_t k = 0; k < order.size(); ++k) EXPECT_EQ(order[k] / 5, static_cast<std::int64_t>(k));
}

TEST(Subset, BlocksInAnyOrderAreSorted) {
  std::vector<int> labels;
  for (const int c : {3, 1, 4, 0, 2, 3, 1}) labels.insert(labels.end(), 40, c);
  const Labels set(labels, 5);
  EXPECT_TRUE(is_sorted(set, 40));
  EXPECT_TRUE(missing_classes(set, subset_order(set, 40)).empty());
  EXPECT_EQ(missing_classes(set, sequential_order(0, 40)),
            (std::vector<std::string>{"c0", "c1", "c2", "c4"}));
}

// A rare image among the first ones is chance, not order.
TEST(Subset, OfMixedDataWithRareClassesIsTheFirstImages) {
  const Labels blocks = in_blocks({1500, 1500, 1200, 700, 90, 10});
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    std::vector<int> labels;
    for (const std::int64_t i : epoch_order(blocks.size(), seed, 0)) labels.push_back(blocks.label(i));
    const Labels set(labels, 6);
    for (const std::int64_t count : {8, 16, 32, 64, 100, 128, 200, 256, 500, 1000})
      ASSERT_EQ(subset_order(set, count), sequential_order(0, count)) << "seed " << seed << ", " << count;
  }
}

// Each part has one image a class, so the first images lack no class that others would have, only a range.
TEST(Subset, SortedPartsInARowAreSorted) {
  std::vector<int> labels;
  for (int i = 0; i < 3000; ++i) labels.push_back(i % 1000);
  const Labels set(labels, 1000);
  std::vector<int> seen;
  for (const std::int64_t i : subset_order(set, 200)) seen.push_back(set.label(i));
  std::sort(seen.begin(), seen.end());
  EXPECT_LT(seen.front(), 10);
  for (std::size_t k = 1; k < seen.size(); ++k) EXPECT_LE(seen[k] - seen[k - 1], 10);
  EXPECT_GE(seen.back(), 990);
}

TEST(Subset, LabelsInTurnAreMixed) {
  std::vector<int> labels;
  for (int i = 0; i < 500; ++i) labels.push_back(i % 10);
  for (const std::int64_t count : {1, 10, 25, 499})
    EXPECT_EQ(subset_order(Labels(labels, 10), count), sequential_order(0, count));
}

TEST(Subset, AllImagesAndOneClassStayInOrder) {
  EXPECT_EQ(subset_order(in_blocks({5, 5}), 0), sequential_order(0, 10));
  EXPECT_EQ(subset_order(in_blocks({5, 5}), 99), sequential_order(0, 10));
  EXPECT_EQ(subset_order(in_blocks({9}), 4), sequential_order(0, 4));
}

}  // namespace
}  // namespace bitline::data
