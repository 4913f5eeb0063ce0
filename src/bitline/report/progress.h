// How far a long step has come: on a terminal one line that is rewritten, in a pipe a plain line now and
// then, so that a log file stays short.
//   evaluate   42 %  4200/10000 images  812 images/s  ETA 7.1 s
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <mutex>
#include <string>

namespace bitline::report {

bool is_terminal(int fd);

double monotonic_seconds();

struct ProgressStyle {
  std::string label;
  std::string unit = "images";
  bool terminal = false;
  int width = 80;               // of the terminal, in columns; the line stays inside
  double redraw_seconds = 0.1;  // least time between two drawings on a terminal
  double line_seconds = 10;     // least time between two lines in a pipe
  std::function<double()> clock = monotonic_seconds;
};

// Several threads may call update. Nothing is thrown; what the stream refuses is lost.
class ProgressBar {
 public:
  // `total` <= 0: unknown, then only the count and the rate are shown. The stream must outlive the bar.
  ProgressBar(std::ostream& out, std::int64_t total, ProgressStyle style);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();  // ends an unfinished line of a terminal, so that what follows starts on its own

  void update(std::int64_t done);  // so far, in all; a smaller number than before is ignored
  void finish();                   // the last line, with the time it took, whenever the one before was

 private:
  std::string text(double elapsed, bool last) const;
  void draw(double elapsed, bool last);

  std::ostream& out_;
  std::int64_t total_;
  ProgressStyle style_;
  double start_;
  double drawn_at_;  // seconds since start; in a pipe, the wait for the first line begins with the bar
  std::int64_t done_ = 0;
  std::size_t drawn_width_ = 0;  // of the line on the terminal
  bool finished_ = false;
  std::mutex mutex_;
};

}  // namespace bitline::report
