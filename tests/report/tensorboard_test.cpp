// The files are decoded here by code of its own: a bitwise CRC, a generic reader of protobuf fields.
#include "bitline/report/tensorboard.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <vector>

#include "base/error_of.h"
#include "io/faulty_filesystem.h"
#include "io/scratch_folder.h"
#include <gtest/gtest.h>

#include "bitline/io/atomic_file.h"

namespace bitline::report {
namespace {

using io::FaultyFileSystem;
using io::posix;
using io::ScratchFolder;

std::uint32_t bitwise_masked_crc(const std::string& bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1U) != 0 ? (crc >> 1) ^ 0x82F63B78U : crc >> 1;
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8U;
}

template <typename T>
T number_at(const std::string& bytes, std::size_t offset) {
  T out{};
  if (offset + sizeof(T) > bytes.size()) throw std::out_of_range("number past the end");
  std::memcpy(&out, bytes.data() + offset, sizeof(T));
  return out;
}

struct Records {
  std::vector<std::string> whole;
  bool torn = false;  // something that is no record follows
};

Records decode_records(const std::string& file) {
  Records out;
  for (std::size_t at = 0; at < file.size();) {
    out.torn = true;
    if (at + 16 > file.size()) break;
    const auto length = number_at<std::uint64_t>(file, at);
    if (number_at<std::uint32_t>(file, at + 8) != bitwise_masked_crc(file.substr(at, 8))) break;
    if (length > file.size() - at - 16) break;
    const std::string data = file.substr(at + 12, length);
    if (number_at<std::uint32_t>(file, at + 12 + length) != bitwise_masked_crc(data)) break;
    out.whole.push_back(data);
    out.torn = false;
    at += 16 + length;
  }
  return out;
}

std::uint64_t read_varint(const std::string& bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.at(at++));
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return value;
  }
  throw std::runtime_error("endless varint");
}

// Field key (number << 3 | wire type) -> its bytes; a varint as eight bytes.
std::map<std::uint64_t, std::string> decode_fields(const std::string& message) {
  std::map<std::uint64_t, std::string> fields;
  for (std::size_t at = 0; at < message.size();) {
    const std::uint64_t key = read_varint(message, at);
    std::size_t length = 0;
    if ((key & 7U) == 0) {
      const std::uint64_t value = read_varint(message, at);
      fields[key] = std::string(reinterpret_cast<const char*>(&value), sizeof value);
      continue;
    }
    if ((key & 7U) == 1) length = 8;
    if ((key & 7U) == 5) length = 4;
    if ((key & 7U) == 2) length = read_varint(message, at);
    if (length == 0 || length > message.size() - at) throw std::runtime_error("bad field");
    fields[key] = message.substr(at, length);
    at += length;
  }
  return fields;
}

