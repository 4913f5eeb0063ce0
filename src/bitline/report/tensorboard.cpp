#include "bitline/report/tensorboard.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>

#include "bitline/base/error.h"
#include "bitline/base/units.h"
#include "bitline/report/crc32c.h"

namespace bitline::report {

namespace {

constexpr const char* kFileVersion = "brain.Event:2";
constexpr std::size_t kTimeDigits = 10;  // in file names, which TensorBoard reads in their order

enum class Wire : unsigned { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

template <typename Unsigned>
std::string little_endian(Unsigned value) {
  std::string out;
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) out += static_cast<char>((value >> (8 * i)) & 0xFFU);
  return out;
}

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7FU) | 0x80U);
  return out + static_cast<char>(value);
}

std::string field(unsigned number, Wire wire, const std::string& content) {
  return varint(number << 3 | static_cast<unsigned>(wire)) + content;
}

std::string bytes_field(unsigned number, const std::string& bytes) {
  return field(number, Wire::kBytes, varint(bytes.size()) + bytes);
}

std::string wall_time_field(double wall_time) {
  return field(1, Wire::kFixed64, little_endian(std::bit_cast<std::uint64_t>(wall_time)));
}

std::string version_event(double wall_time) {
  return wall_time_field(wall_time) + bytes_field(3, kFileVersion);
}

std::string scalar_event(const std::string& tag, std::int64_t step, float value, double wall_time) {
  const std::string number = little_endian(std::bit_cast<std::uint32_t>(value));
  const std::string summary = bytes_field(1, bytes_field(1, tag) + field(2, Wire::kFixed32, number));
  return wall_time_field(wall_time) + field(2, Wire::kVarint, varint(static_cast<std::uint64_t>(step))) +
         bytes_field(5, summary);
}

std::string clean_tag(std::string_view tag) {
  std::string out(tag);
  for (char& c : out) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (!letter && !digit && std::string_view("._-/").find(c) == std::string_view::npos) c = '_';
  }
  return out;
}

}  // namespace

std::string tfrecord(std::string_view data) {
  const std::string length = little_endian(std::uint64_t{data.size()});
  return length + little_endian(masked_crc32c(length)) + std::string(data) +
         little_endian(masked_crc32c(data));
}

EventWriter::EventWriter(io::FileSystem& fs, std::string dir, double wall_time)
    : fs_(fs), dir_(std::move(dir)), start_time_(wall_time) {}

EventWriter::~EventWriter() {
  try {
    flush();
  } catch (const Error&) {
    // Nobody is left to be told.
  }
}

void EventWriter::scalar(std::string_view tag, std::int64_t step, double value, double wall_time) {
  if (tag.empty()) bad_input("a TensorBoard scalar needs a tag", {}, "for example 'train/loss'");
  pending_ += tfrecord(scalar_event(clean_tag(tag), step, static_cast<float>(value), wall_time));
}

void EventWriter::flush() {
  if (pending_.empty()) return;
  if (file_ == nullptr) open();
  try {
    file_->write(std::as_bytes(std::span(pending_)));
  } catch (...) {
    file_.reset();
    throw;
  }
  pending_.clear();
}

void EventWriter::open() {
  fs_.make_directories(dir_);
  std::string time = fixed_text(std::floor(start_time_), 0);
  if (time.size() < kTimeDigits) time.insert(0, kTimeDigits - time.size(), '0');
  std::string path;
  do {
    path = dir_ + "/events.out.tfevents." + time + "." + std::to_string(files_++) + ".bitline";
  } while (fs_.exists(path));
  std::unique_ptr<io::WritableFile> file = fs_.append(path);
  const std::string version = tfrecord(version_event(start_time_));
  file->write(std::as_bytes(std::span(version)));
  file_ = std::move(file);
}

}  // namespace bitline::report
