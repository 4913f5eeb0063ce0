// Scales by least squared error: the plain search that calibration and the start of training use.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "bitline/quant/lsq.h"

namespace bitline::quant {

// sum (x - Q(x; s))^2
double squared_error(std::span<const float> x, float scale, CodeRange range);

// The scale that minimizes sum (x - Q(x; s))^2 over a geometric grid between max|x|/range and a fraction of
// it, refined once. All-zero x (or of denormal size) gives 1. x must be finite.
float mse_scale(std::span<const float> x, CodeRange range);

// A histogram of equally spaced values: bin i holds the count of value first + i * width.
struct Histogram {
  double first = 0.0;
  double width = 1.0;
  std::vector<std::int64_t> counts;

  std::int64_t total() const;
};

// The (step, centre) of an L-level uniform converter that minimizes the squared error over a histogram of
// sums, in the histogram's units. A histogram of one value gives step = max(width, |value|) and a level
// on it; one of at most L neighbouring bins gets a level on each of them (step = width), which loses nothing.
struct AdcRange {
  double step = 1.0;
  double centre = 0.0;
};
AdcRange mse_adc_range(const Histogram& histogram, int levels);

// The range for those two histograms that lose nothing; none for others.
std::optional<AdcRange> lossless_adc_range(const Histogram& histogram, int levels);

// First and last bin that is not empty, as bin numbers.
std::pair<double, double> support(const Histogram& histogram);

// Mean squared error of a range on a histogram.
double adc_range_error(const Histogram& histogram, int levels, const AdcRange& range);

// Free levels, strictly ascending, in the histogram's units: Lloyd's iteration (Lloyd 1982, Max 1960) from
// the levels of `start`; the squared error is never above that of `start`.
std::vector<double> lloyd_max_levels(const Histogram& histogram, int levels, const AdcRange& start);
// Mean squared error of free levels with thresholds half-way between.
double free_levels_error(const Histogram& histogram, std::span<const double> levels);

}  // namespace bitline::quant
