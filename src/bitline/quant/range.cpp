#include "bitline/quant/range.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/base/units.h"
#include "bitline/quant/scale.h"

namespace bitline::quant {

namespace {

constexpr double kWhole = 100.0;               // percent
constexpr std::size_t kDivergenceBins = 2048;  // of values
constexpr std::size_t kConverterBins = 256;    // of sums
constexpr int kConverterWidths = 16, kConverterPlaces = 5;
constexpr double kNarrowest = 0.25;  // converter range tried, of the widest

// The scale at which each value would be the last code; values that no code of their sign can hold are left
// out.
std::vector<double> scales_needed(std::span<const float> x, CodeRange range) {
  std::vector<double> scales;
  scales.reserve(x.size());
  for (const float value : x) {
    const int side = value < 0.0f ? range.low : range.high;
    if (side != 0) scales.push_back(static_cast<double>(value) / side);
  }
  return scales;
}

double percentile_scale(std::span<const float> x, CodeRange range, double percent) {
  std::vector<double> scales = scales_needed(x, range);
  if (scales.empty()) return 0.0;
  const double place = std::ceil(percent / kWhole * static_cast<double>(scales.size())) - 1.0;
  const auto nth = scales.begin() + static_cast<std::ptrdiff_t>(std::max(0.0, place));
  std::nth_element(scales.begin(), nth, scales.end());
  return *nth;
}

double minmax_scale(std::span<const float> x, CodeRange range, double) {
  return percentile_scale(x, range, kWhole);
}

double least_squares_scale(std::span<const float> x, CodeRange range, double) {
  return static_cast<double>(mse_scale(x, range));
}

// Bins first .. last of a histogram as a distribution whose ends hold what is clipped, against the same
// after quantization to `levels` equal parts (each part's mass spread over its bins that were not empty).
double divergence(const std::vector<double>& bins, std::size_t first, std::size_t last, std::size_t levels) {
  const std::size_t count = last - first + 1;
  std::vector<double> p(bins.begin() + static_cast<std::ptrdiff_t>(first),
                        bins.begin() + static_cast<std::ptrdiff_t>(last) + 1);
  std::vector<double> q(count, 0.0);
  for (std::size_t level = 0; level < levels; ++level) {
    const std::size_t begin = level * count / levels, end = (level + 1) * count / levels;
    double mass = 0.0, filled = 0.0;
    for (std::size_t i = begin; i < end; ++i) {
      mass += p[i];
      filled += p[i] > 0.0 ? 1.0 : 0.0;
    }
    for (std::size_t i = begin; i < end; ++i) q[i] = p[i] > 0.0 ? mass / filled : 0.0;
  }
  double q_total = 0.0, total = 0.0;
  for (const double mass : q) q_total += mass;
  for (const double mass : bins) total += mass;
  for (std::size_t i = 0; i < first; ++i) p.front() += bins[i];
  for (std::size_t i = last + 1; i < bins.size(); ++i) p.back() += bins[i];
  if (q_total == 0.0) return std::numeric_limits<double>::infinity();
  constexpr double kFloor = 1e-9;  // of a bin that quantization left empty
  double sum = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    if (p[i] > 0.0) sum += p[i] / total * std::log(p[i] / total / std::max(q[i] / q_total, kFloor));
  }
  return sum;
}

double divergence_scale(std::span<const float> x, CodeRange range, double) {
  const std::vector<double> scales = scales_needed(x, range);
  const double widest = scales.empty() ? 0.0 : *std::max_element(scales.begin(), scales.end());
  if (!(widest > 0.0)) return 0.0;
  std::vector<double> bins(kDivergenceBins, 0.0);
  for (const double s : scales) {
    const auto bin = static_cast<std::size_t>(s / widest * static_cast<double>(kDivergenceBins));
    bins[std::min(bin, kDivergenceBins - 1)] += 1.0;
  }
  bins[0] = 0.0;  // zeros are exact at any scale
  const auto levels = static_cast<std::size_t>(std::max(range.high, -range.low));
  double best = std::numeric_limits<double>::infinity();
  std::size_t bins_kept = kDivergenceBins;
  for (std::size_t kept = std::max<std::size_t>(levels, kDivergenceBins / 16); kept <= kDivergenceBins;
       kept += kDivergenceBins / 128) {
    const double d = divergence(bins, 0, kept - 1, levels);
    if (d >= best) continue;
    best = d;
    bins_kept = kept;
  }
  return widest * static_cast<double>(bins_kept) / static_cast<double>(kDivergenceBins);
}

// A converter whose lowest and highest level lie on two bins (numbers may have fractions).
AdcRange between(const Histogram& h, double lowest, double highest, int levels) {
  const double step = std::max((highest - lowest) / (levels - 1), std::numeric_limits<double>::min());
  return {step * h.width, h.first + 0.5 * (lowest + highest) * h.width};
}

AdcRange least_squares_adc(const Histogram& h, int levels, double) {
  return mse_adc_range(h, levels);
}

AdcRange percentile_adc(const Histogram& h, int levels, double percent) {
  const auto total = static_cast<double>(h.total());
  const double outside = (kWhole - percent) / kWhole * 0.5 * total;
  const auto bin_of = [&](auto begin, auto end) {  // first bin beyond `outside` of the mass
    double mass = 0.0;
    const auto it = std::find_if(begin, end, [&](std::int64_t n) {
      mass += static_cast<double>(n);
      return n != 0 && mass > outside;
    });
    return static_cast<double>(it - begin);
  };
  const double low = bin_of(h.counts.begin(), h.counts.end());
  const double high = static_cast<double>(h.counts.size()) - 1.0 - bin_of(h.counts.rbegin(), h.counts.rend());
  if (low >= high) return mse_adc_range(h, levels);  // most sums are one value
  return between(h, low, high, levels);
}

AdcRange minmax_adc(const Histogram& h, int levels, double) {
  return percentile_adc(h, levels, kWhole);
}

AdcRange divergence_adc(const Histogram& h, int levels, double) {
  const auto [low, high] = support(h);
  const auto span = static_cast<std::size_t>(high - low) + 1;
  const std::size_t merged = (span + kConverterBins - 1) / kConverterBins;  // bins in one
  std::vector<double> bins((span + merged - 1) / merged, 0.0);
  for (std::size_t i = 0; i < span; ++i)
    bins[i / merged] += static_cast<double>(h.counts[static_cast<std::size_t>(low) + i]);
  const auto parts = static_cast<std::size_t>(levels);
  if (bins.size() <= parts) return mse_adc_range(h, levels);
  double best = std::numeric_limits<double>::infinity();
  std::size_t best_first = 0, best_count = bins.size();
  for (int w = 0; w < kConverterWidths; ++w) {
    const double width = 1.0 - (1.0 - kNarrowest) * w / kConverterWidths;
    const auto count = std::max(parts, static_cast<std::size_t>(width * static_cast<double>(bins.size())));
    for (int place = 0; place < kConverterPlaces; ++place) {
      const std::size_t first =
          (bins.size() - count) * static_cast<std::size_t>(place) / (kConverterPlaces - 1);
      const double d = divergence(bins, first, first + count - 1, parts);
      if (d >= best) continue;
      best = d;
      best_first = first;
      best_count = count;
    }
  }
  // A level stands in the middle of its part.
  const double part = static_cast<double>(best_count * merged) / levels;
  const double begin = low + static_cast<double>(best_first * merged);
  const double end = begin + static_cast<double>(best_count * merged);
  return between(h, begin + 0.5 * part - 0.5, end - 0.5 * part - 0.5, levels);
}

constexpr std::array<RangeMethod, 4> kMethods = {
    {{"mse", 0.0, 0.0, 0.0, false, least_squares_scale, least_squares_adc},
     {"minmax", 0.0, 0.0, 0.0, true, minmax_scale, minmax_adc},
     {"percentile", 99.9, 50.0, kWhole, false, percentile_scale, percentile_adc},
     {"kl", 0.0, 0.0, 0.0, false, divergence_scale, divergence_adc}}};

}  // namespace

