#include "bitline/quant/mse.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "bitline/base/error.h"
#include "bitline/quant/scale.h"

namespace bitline::quant {

namespace {

constexpr int kScaleSteps = 48;          // coarse grid points
constexpr double kSmallestRatio = 0.12;  // smallest scale tried, relative to the one that clips nothing
constexpr int kRefineSteps = 9;
constexpr int kLloydRounds = 200;

// The scale at which no value is clipped.
double full_scale(std::span<const float> x, CodeRange range) {
  double scale = 0.0;
  for (const float value : x) {
    const double side = value < 0 ? range.low : range.high;
    if (side != 0.0) scale = std::max(scale, static_cast<double>(value) / side);
  }
  return scale;
}

struct Moments {  // prefix sums over histogram bins: count, sum, sum of squares
  std::vector<double> count, sum, square;

  explicit Moments(const Histogram& h) : count(h.counts.size() + 1), sum(count.size()), square(count.size()) {
    for (std::size_t i = 0; i < h.counts.size(); ++i) {
      const double value = static_cast<double>(i);
      const double n = static_cast<double>(h.counts[i]);
      count[i + 1] = count[i] + n;
      sum[i + 1] = sum[i] + n * value;
      square[i + 1] = square[i] + n * value * value;
    }
  }

  // sum of n * (value - level)^2 over bins [a, b)
  double error(std::size_t a, std::size_t b, double level) const {
    return (square[b] - square[a]) - 2.0 * level * (sum[b] - sum[a]) + level * level * (count[b] - count[a]);
  }
};

// Squared error of a converter with its lowest level at `lowest`, in bin units.
double converter_error(const Moments& m, int levels, double lowest, double step) {
  const std::size_t bins = m.count.size() - 1;
  std::size_t begin = 0;
  double error = 0.0;
  for (int k = 0; k < levels && begin < bins; ++k) {
    const double boundary = lowest + step * (k + 0.5);
    std::size_t end = bins;
    if (k + 1 < levels && boundary < static_cast<double>(bins) - 1.0) {
      end = std::max(begin, static_cast<std::size_t>(std::max(0.0, std::floor(boundary) + 1.0)));
    }
    error += m.error(begin, end, lowest + step * k);
    begin = end;
  }
  return error;
}

struct Candidate {
  double error, lowest, step;
};

void consider(const Moments& m, int levels, double lowest, double step, Candidate& best) {
  const double error = converter_error(m, levels, lowest, step);
  if (error < best.error) best = {error, lowest, step};
}

// Coordinate search around the best so far with shrinking moves.
void refine(const Moments& m, int levels, Candidate& best) {
  double move = 0.5;
  for (int round = 0; round < 12; ++round, move *= 0.7) {
    const Candidate from = best;
    for (const double ds : {-0.12, 0.0, 0.12}) {
      for (const double dl : {-1.0, 0.0, 1.0}) {
        const double step = from.step * (1.0 + ds * move);
        const double middle = from.lowest + from.step * 0.5 * (levels - 1);
        consider(m, levels, middle - step * 0.5 * (levels - 1) + dl * move * step, step, best);
      }
    }
  }
}

Candidate search_range(const Moments& m, int levels, double low, double high) {
  const double widest = (high - low) / (levels - 1);
  Candidate best{converter_error(m, levels, low, widest), low, widest};
  for (double width = 1.0; width > 0.05; width *= 0.9) {
    const double span = (high - low) * width;
    const double step = span / (levels - 1);
    for (int i = 0; i <= 24; ++i) consider(m, levels, low + (high - low - span) * i / 24.0, step, best);
  }
  refine(m, levels, best);
  return best;
}

// Where the bins of each level end when every bin goes to the nearest level, a tie to the upper one.
std::vector<std::size_t> cell_ends(const Moments& moments, const std::vector<double>& values) {
  const std::size_t bins = moments.count.size() - 1;
  std::vector<std::size_t> ends(values.size(), bins);
  for (std::size_t k = 0; k + 1 < values.size(); ++k) {
    const double boundary = std::ceil(0.5 * (values[k] + values[k + 1]));
    ends[k] = std::min(bins, static_cast<std::size_t>(std::max(0.0, boundary)));
  }
  return ends;
}

}  // namespace

double squared_error(std::span<const float> x, float scale, CodeRange range) {
  const auto low = static_cast<float>(range.low);
  const auto high = static_cast<float>(range.high);
  double error = 0.0;
  for (const float value : x) {
    const double d = static_cast<double>(value - scale * lsq_code(value, scale, low, high));
    error += d * d;
  }
  return error;
}

std::int64_t Histogram::total() const {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

float mse_scale(std::span<const float> x, CodeRange range) {
  const double widest = full_scale(x, range);
  if (!(widest >= static_cast<double>(kLeastScale))) return 1.0f;
  double best_error = 0.0;
  double best = 0.0;
  const auto consider_scale = [&](double scale) {
    const double error = squared_error(x, static_cast<float>(scale), range);
    if (best == 0.0 || error < best_error) {
      best_error = error;
      best = scale;
    }
  };
  const double ratio = std::pow(kSmallestRatio, 1.0 / (kScaleSteps - 1));
  for (int i = 0; i < kScaleSteps; ++i) consider_scale(widest * std::pow(ratio, i));
  const double middle = best;
  for (int i = 1; i <= kRefineSteps; ++i)
    consider_scale(middle * std::pow(ratio, 2.0 * i / (kRefineSteps + 1) - 1.0));
  return std::max(static_cast<float>(best), kLeastScale);
}

std::pair<double, double> support(const Histogram& h) {
  const auto filled = [](std::int64_t n) { return n != 0; };
  const auto first = std::find_if(h.counts.begin(), h.counts.end(), filled);
  const auto last = std::find_if(h.counts.rbegin(), h.counts.rend(), filled);
  return {static_cast<double>(first - h.counts.begin()), static_cast<double>(h.counts.rend() - last) - 1.0};
}

std::optional<AdcRange> lossless_adc_range(const Histogram& histogram, int levels) {
  BITLINE_CHECK(levels >= 2 && histogram.total() > 0);
  const auto [low, high] = support(histogram);
  if (low == high) {
    const double value = histogram.first + low * histogram.width;
    const double step = std::max(histogram.width, std::fabs(value));
    return AdcRange{step, levels % 2 == 0 ? value + 0.5 * step : value};
  }
  if (high - low > levels - 1) return std::nullopt;
  // A level on every bin; the levels to spare lie on both sides, for sums not seen yet.
  const double lowest = low - std::floor((levels - 1 - (high - low)) / 2.0);
  return AdcRange{histogram.width, histogram.first + (lowest + 0.5 * (levels - 1)) * histogram.width};
}

AdcRange mse_adc_range(const Histogram& histogram, int levels) {
  if (const auto range = lossless_adc_range(histogram, levels)) return *range;
  const auto [low, high] = support(histogram);
  const Candidate best = search_range(Moments(histogram), levels, low, high);
  const double centre = best.lowest + best.step * 0.5 * (levels - 1);
  return {best.step * histogram.width, histogram.first + centre * histogram.width};
}

double adc_range_error(const Histogram& histogram, int levels, const AdcRange& range) {
  const double step = range.step / histogram.width;
  const double lowest = (range.centre - histogram.first) / histogram.width - 0.5 * step * (levels - 1);
  const double total = static_cast<double>(histogram.total());
  return converter_error(Moments(histogram), levels, lowest, step) * histogram.width * histogram.width /
         total;
}

std::vector<double> lloyd_max_levels(const Histogram& histogram, int levels, const AdcRange& start) {
  const Moments moments(histogram);
  const double step = start.step / histogram.width;
  const double lowest = (start.centre - histogram.first) / histogram.width - 0.5 * step * (levels - 1);
  std::vector<double> values(static_cast<std::size_t>(levels));
  for (std::size_t k = 0; k < values.size(); ++k) values[k] = lowest + step * static_cast<double>(k);
  for (int round = 0; round < kLloydRounds; ++round) {
    const std::vector<std::size_t> ends = cell_ends(moments, values);
    bool moved = false;
    std::size_t begin = 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
      const double mass = moments.count[ends[k]] - moments.count[begin];
      if (mass > 0.0) {
        const double mean = (moments.sum[ends[k]] - moments.sum[begin]) / mass;
        moved = moved || std::fabs(mean - values[k]) > 1e-9 * std::max(1.0, std::fabs(mean));
        values[k] = mean;
      }
      begin = ends[k];
    }
    if (!moved) break;
  }
  for (double& v : values) v = histogram.first + v * histogram.width;
  return values;
}

double free_levels_error(const Histogram& histogram, std::span<const double> levels) {
  std::vector<double> values;
  for (const double v : levels) values.push_back((v - histogram.first) / histogram.width);
  const Moments moments(histogram);
  const std::vector<std::size_t> ends = cell_ends(moments, values);
  double error = 0.0;
  std::size_t begin = 0;
  for (std::size_t k = 0; k < values.size(); ++k) {
    error += moments.error(begin, ends[k], values[k]);
    begin = ends[k];
  }
  return error * histogram.width * histogram.width / static_cast<double>(histogram.total());
}

}  // namespace bitline::quant
