#include "picture_cases.h"
#include "scratch.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bitline/data/dataset.h"

namespace bitline::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

DatasetOptions folder_options(const std::string& path, std::int64_t resize, std::int64_t crop) {
  DatasetOptions options;
  options.kind = "image-folder";
  options.data_dir = path;
  options.resize = resize;
  options.crop = crop;
  return options;
}

std::vector<float> pixels_of(const Dataset& set, std::int64_t index) {
  std::vector<float> pixels(static_cast<std::size_t>(set.shape().count()));
  set.read(index, pixels);
  return pixels;
}

std::vector<float> planar(const Image& image) {
  std::vector<float> out;
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t i = c; i < image.rgb.size(); i += 3)
      out.push_back(static_cast<float>(image.rgb[i]) / 255.0f);
  return out;
}

const std::string& picture(const std::string& name) {
  return picture_case(name).file;
}

TEST(ImageFolder, ClassesAndFilesAreInNameOrderAndSizesMayDiffer) {
  const ScratchFolder folder;
  folder.write("zebra/b.JPG", picture("jpeg_444"));
  folder.write("zebra/a.png", picture("png_rgb"));
  folder.write("ant/x.jpeg", picture("jpeg_420"));
  folder.write("ant/notes.txt", "not a picture");
  folder.write(".cache/x.png", "hidden");
  const auto set = open_dataset(folder_options(folder.path(), 12, 8), Split::kTest);
  EXPECT_THAT(set->class_names(), ElementsAre("ant", "zebra"));
  ASSERT_EQ(set->size(), 3);
  EXPECT_EQ(set->label(0), 0);
  EXPECT_EQ(set->label(1), 1);
  EXPECT_EQ(set->shape(), (ImageShape{3, 8, 8}));
  EXPECT_EQ(pixels_of(*set, 1),
            planar(center_crop(resize_short_side(picture_case("png_rgb").pixels, 12), 8)));
  EXPECT_EQ(pixels_of(*set, 2),
            planar(center_crop(resize_short_side(decode_image(as_file(picture("jpeg_444")), ""), 12), 8)));
}

TEST(ImageFolder, PixelsAreExactWithoutResizing) {
  const ScratchFolder folder;
  folder.write("only/a.png", picture("png_rgb"));  // 13 x 9
  const std::vector<float> expected = planar(center_crop(picture_case("png_rgb").pixels, 9));
  for (const std::int64_t resize : {0, 9})
    EXPECT_EQ(pixels_of(*open_dataset(folder_options(folder.path(), resize, 9), Split::kTrain), 0), expected);
}

TEST(ImageFolder, TrainAndValFoldersAreTheSplits) {
  for (const std::string test : {"val", "test"}) {
    const ScratchFolder folder;
    folder.write("train/cat/1.png", picture("png_rgb"));
    folder.write("train/cat/2.png", picture("png_grey"));
    folder.write("train/dog/1.png", picture("png_rgb"));
    folder.write(test + "/dog/1.png", picture("png_grey"));
    const DatasetOptions options = folder_options(folder.path(), 0, 8);
    EXPECT_EQ(open_dataset(options, Split::kTrain)->size(), 3);
    const auto held_out = open_dataset(options, Split::kTest);
    ASSERT_EQ(held_out->size(), 1);
    EXPECT_EQ(held_out->label(0), 1);  // numbered by the training classes, though cat has no test picture
    folder.write(test + "/dogs/1.png", picture("png_grey"));
    EXPECT_THAT(bad_input_text([&] { open_dataset(options, Split::kTest); }),
                HasSubstr("class 'dogs' has no training folder (did you mean 'dog'?)"));
  }
}

TEST(ImageFolder, ErrorsNameTheFileAndWhatWasExpected) {
  const ScratchFolder folder;
  const auto open = [&](std::int64_t resize, std::int64_t crop) {
    return open_dataset(folder_options(folder.path(), resize, crop), Split::kTest);
  };
  EXPECT_THAT(bad_input_text([&] { open(8, 8); }), HasSubstr("no class folders, expected FOLDER/CLASS"));
  folder.write("a/notes.txt", "");
  EXPECT_THAT(bad_input_text([&] { open(8, 8); }), HasSubstr("/a: no pictures in the class folder"));
  folder.write("a/1.png", picture("png_rgb").substr(0, 60));
  EXPECT_THAT(bad_input_text([&] { pixels_of(*open(8, 8), 0); }), HasSubstr("a/1.png: damaged PNG"));
  folder.write("a/1.png", picture("png_rgb"));
  EXPECT_THAT(bad_input_text([&] { pixels_of(*open(0, 10), 0); }),
              HasSubstr("a/1.png: centre crop of 10 from a picture of 13 x 9"));
  EXPECT_THAT(bad_input_text([&] { open(8, 9); }), HasSubstr("expected 1 <= crop <= resize"));
  EXPECT_THAT(bad_input_text([&] { open_dataset(folder_options(folder / "none", 8, 8), Split::kTest); }),
              HasSubstr("/none: no such folder"));
}

// The samples are test images of CIFAR-10 named test_NNNNN.png after their index.
TEST(ImageFolder, SamplePngsEqualTheCifarRecords) {
  const std::string folder = sample_path("samples/cifar10_png");
  if (folder.empty() || sample_path("cifar10/test_batch.bin").empty())
    GTEST_SKIP() << "no samples in $BITLINE_DATA";
  DatasetOptions options;
  options.kind = "cifar10";
  const auto records = open_dataset(options, Split::kTest);
  const auto pictures = open_dataset(folder_options(folder, 32, 32), Split::kTest);
  EXPECT_EQ(pictures->class_names(), records->class_names());
  std::int64_t i = 0;
  for (const std::string& name : pictures->class_names()) {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder + "/" + name))
      files.push_back(entry.path().stem().string());
    std::sort(files.begin(), files.end());
    for (const std::string& file : files) {
      const std::int64_t record = std::stoll(file.substr(5));
      ASSERT_EQ(pictures->label(i), records->label(record)) << file;
      ASSERT_EQ(pixels_of(*pictures, i++), pixels_of(*records, record)) << file;
    }
  }
  EXPECT_EQ(i, 64);
}

TEST(ImageFolder, ImagenetSamplesDecode) {
  const std::string folder = sample_path("imagenet1000");
  if (folder.empty()) GTEST_SKIP() << "no imagenet1000 in $BITLINE_DATA";
  const auto set = open_dataset(folder_options(folder, 0, 224), Split::kTest);
  ASSERT_EQ(set->size(), 1000);
  ASSERT_EQ(set->class_names().size(), 1000u);
  EXPECT_EQ(set->class_names()[0], "n01440764");
  for (std::int64_t i = 0; i < 1000; i += 100) {
    EXPECT_EQ(set->label(i), i);
    const std::vector<float> pixels = pixels_of(*set, i);
    const auto [low, high] = std::minmax_element(pixels.begin(), pixels.end());
    EXPECT_GT(*high - *low, 0.5f) << "image " << i << " is nearly flat";
  }
}

}  // namespace
}  // namespace bitline::data
