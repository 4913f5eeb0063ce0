#include "bitline/data/loader.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "scratch.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bitline/data/sampler.h"

namespace bitline::data {
namespace {

using std::chrono::microseconds;

// Digits that take their time, differently for every image, and can break at one of them.
class SlowSet : public Dataset {
 public:
  explicit SlowSet(std::int64_t broken = -1) : inner_(open_dataset({}, Split::kTest)), broken_(broken) {}
  std::string name() const override { return "slow"; }
  std::int64_t size() const override { return inner_->size(); }
  ImageShape shape() const override { return inner_->shape(); }
  const std::vector<std::string>& class_names() const override { return inner_->class_names(); }
  int label(std::int64_t index) const override { return inner_->label(index); }
  void read(std::int64_t index, std::span<float> pixels) const override {
    ++reads;
    std::this_thread::sleep_for(microseconds(index * 37 % 500));
    if (index == broken_) bad_input("image is damaged", {"picture.png", 0, 0, {}});
    inner_->read(index, pixels);
  }

  mutable std::atomic<int> reads{0};

 private:
  std::unique_ptr<Dataset> inner_;
  std::int64_t broken_;
};

TEST(BatchLoader, EqualsDirectReads) {
  const SlowSet set;
  const std::vector<std::int64_t> order = epoch_order(set.size(), 4, 0);
  const Normalization normalization{{0.3f}, {0.4f}};
  BatchLoader loader(set, order, 32, normalization);
  std::size_t at = 0;
  while (const std::optional<Batch> batch = loader.next()) {
    const std::size_t count = std::min<std::size_t>(32, order.size() - at);
    const Batch direct = read_batch(set, std::span(order).subspan(at, count), normalization);
    EXPECT_EQ(batch->count, static_cast<std::int64_t>(count));
    EXPECT_EQ(batch->pixels, direct.pixels);
    EXPECT_EQ(batch->labels, direct.labels);
    at += count;
  }
  EXPECT_EQ(at, order.size());
  EXPECT_FALSE(loader.next().has_value());
}

TEST(BatchLoader, AugmentationDoesNotDependOnTimingOrBatchSize) {
  const SlowSet set;
  const std::vector<std::int64_t> order = epoch_order(60, 4, 0);
  const Normalization normalization{{0.5f}, {0.5f}};
  const auto collect = [&](std::int64_t batch_size, int pause) {
    BatchLoader loader(set, order, batch_size, normalization, {2, true}, 9, 3);
    std::vector<float> all;
    while (const std::optional<Batch> batch = loader.next()) {
      std::this_thread::sleep_for(microseconds(pause));
      all.insert(all.end(), batch->pixels.begin(), batch->pixels.end());
    }
    return all;
  };
  std::vector<float> expected;
  for (const std::int64_t index : order) {
    std::vector<float> image(64);
    set.read(index, image);
    augment(image, set.shape(), {2, true}, 9, 3, index);
    normalize(image, set.shape(), normalization);
    expected.insert(expected.end(), image.begin(), image.end());
  }
  EXPECT_EQ(collect(7, 0), expected);
  EXPECT_EQ(collect(16, 3000), expected);
  EXPECT_EQ(collect(100, 0), expected);
}

TEST(BatchLoader, AnErrorComesWhenItsBatchIsDue) {
  const SlowSet set(25);
  BatchLoader loader(set, sequential_order(0, 40), 10);
  EXPECT_EQ(loader.next()->count, 10);
  EXPECT_EQ(loader.next()->count, 10);
  for (int again = 0; again < 2; ++again)
    EXPECT_EQ(bad_input_text([&] { loader.next(); }), "picture.png: image is damaged");
}

TEST(BatchLoader, ReadsAheadNoMoreThanTheQueueHolds) {
  const SlowSet set;
  BatchLoader loader(set, sequential_order(0, 300), 10);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (set.reads < 30 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(microseconds(500));
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(set.reads, 30);  // two batches wait in the queue, the third in the hand of the thread
}

TEST(BatchLoader, MayBeLeftAtAnyMoment) {
  const SlowSet set;
  for (int taken = 0; taken < 5; ++taken) {
    BatchLoader loader(set, sequential_order(0, 300), 4);
    for (int i = 0; i < taken; ++i) EXPECT_EQ(loader.next()->count, 4);
  }
}

TEST(BatchLoader, EmptyOrderEndsAtOnceAndBatchSizeIsChecked) {
  const SlowSet set;
  BatchLoader loader(set, {}, 4);
  EXPECT_FALSE(loader.next().has_value());
  EXPECT_EQ(bad_input_text([&] { BatchLoader(set, {0}, 0); }), "batch size 0, expected at least 1");
}

}  // namespace
}  // namespace bitline::data
