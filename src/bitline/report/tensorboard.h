// Scalars for TensorBoard: an event file (events.out.tfevents.*), written without TensorFlow or protobuf.
//
// The file is a row of TFRecords: u64 length, masked CRC-32C of the length, the data, masked CRC-32C of the
// data, all little-endian. The data is one protobuf message Event{1: double wall_time, 2: int64 step,
// 3: string file_version | 5: Summary{1: Value{1: string tag, 2: float simple_value}}}.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bitline/io/filesystem.h"

namespace bitline::report {

// One framed record around `data`.
std::string tfrecord(std::string_view data);

// Not for several threads at once.
class EventWriter {
 public:
  // Takes a name of its own in the folder, made when missing, at the first flush. `wall_time` is in seconds
  // since 1970 UTC, here and below.
  EventWriter(io::FileSystem& fs, std::string dir, double wall_time);
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;
  ~EventWriter();  // flushes; a failure is lost, so call flush() where it matters

  // Kept in memory until flush. The value is rounded to a float. In a tag, every character but letters,
  // digits and "._-/" becomes '_', as TensorFlow does; an empty tag is Error{kBadInput}.
  void scalar(std::string_view tag, std::int64_t step, double value, double wall_time);

  // Hands everything to the system. Throws Error{kFailure}; nothing is dropped then: what was pending goes
  // into a new file at the next flush, since readers stop at a torn record.
  void flush();

 private:
  void open();

  io::FileSystem& fs_;
  std::string dir_;
  double start_time_;
  std::string pending_;  // records
  std::unique_ptr<io::WritableFile> file_;
  int files_ = 0;  // names tried so far
};

}  // namespace bitline::report
