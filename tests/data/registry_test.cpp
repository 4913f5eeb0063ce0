#include "scratch.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bitline/data/dataset.h"

namespace bitline::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

DatasetOptions of_kind(const std::string& kind) {
  DatasetOptions options;
  options.kind = kind;
  return options;
}

TEST(Registry, UnknownKindSuggestsTheNearest) {
  EXPECT_THAT(bad_input_text([] { open_dataset(of_kind("cifar-10"), Split::kTest); }),
              HasSubstr("unknown data set 'cifar-10' (did you mean 'cifar10'?)"));
  EXPECT_THAT(bad_input_text([] { default_normalization("imagefolder"); }), HasSubstr("'image-folder'"));
  EXPECT_THAT(dataset_kinds(), ElementsAre("digits", "cifar10", "cifar100", "image-folder"));
}

TEST(Registry, EveryKindHasANormalizationForItsChannels) {
  EXPECT_TRUE(default_normalization("digits").mean.empty());
  for (const char* kind : {"cifar10", "cifar100", "image-folder"}) {
    EXPECT_EQ(default_normalization(kind).mean.size(), 3u);
    EXPECT_EQ(default_normalization(kind).stddev.size(), 3u);
  }
  EXPECT_THAT(default_normalization("cifar10").mean, ElementsAre(0.485f, 0.456f, 0.406f));
  EXPECT_THAT(default_normalization("cifar10").stddev, ElementsAre(0.229f, 0.224f, 0.225f));
}

TEST(Registry, LimitTakesTheFirstImages) {
  DatasetOptions options;
  const auto whole = open_dataset(options, Split::kTrain);
  options.limit = 10;
  const auto first = open_dataset(options, Split::kTrain);
  ASSERT_EQ(first->size(), 10);
  std::vector<float> a(64), b(64);
  for (std::int64_t i = 0; i < 10; ++i) {
    first->read(i, a);
    whole->read(i, b);
    EXPECT_EQ(a, b);
    EXPECT_EQ(first->label(i), whole->label(i));
  }
  EXPECT_THROW(first->label(10), Error);
  EXPECT_THROW(first->read(10, a), Error);
  options.limit = 5000;
  EXPECT_EQ(open_dataset(options, Split::kTrain)->size(), 1438);
  options.limit = -1;
  EXPECT_THAT(bad_input_text([&] { open_dataset(options, Split::kTrain); }), HasSubstr("limit -1"));
}

TEST(Registry, AFolderIsAskedForWhenNoneIsKnown) {
  const char* before = std::getenv("BITLINE_DATA");
  const std::string saved = before == nullptr ? "" : before;
  unsetenv("BITLINE_DATA");
  const std::string text = bad_input_text([] { open_dataset(of_kind("cifar10"), Split::kTest); });
  if (before != nullptr) setenv("BITLINE_DATA", saved.c_str(), 1);
  EXPECT_EQ(text, "data set 'cifar10' needs a folder (give data_dir or set BITLINE_DATA)");
}

TEST(Normalize, AppliesPerChannelOrOneForAll) {
  const ImageShape shape{2, 1, 2};
  std::vector<float> image = {1, 2, 3, 4};
  normalize(image, shape, {{1, 3}, {0.5f, 2}});
  EXPECT_THAT(image, ElementsAre(0, 2, 0, 0.5f));
  image = {1, 2, 3, 4};
  normalize(image, shape, {{1}, {}});
  EXPECT_THAT(image, ElementsAre(0, 1, 2, 3));
  normalize(image, shape, {});
  EXPECT_THAT(image, ElementsAre(0, 1, 2, 3));
}

TEST(Normalize, WrongListsAreRefused) {
  std::vector<float> image(4);
  const ImageShape shape{2, 1, 2};
  EXPECT_THAT(bad_input_text([&] { normalize(image, shape, {{1, 2, 3}, {1}}); }), HasSubstr("3 means"));
  EXPECT_THAT(bad_input_text([&] { normalize(image, shape, {{1}, {1, 0}}); }), HasSubstr("expected above 0"));
}

TEST(ReadBatch, KeepsTheOrderOfTheIndices) {
  const auto set = open_dataset({}, Split::kTest);
  const std::vector<std::int64_t> indices = {7, 0, 7};
  const Batch batch = read_batch(*set, indices, {{0.5f}, {0.25f}});
  ASSERT_EQ(batch.count, 3);
  EXPECT_EQ(batch.shape, set->shape());
  EXPECT_THAT(batch.labels, ElementsAre(set->label(7), set->label(0), set->label(7)));
  std::vector<float> pixels(64);
  for (std::size_t i = 0; i < 3; ++i) {
    set->read(indices[i], pixels);
    for (std::size_t k = 0; k < 64; ++k) EXPECT_EQ(batch.pixels[i * 64 + k], (pixels[k] - 0.5f) / 0.25f);
  }
  const std::vector<std::int64_t> outside = {359};
  EXPECT_THAT(bad_input_text([&] { read_batch(*set, outside, {}); }), HasSubstr("image 359 asked of digits"));
}

}  // namespace
}  // namespace bitline::data