struct Scalar {
  std::string tag;
  std::int64_t step;
  float value;
  double wall_time;
  bool operator==(const Scalar&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Scalar& s) {
  return out << s.tag << " " << s.step << " " << s.value << " " << s.wall_time;
}

Scalar decode_scalar(const std::string& event) {
  auto fields = decode_fields(event);
  EXPECT_EQ(fields.size(), 3U);
  auto summary = decode_fields(fields.at(5 << 3 | 2));
  EXPECT_EQ(summary.size(), 1U);
  auto value = decode_fields(summary.at(1 << 3 | 2));
  EXPECT_EQ(value.size(), 2U);
  return {value.at(1 << 3 | 2), number_at<std::int64_t>(fields.at(2 << 3), 0),
          number_at<float>(value.at(2 << 3 | 5), 0), number_at<double>(fields.at(1 << 3 | 1), 0)};
}

// The scalars of one file, which must begin with the version.
std::vector<Scalar> decode_file(const std::string& path, bool may_be_torn = false) {
  const Records records = decode_records(io::read_text(posix(), path));
  EXPECT_TRUE(may_be_torn || !records.torn) << path;
  std::vector<Scalar> scalars;
  for (const std::string& event : records.whole) {
    if (&event != &records.whole.front()) {
      scalars.push_back(decode_scalar(event));
      continue;
    }
    auto fields = decode_fields(event);
    EXPECT_EQ(fields.at(3 << 3 | 2), "brain.Event:2");
    EXPECT_EQ(fields.size(), 2U);
  }
  return scalars;
}

std::vector<std::string> files_in(const ScratchFolder& folder) {
  std::vector<std::string> names = folder.names();
  std::sort(names.begin(), names.end());
  return names;
}

TEST(TfRecord, KnownBytes) {
  // length 9; the CRC of "123456789" is published.
  const std::string record = tfrecord("123456789");
  ASSERT_EQ(record.size(), 8U + 4 + 9 + 4);
  EXPECT_EQ(record.substr(0, 8), std::string("\x09\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(record.substr(12, 9), "123456789");
  EXPECT_EQ(number_at<std::uint32_t>(record, 21), ((0xE3069283U >> 15) | (0xE3069283U << 17)) + 0xA282EAD8U);
}

TEST(TfRecord, FramingIsFoundAgainAndDamageIsSeen) {
  const std::string file = tfrecord("") + tfrecord("a") + tfrecord(std::string(300, 'x'));
  const Records records = decode_records(file);
  EXPECT_FALSE(records.torn);
  EXPECT_EQ(records.whole, (std::vector<std::string>{"", "a", std::string(300, 'x')}));
  for (std::size_t i = 0; i < file.size(); ++i) {
    std::string damaged = file;
    damaged[i] = static_cast<char>(damaged[i] ^ 4);
    EXPECT_TRUE(decode_records(damaged).torn) << "byte " << i;
  }
}

TEST(EventWriter, ScalarsComeBackInOrder) {
  const ScratchFolder folder;
  const std::vector<Scalar> scalars = {{"train/loss", 0, 2.5F, 1700000000.25},
                                       {"train/loss", 127, 0.1F, 1700000001.0},
                                       {"train/loss", 128, -1e-30F, 1700000002.0},
                                       {std::string(200, 'x'), std::int64_t{1} << 40, 3e38F, 0.0},
                                       {"a", -1, 0.0F, -1.5}};
  EventWriter writer(posix(), folder.path(), 1700000000.75);
  for (const Scalar& s : scalars) {
    writer.scalar(s.tag, s.step, static_cast<double>(s.value), s.wall_time);
    if (s.step == 128) writer.flush();
  }
  EXPECT_EQ(files_in(folder), std::vector<std::string>{"events.out.tfevents.1700000000.0.bitline"});
  EXPECT_EQ(decode_file(folder / files_in(folder).at(0)).size(), 3U) << "what is flushed can be read";
  writer.flush();
  EXPECT_EQ(decode_file(folder / files_in(folder).at(0)), scalars);
}

TEST(EventWriter, FlushesAtTheEndAndMakesItsFolder) {
  const ScratchFolder folder;
  { EventWriter(posix(), folder / "runs/a", 5).scalar("x", 1, 2, 3); }
  EXPECT_EQ(decode_file(folder / "runs/a/events.out.tfevents.0000000005.0.bitline"),
            (std::vector<Scalar>{{"x", 1, 2.0F, 3.0}}));
}

TEST(EventWriter, LeavesNoFileWithoutScalars) {
  const ScratchFolder folder;
  {
    EventWriter writer(posix(), folder.path(), 5);
    writer.flush();
  }
  EXPECT_TRUE(folder.names().empty());
}

TEST(EventWriter, NeverWritesIntoTheFileOfAnother) {
  const ScratchFolder folder;
  for (int run = 0; run < 2; ++run) EventWriter(posix(), folder.path(), 5).scalar("run", run, 0, 0);
  ASSERT_EQ(files_in(folder).size(), 2U);
  EXPECT_EQ(decode_file(folder / files_in(folder).at(1)), (std::vector<Scalar>{{"run", 1, 0.0F, 0.0}}));
}

TEST(EventWriter, TagsAreCleaned) {
  const ScratchFolder folder;
  { EventWriter(posix(), folder.path(), 5).scalar("Layer 1/w\xFF:0-x_y.z", 1, 2, 3); }
  EXPECT_EQ(decode_file(folder / files_in(folder).at(0)).at(0).tag, "Layer_1/w__0-x_y.z");
  EventWriter writer(posix(), folder.path(), 5);
  EXPECT_EQ(error_of([&] { writer.scalar("", 0, 0, 0); }),
            "a TensorBoard scalar needs a tag (for example 'train/loss')");
}

// Whichever call fails, the next flush brings everything that was pending, in a file that reads to its end.
TEST(EventWriter, AFailedFlushLosesNothing) {
  int call = 1;
  for (bool failed = true; failed; ++call) {
    SCOPED_TRACE("fault at call " + std::to_string(call));
    const ScratchFolder folder;
    FaultyFileSystem faulty(posix(), {call, true, false});
    EventWriter writer(faulty, folder.path(), 5);
    failed = false;
    for (int step = 0; step < 3; ++step) {
      writer.scalar("x", step, 0.5, 0);
      try {
        writer.flush();
      } catch (const Error&) {
        failed = true;
      }
    }
    writer.flush();
    std::vector<std::int64_t> steps;
    const std::vector<std::string> files = files_in(folder);
    for (const std::string& name : files) {
      for (const Scalar& s : decode_file(folder / name, name != files.back())) steps.push_back(s.step);
    }
    EXPECT_EQ(steps.size(), 3U);
    EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end()));
  }
  EXPECT_EQ(call, 9) << "a folder, a look, an open, a version and three writes can fail";
}

}  // namespace
}  // namespace bitline::report