std::span<const RangeMethod> range_methods() {
  return kMethods;
}

std::string RangeSpec::text() const {
  return method->usual == 0.0 ? method->name : method->name + (":" + number_text(parameter));
}

RangeSpec parse_range(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view name = text.substr(0, colon);
  const auto it =
      std::find_if(kMethods.begin(), kMethods.end(), [&](const RangeMethod& m) { return name == m.name; });
  if (it == kMethods.end()) {
    std::vector<std::string> names;
    for (const RangeMethod& m : kMethods) names.emplace_back(m.name);
    bad_input("unknown range method '" + std::string(name) + "'", {}, suggestion(std::string(name), names));
  }
  RangeSpec spec{&*it, it->usual};
  if (colon == text.size()) return spec;
  const std::string_view number = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), spec.parameter);
  const bool whole = error == std::errc() && end == number.data() + number.size();
  if (it->usual == 0.0) bad_input("the range method '" + std::string(name) + "' takes no parameter");
  if (!whole || !(spec.parameter >= it->lowest && spec.parameter <= it->highest))
    bad_input(
        "'" + std::string(text) + "' is out of range", {},
        "expected " + std::string(name) + ":" + number_text(it->lowest) + " to " + number_text(it->highest));
  return spec;
}

float choose_scale(const RangeSpec& spec, std::span<const float> x, CodeRange range) {
  const auto scale = static_cast<float>(spec.method->scale(x, range, spec.parameter));
  if (scale >= kLeastScale) return scale;
  return mse_scale(x, range);  // a percentile of mostly zeros; all zeros give 1
}

AdcRange choose_adc_range(const RangeSpec& spec, const Histogram& histogram, int levels) {
  if (const auto range = lossless_adc_range(histogram, levels)) return *range;
  return spec.method->adc(histogram, levels, spec.parameter);
}

}  // namespace bitline::quant
