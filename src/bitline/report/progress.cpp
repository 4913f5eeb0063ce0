#include "bitline/report/progress.h"

#include <algorithm>
#include <chrono>
#include <ostream>
#include <utility>

#include <unistd.h>

#include "bitline/base/units.h"
#include "bitline/report/page.h"

namespace bitline::report {

namespace {

constexpr std::size_t kPercentDigits = 3;
constexpr double kLongestEta = 1e7;  // seconds; a rate that promises more says nothing

// Three digits are enough for a rate: "0.25", "8.1", "812", "1.2 K".
std::string rate_text(double rate) {
  if (rate >= 100) return count_text(rate);
  return fixed_text(rate, rate < 1 ? 2 : 1);
}

}  // namespace

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

ProgressBar::ProgressBar(std::ostream& out, std::int64_t total, ProgressStyle style)
    : out_(out),
      total_(total),
      style_(std::move(style)),
      start_(style_.clock()),
      drawn_at_(style_.terminal ? -style_.redraw_seconds : 0) {}

ProgressBar::~ProgressBar() {
  if (drawn_width_ > 0 && !finished_) out_ << '\n' << std::flush;
}

void ProgressBar::update(std::int64_t done) {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  done_ = std::max(done_, done);
  const double elapsed = style_.clock() - start_;
  const double pause = style_.terminal ? style_.redraw_seconds : style_.line_seconds;
  if (elapsed - drawn_at_ >= pause) draw(elapsed, false);
}

void ProgressBar::finish() {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  draw(style_.clock() - start_, true);
  finished_ = true;
}

std::string ProgressBar::text(double elapsed, bool last) const {
  std::string line = style_.label + "  ";
  if (total_ > 0) {
    // Rounded down: 100 % means done.
    const double percent = 100.0 * static_cast<double>(done_) / static_cast<double>(total_);
    line += padded_left(std::to_string(static_cast<int>(std::min(percent, 100.0))), kPercentDigits) + " %  " +
            std::to_string(done_) + "/" + std::to_string(total_);
  } else {
    line += std::to_string(done_);
  }
  line += " " + style_.unit;
  const double rate = elapsed > 0 ? static_cast<double>(done_) / elapsed : 0;
  if (rate > 0) line += "  " + rate_text(rate) + " " + style_.unit + "/s";
  if (last) return line + "  in " + duration_text(elapsed);
  const double eta = rate > 0 ? static_cast<double>(total_ - done_) / rate : kLongestEta;
  if (total_ > 0 && eta < kLongestEta) line += "  ETA " + duration_text(std::max(eta, 0.0));
  return line;
}

void ProgressBar::draw(double elapsed, bool last) {
  drawn_at_ = elapsed;
  std::string line = text(elapsed, last);
  if (!style_.terminal) {
    out_ << line << '\n' << std::flush;
    return;
  }
  // The last column stays free: some terminals go to the next line when it is filled.
  line = clipped(line, static_cast<std::size_t>(std::max(style_.width - 1, 1)));
  const std::size_t width = width_of(line);
  out_ << '\r' << padded_right(line, drawn_width_);
  if (last) out_ << '\n';
  out_ << std::flush;
  drawn_width_ = width;
}

}  // namespace bitline::report
