// Do the range methods keep what their names promise, on values and on histograms?
#include "bitline/quant/range.h"

#include <algorithm>
#include <cmath>

#include "base/error_of.h"
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bitline/base/philox.h"

namespace bitline::quant {
namespace {

std::vector<float> normals(std::size_t count, std::uint64_t seed) {
  const Philox random(seed, stream_id("range test"));
  std::vector<float> x(count);
  for (std::size_t i = 0; i < count; ++i) x[i] = static_cast<float>(random.normal(i));
  return x;
}

double clipped_share(const std::vector<float>& x, float scale, CodeRange range) {
  const auto outside = std::count_if(x.begin(), x.end(), [&](float v) {
    return v > scale * static_cast<float>(range.high) * 1.000001f ||
           v < scale * static_cast<float>(range.low) * 1.000001f;
  });
  return static_cast<double>(outside) / static_cast<double>(x.size());
}

TEST(RangeSpec, TextsReadBackAndBadOnesNameTheReason) {
  for (const char* text : {"mse", "minmax", "percentile:99.5", "kl"})
    EXPECT_EQ(parse_range(text).text(), text);
  EXPECT_EQ(parse_range("percentile").text(), "percentile:99.9");
  EXPECT_EQ(RangeSpec().text(), "mse");
  EXPECT_NE(error_of([] { parse_range("percentle:9"); }).find("percentile"), std::string::npos);
  EXPECT_NE(error_of([] { parse_range("percentile:101"); }).find("50 to 100"), std::string::npos);
  EXPECT_NE(error_of([] { parse_range("percentile:9x"); }).find("out of range"), std::string::npos);
  EXPECT_NE(error_of([] { parse_range("kl:3"); }).find("no parameter"), std::string::npos);
}

TEST(RangeScale, MinMaxClipsNothingAndReachesTheLastCode) {
  for (const CodeRange range : {signed_range(4), strict_range(3), unsigned_range(8)}) {
    std::vector<float> x = normals(1000, 3);
    if (range.low == 0) std::for_each(x.begin(), x.end(), [](float& v) { v = std::fabs(v); });
    const float scale = choose_scale(parse_range("minmax"), x, range);
    EXPECT_EQ(clipped_share(x, scale, range), 0.0);
    EXPECT_GT(clipped_share(x, 0.999f * scale, range), 0.0);
  }
}

TEST(RangeScale, APercentileClipsItsShare) {
  const std::vector<float> x = normals(20'000, 4);
  for (const double percent : {90.0, 99.0, 99.9}) {
    const float scale = choose_scale({&range_methods()[2], percent}, x, strict_range(4));
    EXPECT_NEAR(clipped_share(x, scale, strict_range(4)), (100.0 - percent) / 100.0, 1e-4) << percent;
  }
}

TEST(RangeScale, DivergenceCutsTheTailOfFewOutliers) {
  std::vector<float> x = normals(50'000, 5);
  for (float& v : x) v = std::fabs(v);
  x[7] = 40.0f;
  const float kl = choose_scale(parse_range("kl"), x, unsigned_range(4));
  const float all = choose_scale(parse_range("minmax"), x, unsigned_range(4));
  EXPECT_LT(kl, 0.3f * all);
  EXPECT_GT(kl * 15.0f, 1.5f);  // and keeps the body
}

TEST(RangeScale, ZerosDenormalsAndNothingGiveOne) {
  for (const RangeMethod& method : range_methods()) {
    const RangeSpec spec{&method, method.usual};
    EXPECT_EQ(choose_scale(spec, std::vector<float>{}, signed_range(4)), 1.0f) << method.name;
    EXPECT_EQ(choose_scale(spec, std::vector<float>(9, 0.0f), signed_range(4)), 1.0f) << method.name;
    EXPECT_EQ(choose_scale(spec, std::vector<float>(9, 1e-44f), signed_range(4)), 1.0f) << method.name;
    EXPECT_EQ(choose_scale(spec, std::vector<float>(9, 1e-16f), signed_range(4)), 1.0f) << method.name;
    EXPECT_EQ(choose_scale(spec, std::vector<float>{-1.0f, -2.0f}, unsigned_range(4)), 1.0f) << method.name;
  }
}

RC_GTEST_PROP(RangeScale, IsAlwaysPositiveFiniteAndAtMostMinMax, ()) {
  const auto x = *rc::gen::nonEmpty(rc::gen::container<std::vector<float>>(rc::gen::map(
      rc::gen::inRange(-100'000, 100'000), [](int i) { return static_cast<float>(i) * 1e-3f; })));
  const int bits = *rc::gen::inRange(2, 9);
  const CodeRange range = *rc::gen::element(signed_range(bits), unsigned_range(bits), strict_range(bits));
  const float widest = choose_scale(parse_range("minmax"), x, range);
  for (const RangeMethod& method : range_methods()) {
    const float scale = choose_scale({&method, method.usual}, x, range);
    RC_ASSERT(std::isfinite(scale) && scale > 0.0f);
    RC_ASSERT(scale <= widest * 1.1f || widest == 1.0f);  // least squares may look a little beyond
  }
}

Histogram bell(std::size_t bins, std::uint64_t seed) {
  Histogram h{-2.0, 0.125, std::vector<std::int64_t>(bins, 0)};
  for (const float v : normals(20'000, seed)) {
    const double bin = std::floor((0.5 + 0.12 * static_cast<double>(v)) * static_cast<double>(bins));
    if (bin >= 0.0 && bin < static_cast<double>(bins)) ++h.counts[static_cast<std::size_t>(bin)];
  }
  return h;
}

double mass_outside(const Histogram& h, const AdcRange& range, int levels) {
  const double half = 0.5 * range.step * (levels - 1);
  std::int64_t outside = 0;
  for (std::size_t i = 0; i < h.counts.size(); ++i) {
    const double value = h.first + h.width * static_cast<double>(i);
    if (std::fabs(value - range.centre) > half + 1e-9) outside += h.counts[i];
  }
  return static_cast<double>(outside) / static_cast<double>(h.total());
}

TEST(RangeAdc, MinMaxAndPercentileLeaveOutTheirShare) {
  const Histogram h = bell(500, 8);
  for (const int levels : {2, 3, 16, 64}) {
    EXPECT_EQ(mass_outside(h, choose_adc_range(parse_range("minmax"), h, levels), levels), 0.0);
    const AdcRange range = choose_adc_range(parse_range("percentile:98"), h, levels);
    EXPECT_NEAR(mass_outside(h, range, levels), 0.02, 0.01);
  }
}

TEST(RangeAdc, EveryMethodIsNearTheBestOnABell) {
  const Histogram h = bell(700, 9);
  for (const int levels : {8, 16, 32}) {
    const double best = adc_range_error(h, levels, choose_adc_range(parse_range("mse"), h, levels));
    for (const RangeMethod& method : range_methods()) {
      const AdcRange range = choose_adc_range({&method, method.usual}, h, levels);
      EXPECT_LT(adc_range_error(h, levels, range), 6.0 * best) << method.name << ", " << levels << " levels";
      EXPECT_GE(adc_range_error(h, levels, range), 0.999 * best) << method.name;
    }
  }
}

TEST(RangeAdc, HistogramsThatFitLoseNothingByAnyMethod) {
  for (const RangeMethod& method : range_methods()) {
    const RangeSpec spec{&method, method.usual};
    const Histogram few{1.0, 0.5, {4, 1, 0, 9}};
    EXPECT_NEAR(adc_range_error(few, 4, choose_adc_range(spec, few, 4)), 0.0, 1e-18) << method.name;
    const Histogram one{2.0, 0.5, {0, 0, 7, 0}};
    const AdcRange of_one = choose_adc_range(spec, one, 4);
    EXPECT_EQ(adc_range_error(one, 4, of_one), 0.0) << method.name;
    EXPECT_GT(of_one.step, 0.0) << method.name;
    const AdcRange spike = choose_adc_range(spec, {0.0, 1.0, {0, 100000, 0, 0, 0, 1}}, 2);
    EXPECT_GT(spike.step, 0.0) << method.name;
    EXPECT_TRUE(std::isfinite(spike.centre)) << method.name;
  }
}

}  // namespace
}  // namespace bitline::quant
