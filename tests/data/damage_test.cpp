// Damaged bytes from outside may be refused, never crash. Run under the sanitizers this is a small fuzzer.
#include "picture_cases.h"
#include "scratch.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "bitline/base/philox.h"
#include "bitline/data/dataset.h"

namespace bitline::data {
namespace {

using testing::HasSubstr;

// One to four edits: a byte set, a bit flipped, the end cut off, or bytes doubled.
std::string damage(std::string bytes, std::uint64_t trial) {
  const Philox random(11, stream_id("damage", trial));
  const std::uint32_t edits = 1 + random.below(0, 4);
  for (std::uint32_t i = 0; i < edits && bytes.size() > 1; ++i) {
    const std::uint64_t draw = 1 + 4 * i;
    const std::size_t at = random.below(draw, static_cast<std::uint32_t>(bytes.size()));
    const std::uint32_t kind = random.below(draw + 1, 16);
    const std::uint32_t value = random.below(draw + 2, 256);
    if (kind < 7) bytes[at] = static_cast<char>(value);
    if (kind >= 7 && kind < 14) bytes[at] = static_cast<char>(bytes[at] ^ (1 << value % 8));
    if (kind == 14) bytes.resize(at + 1);
    if (kind == 15) bytes.insert(at, bytes.substr(at, value % 16));
  }
  return bytes;
}

// Makes the checksums of a PNG's chunks right again, so that the damage gets past them.
void mend_checksums(std::string& png) {
  const auto byte = [&png](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(png[i]));
  };
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::size_t size = byte(at) << 24 | byte(at + 1) << 16 | byte(at + 2) << 8 | byte(at + 3);
    if (size > png.size() - at - 12) return;
    const uLong sum =
        crc32(0, reinterpret_cast<const Bytef*>(png.data() + at + 4), static_cast<uInt>(size + 4));
    for (std::size_t i = 0; i < 4; ++i) png[at + 8 + size + i] = static_cast<char>(sum >> (24 - 8 * i));
    at += size + 12;
  }
}

TEST(Damage, PicturesDecodeOrAreRefusedByName) {
  int refused = 0, decoded = 0;
  for (const PictureCase& c : picture_cases())
    for (std::uint64_t trial = 0; trial < 600; ++trial) {
      std::string bytes = damage(c.file, trial);
      if (c.name.starts_with("png") && trial % 4 != 0) mend_checksums(bytes);
      const std::string text = bad_input_text([&] {
        const Image image = decode_image(as_file(bytes), "some.pic");
        ASSERT_EQ(image.rgb.size(), static_cast<std::size_t>(image.width * image.height * 3));
        ++decoded;
      });
      if (text.empty()) continue;
      ++refused;
      ASSERT_THAT(text, testing::StartsWith("some.pic: ")) << c.name << " trial " << trial;
    }
  EXPECT_GT(refused, 500);
  EXPECT_GT(decoded, 500);
}

TEST(Damage, CifarFilesOpenOrAreRefusedByName) {
  const ScratchFolder folder;
  DatasetOptions options;
  options.kind = "cifar10";
  options.data_dir = folder.path();
  const std::string whole = std::string(3073, '\1') + std::string(3073, '\2');
  int refused = 0, opened = 0;
  for (std::uint64_t trial = 0; trial < 300; ++trial) {
    std::string bytes = damage(whole, trial);
    if (trial % 3 == 0) bytes[0] = static_cast<char>(trial);
    folder.write("test_batch.bin", bytes);
    const std::string text = bad_input_text([&] {
      const auto set = open_dataset(options, Split::kTest);
      std::vector<float> pixels(3072);
      for (std::int64_t i = 0; i < set->size(); ++i) {
        set->read(i, pixels);
        ASSERT_LT(set->label(i), 10);
      }
      ++opened;
    });
    if (text.empty()) continue;
    ++refused;
    ASSERT_THAT(text, HasSubstr("test_batch.bin: ")) << "trial " << trial;
  }
  EXPECT_GT(refused, 50);
  EXPECT_GT(opened, 50);
}

}  // namespace
}  // namespace bitline::data
