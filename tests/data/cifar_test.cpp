#include <array>
#include <cmath>

#include "scratch.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bitline/data/dataset.h"

namespace bitline::data {
namespace {

using testing::HasSubstr;

// A record whose byte i of picture `seed` is (seed * 7 + i) mod 256.
std::string record(const std::string& labels, int seed) {
  std::string bytes = labels;
  for (int i = 0; i < 3072; ++i) bytes.push_back(static_cast<char>((seed * 7 + i) % 256));
  return bytes;
}

std::string label(int value) {
  return std::string(1, static_cast<char>(value));
}

void write_cifar10(const ScratchFolder& folder, const std::string& sub) {
  for (int file = 1; file <= 5; ++file)
    folder.write(sub + "data_batch_" + std::to_string(file) + ".bin",
                 record(label(file), file) + record(label(9), 10 + file));
  folder.write(sub + "test_batch.bin", record(label(3), 99));
}

DatasetOptions in(const ScratchFolder& folder, const std::string& kind = "cifar10") {
  DatasetOptions options;
  options.kind = kind;
  options.data_dir = folder.path();
  return options;
}

std::string open_error(const ScratchFolder& folder, Split split = Split::kTrain) {
  return bad_input_text([&] { open_dataset(in(folder), split); });
}

TEST(Cifar, ReadsRecordsOfAllFilesInOrder) {
  for (const char* sub : {"", "cifar10/", "cifar-10-batches-bin/"}) {
    const ScratchFolder folder;
    write_cifar10(folder, sub);
    const auto set = open_dataset(in(folder), Split::kTrain);
    ASSERT_EQ(set->size(), 10) << sub;
    EXPECT_EQ(set->shape(), (ImageShape{3, 32, 32}));
    EXPECT_EQ(set->label(4), 3);
    EXPECT_EQ(set->label(5), 9);
    std::vector<float> pixels(3072);
    set->read(5, pixels);  // second record of the third file
    for (int i = 0; i < 3072; ++i)
      ASSERT_EQ(pixels[static_cast<std::size_t>(i)], static_cast<float>((13 * 7 + i) % 256) / 255.0f);
    EXPECT_EQ(open_dataset(in(folder), Split::kTest)->size(), 1);
    EXPECT_EQ(set->class_names()[6], "frog");
  }
}

TEST(Cifar, NamesComeFromTheFolderWhenItHasThem) {
  const ScratchFolder folder;
  write_cifar10(folder, "");
  folder.write("batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\r\nj\n\n");
  EXPECT_EQ(open_dataset(in(folder), Split::kTest)->class_names()[8], "i");
  folder.write("batches.meta.txt", "a\nb\n");
  EXPECT_THAT(open_error(folder), HasSubstr("batches.meta.txt: 2 class names, expected 10"));
}

TEST(Cifar, Cifar100UsesTheFineLabel) {
  const ScratchFolder folder;
  folder.write("cifar-100-binary/train.bin",
               record(label(19) + label(99), 1) + record(label(4) + label(0), 2));
  folder.write("cifar-100-binary/test.bin", record(label(0) + label(42), 3));
  const auto train = open_dataset(in(folder, "cifar100"), Split::kTrain);
  ASSERT_EQ(train->size(), 2);
  EXPECT_EQ(train->label(0), 99);
  EXPECT_EQ(train->class_names()[99], "worm");
  std::vector<float> pixels(3072);
  train->read(1, pixels);
  EXPECT_EQ(pixels[0], 14.0f / 255.0f);
  folder.write("cifar-100-binary/test.bin", record(label(0) + label(100), 3));
  EXPECT_THAT(bad_input_text([&] { open_dataset(in(folder, "cifar100"), Split::kTest); }),
              HasSubstr("has label 100, expected below 100"));
}

TEST(Cifar, TruncatedFileIsNamed) {
  const ScratchFolder folder;
  write_cifar10(folder, "");
  const std::string whole = record(label(1), 1);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, whole.size() - 1}) {
    folder.write("data_batch_4.bin", whole.substr(0, size));
    const std::string text = open_error(folder);
    EXPECT_THAT(text, HasSubstr("data_batch_4.bin: " + std::to_string(size) + " bytes"));
    EXPECT_THAT(text, HasSubstr("multiple of 3073"));
  }
}

TEST(Cifar, BadLabelIsPlaced) {
  const ScratchFolder folder;
  write_cifar10(folder, "");
  folder.write("data_batch_2.bin", record(label(1), 1) + record(label(10), 2));
  EXPECT_THAT(open_error(folder),
              HasSubstr("data_batch_2.bin: record 1 (byte 3073) has label 10, expected below 10"));
  EXPECT_EQ(open_error(folder, Split::kTest), "");
}

TEST(Cifar, MissingFilesAreNamed) {
  const ScratchFolder folder;
  EXPECT_THAT(open_error(folder), HasSubstr("no data_batch_1.bin of cifar10"));
  write_cifar10(folder, "");
  std::filesystem::remove(folder / "data_batch_5.bin");
  EXPECT_THAT(open_error(folder), HasSubstr("data_batch_5.bin: no such file"));
}

class RealCifar : public testing::TestWithParam<std::pair<Split, int>> {};

TEST_P(RealCifar, HasThePublishedClassCounts) {
  if (sample_path("cifar10/data_batch_1.bin").empty()) GTEST_SKIP() << "no cifar10 in $BITLINE_DATA";
  DatasetOptions options;
  options.kind = "cifar10";
  const auto set = open_dataset(options, GetParam().first);
  std::vector<int> count(10);
  for (std::int64_t i = 0; i < set->size(); ++i) ++count[static_cast<std::size_t>(set->label(i))];
  EXPECT_EQ(count, std::vector<int>(10, GetParam().second));
  EXPECT_EQ(set->class_names()[1], "automobile");
}

INSTANTIATE_TEST_SUITE_P(Splits, RealCifar,
                         testing::Values(std::pair{Split::kTrain, 5000}, std::pair{Split::kTest, 1000}));

TEST(Cifar, RealTrainingSetHasThePublishedMeanAndDeviation) {
  if (sample_path("cifar10/data_batch_1.bin").empty()) GTEST_SKIP() << "no cifar10 in $BITLINE_DATA";
  DatasetOptions options;
  options.kind = "cifar10";
  const auto set = open_dataset(options, Split::kTrain);
  std::array<double, 3> sum{}, square{};
  std::vector<float> pixels(3072);
  for (std::int64_t i = 0; i < set->size(); ++i) {
    set->read(i, pixels);
    for (std::size_t k = 0; k < pixels.size(); ++k) {
      const double x = pixels[k];
      sum[k / 1024] += x;
      square[k / 1024] += x * x;
    }
  }
  const std::array<double, 3> mean = {0.4914, 0.4822, 0.4465}, stddev = {0.2470, 0.2435, 0.2616};
  const double n = static_cast<double>(set->size()) * 1024.0;
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(sum[c] / n, mean[c], 1e-4);
    EXPECT_NEAR(std::sqrt(square[c] / n - sum[c] / n * (sum[c] / n)), stddev[c], 1e-4);
  }
}

}  // namespace
}  // namespace bitline::data
