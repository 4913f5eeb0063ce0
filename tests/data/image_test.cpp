#include "bitline/data/image.h"

#include "picture_cases.h"
#include "scratch.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bitline::data {
namespace {

using testing::HasSubstr;

Image decode(const std::string& bytes) {
  return decode_image(as_file(bytes), "a/b.pic");
}

TEST(Image, EveryPngKindDecodesToExactPixels) {
  int seen = 0;
  for (const PictureCase& c : picture_cases()) {
    if (!c.name.starts_with("png")) continue;
    EXPECT_EQ(largest_difference(decode(c.file), c.pixels), 0) << c.name;
    ++seen;
  }
  EXPECT_EQ(seen, 10);
}

TEST(Image, EveryJpegKindDecodesWithinOneLevel) {
  int seen = 0;
  for (const PictureCase& c : picture_cases()) {
    if (!c.name.starts_with("jpeg")) continue;
    EXPECT_LE(largest_difference(decode(c.file), c.pixels), 1) << c.name;
    ++seen;
  }
  EXPECT_EQ(seen, 5);
}

TEST(Image, ResizeEqualsPillow) {
  const PictureCase& c = picture_case("png_rgb");
  ASSERT_EQ(c.resized.size(), 8u);
  for (const Image& expected : c.resized)
    EXPECT_EQ(largest_difference(resize_bilinear(c.pixels, expected.width, expected.height), expected), 0)
        << expected.width << " x " << expected.height;
}

TEST(Image, ShortSideKeepsTheProportion) {
  const Image& wide = picture_case("png_rgb").pixels;  // 13 x 9
  const Image resized = resize_short_side(wide, 20);
  EXPECT_EQ(resized.width, 28);  // floor(20 * 13 / 9)
  EXPECT_EQ(resized.height, 20);
  EXPECT_EQ(largest_difference(resize_short_side(wide, 9), wide), 0);
}

TEST(Image, CentreCropSplitsAnOddMarginHalfToEven) {
  // A 7 x 5 picture in which red is the column and green the row.
  Image image{7, 5, {}};
  for (int i = 0; i < 35; ++i)
    image.rgb.insert(image.rgb.end(),
                     {static_cast<std::uint8_t>(i % 7), static_cast<std::uint8_t>(i / 7), 0});
  const auto corner = [&](std::int64_t side) {
    const Image out = center_crop(image, side);
    return std::pair<int, int>(out.rgb[0], out.rgb[1]);
  };
  EXPECT_EQ(corner(5), std::pair(1, 0));
  EXPECT_EQ(corner(4), std::pair(2, 0));  // margins 3 and 1: 1.5 -> 2, 0.5 -> 0
  EXPECT_EQ(corner(2), std::pair(2, 2));  // margins 5 and 3
  EXPECT_THAT(bad_input_text([&] { center_crop(image, 6); }),
              HasSubstr("centre crop of 6 from a picture of 7 x 5"));
}

TEST(Image, OtherFilesAreRefused) {
  for (const std::string bytes : {"", "GIF89a......", "\xFF\xD8", "\x89PNG"})
    EXPECT_EQ(bad_input_text([&] { decode(bytes); }), "a/b.pic: expected a PNG or JPEG picture");
}

TEST(Image, EveryTruncationIsAnErrorThatNamesTheFile) {
  for (const char* name : {"png_rgb", "png_palette", "png_interlaced", "jpeg_444", "jpeg_progressive"}) {
    const std::string& whole = picture_case(name).file;
    for (std::size_t size = 0; size < whole.size() - 2; ++size)
      ASSERT_THAT(bad_input_text([&] { decode(whole.substr(0, size)); }), HasSubstr("a/b.pic: "))
          << name << " cut to " << size << " of " << whole.size();
  }
}

TEST(Image, AClaimedSizeBeyondTheFileTakesNoMemory) {
  std::string jpeg = picture_case("jpeg_444").file;
  const std::size_t frame = jpeg.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\x1F\xFF\x1F\xFF");  // 8191 x 8191
  EXPECT_THAT(bad_input_text([&] { decode(jpeg); }), HasSubstr("picture claims 8191 x 8191 pixels"));
  jpeg.replace(frame + 5, 4, "\x7F\xFF\x7F\xFF");
  EXPECT_THAT(bad_input_text([&] { decode(jpeg); }),
              HasSubstr("picture of 32767 x 32767 pixels, expected between"));
}

}  // namespace
}  // namespace bitline::data
