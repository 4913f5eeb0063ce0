#include "bitline/app/pipeline_picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "bitline/app/svg.h"
#include "bitline/base/units.h"

namespace bitline::app {

namespace {

constexpr int kMargin = 16, kLane = 20, kBar = 14, kWidth = 1200, kLine = 18;
constexpr int kLetter = 7;  // pixels, generous for a 12-pixel font
constexpr int kLongestName = 30;
constexpr double kClosedGap = 0.5, kNarrowest = 0.5;  // pixels
constexpr int kMostTicks = 10;
constexpr const char *kGrid = "#dddddd", *kLoading = "#bbbbbb", *kAxis = "#444444";

// A unit in which the whole time has one to three digits before the point.
struct Unit {
  double seconds;
  const char* name;
};
constexpr std::array<Unit, 4> kUnits = {{{1.0, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}}};

Unit unit_of(double seconds) {
  for (const Unit& unit : kUnits) {
    if (seconds >= unit.seconds) return unit;
  }
  return kUnits.back();
}

// 1, 2 or 5 times a power of ten, so that there are at most kMostTicks.
double tick_of(double total) {
  const double power = std::pow(10.0, std::floor(std::log10(total / kMostTicks)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (total / (power * step) <= kMostTicks) return power * step;
  }
  return power * 10.0;
}

std::string short_name(const std::string& node) {
  constexpr std::size_t kMost = kLongestName;
  return node.size() <= kMost ? node : "..." + node.substr(node.size() - kMost + 3);
}

class Gantt {
 public:
  Gantt(const std::string& title, const estimate::Pipeline& pipeline)
      : title_(title), pipeline_(pipeline), unit_(unit_of(pipeline.total)) {
    std::size_t longest = 0;
    for (const estimate::PipelineLayer& layer : pipeline.layers)
      longest = std::max(longest, short_name(layer.node).size());
    left_ = 2 * kMargin + static_cast<int>(longest) * kLetter;
    scale_ = (kWidth - left_ - kMargin) / pipeline.total;
  }

  std::string draw() {
    draw_head();
    const int bottom = y_ + static_cast<int>(pipeline_.layers.size()) * kLane;
    draw_axis(bottom);
    for (const estimate::PipelineSpan& span : pipeline_.spans) {
      if (span.layer < 0)
        body_ += svg_rectangle(x_of(span.begin), y_, std::max(kNarrowest, (span.end - span.begin) * scale_),
                               bottom - y_, kLoading, "weights are loaded, " + text_of(span));
    }
    for (std::size_t l = 0; l < pipeline_.layers.size(); ++l) draw_lane(l);
    return svg_picture(kWidth, bottom + 2 * kLine + kMargin, body_);
  }

 private:
  double x_of(double time) const { return left_ + time * scale_; }
  std::string time_text(double seconds) const {
    return fixed_text(seconds / unit_.seconds, 3) + " " + unit_.name;
  }
  std::string text_of(const estimate::PipelineSpan& span) const {
    return time_text(span.begin) + " to " + time_text(span.end);
  }

  void draw_head() {
    y_ = kMargin + kLine;
    std::string text = title_ + ": latency " + time_text(pipeline_.latency);
    if (pipeline_.period) text += ", period " + time_text(*pipeline_.period);
    body_ += svg_text(kMargin, y_ - 5, text);
    constexpr int kMostNamed = 8, kStep = 90;
    const int pictures = static_cast<int>(std::min<std::size_t>(pipeline_.completions.size(), kMostNamed));
    for (int p = 0; p < pictures; ++p) {
      body_ += svg_rectangle(left_ + p * kStep, y_, 12, 12, svg_colour(p), "");
      const bool more = p == kMostNamed - 1 && pipeline_.completions.size() > kMostNamed;
      body_ += svg_text(left_ + p * kStep + 18, y_ + 11,
                        "picture " + std::to_string(p) + (more ? ", ... (colours repeat)" : ""));
    }
    const auto is_load = [](const estimate::PipelineSpan& span) { return span.layer < 0; };
    if (std::any_of(pipeline_.spans.begin(), pipeline_.spans.end(), is_load)) {
      body_ += svg_rectangle(kMargin, y_, 12, 12, kLoading, "");
      body_ += svg_text(kMargin + 18, y_ + 11, "loading");
    }
    y_ += kLine + kMargin / 2;
  }

  void draw_axis(int bottom) {
    const double tick = tick_of(pipeline_.total);
    const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(tick / unit_.seconds) + 1e-9)));
    for (int i = 0; i * tick <= pipeline_.total * (1.0 + 1e-9); ++i) {
      const double x = x_of(i * tick);
      body_ += svg_line(x, y_, x, bottom + 4, kGrid);
      const std::string label = fixed_text(i * tick / unit_.seconds, decimals);
      body_ += svg_text(x - kLetter * static_cast<double>(label.size()) / 2.0, bottom + kLine, label);
    }
    body_ += svg_line(left_, bottom, kWidth - kMargin, bottom, kAxis);
    body_ += svg_text(left_, bottom + 2 * kLine, std::string("time in ") + unit_.name);
  }

  void draw_lane(std::size_t l) {
    const double y = y_ + static_cast<double>(l) * kLane;
    const std::string& node = pipeline_.layers[l].node;
    body_ += svg_text(kMargin, y + kBar, short_name(node));
    std::vector<estimate::PipelineSpan> bars;
    for (const estimate::PipelineSpan& span : pipeline_.spans) {
      if (span.layer != static_cast<std::int64_t>(l)) continue;
      if (!bars.empty() && bars.back().picture == span.picture &&
          (span.begin - bars.back().end) * scale_ < kClosedGap) {
        bars.back().end = std::max(bars.back().end, span.end);
      } else {
        bars.push_back(span);
      }
    }
    for (const estimate::PipelineSpan& bar : bars)
      body_ +=
          svg_rectangle(x_of(bar.begin), y + (kLane - kBar) / 2.0,
                        std::max(kNarrowest, (bar.end - bar.begin) * scale_), kBar, svg_colour(bar.picture),
                        node + ", picture " + std::to_string(bar.picture) + ": " + text_of(bar));
  }

  const std::string& title_;
  const estimate::Pipeline& pipeline_;
  Unit unit_;
  int left_ = 0;
  double scale_ = 1.0;  // pixels a second
  int y_ = 0;
  std::string body_;
};

}  // namespace

std::string pipeline_picture(const std::string& title, const estimate::Pipeline& pipeline) {
  return Gantt(title, pipeline).draw();
}

}  // namespace bitline::app
