// The converter against its definition: the nearest of L levels.
#include "bitline/quant/adc.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "base/error_of.h"
#include <gtest/gtest.h>

#include "bitline/base/philox.h"

namespace bitline::quant {
namespace {

constexpr int kAllLevels[] = {kIdealAdc, 2, 3, 4, 8, 16, 256, 4096};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed, stream_id("adc tests")) {}
  float normal() { return static_cast<float>(random_.normal(next_++)); }
  double uniform(double low, double high) { return low + (high - low) * random_.uniform(next_++); }

 private:
  Philox random_;
  std::uint64_t next_ = 0;
};

// Arrays of one row of columns; about half of the sums are clipped.
struct Columns {
  std::vector<float> gain, offset, weight, psum, y, dy;
  int levels;

  Columns(std::size_t n, int adc_levels, std::uint64_t seed) : levels(adc_levels) {
    Dice dice(seed);
    const float top = adc_levels == kIdealAdc ? 16.0f : static_cast<float>(adc_levels - 1);
    for (std::size_t i = 0; i < n; ++i) {
      gain.push_back(0.01f + std::fabs(dice.normal()));
      offset.push_back(0.5f * top + dice.normal());
      weight.push_back(dice.normal());
      psum.push_back(std::round(top * dice.normal()));
      y.push_back(dice.normal());
      dy.push_back(dice.normal());
    }
  }
  AdcRow row() const { return {gain.data(), offset.data(), weight.data(), gain.size(), levels}; }
  float code(std::size_t i) const {
    if (levels == kIdealAdc) return psum[i];
    const float product = psum[i] * gain[i];
    const float v = product + offset[i];
    return std::nearbyint(std::fmin(std::fmax(v, 0.0f), static_cast<float>(levels - 1)));
  }
};

TEST(Adc, LevelsOfBits) {
  EXPECT_EQ(parse_adc_levels("ideal"), kIdealAdc);
  EXPECT_EQ(parse_adc_levels("1.5"), 3);
  for (int bits = 1; bits <= 12; ++bits) {
    EXPECT_EQ(parse_adc_levels(std::to_string(bits)), 1 << bits);
    EXPECT_EQ(adc_bits_text(1 << bits), std::to_string(bits));
  }
  EXPECT_EQ(adc_bits_text(3), "1.5");
  EXPECT_EQ(adc_bits_text(kIdealAdc), "ideal");
}

TEST(Adc, OtherTextsAreRefused) {
  for (const char* text : {"", "13", "-1", "+4", "2.5", "4 ", " 4", "4b", "Ideal", "1.50", "99999999999"}) {
    EXPECT_EQ(error_of([&] { parse_adc_levels(text); }),
              "ADC bits '" + std::string(text) + "' are not valid (expected 1 to 12, 1.5 or ideal (also 0))");
  }
}

// The index of the level nearest to P, or -1 when two are nearly as near.
int nearest_level(double p, double step, double centre, int levels) {
  int best = 0;
  double least = INFINITY, second = INFINITY;
  for (int k = 0; k < levels; ++k) {
    const double d = std::fabs(p - (centre + step * (k - 0.5 * (levels - 1))));
    if (d < least) {
      second = least;
      least = d;
      best = k;
    } else if (d < second) {
      second = d;
    }
  }
  return second - least < 1e-3 * step ? -1 : best;
}

TEST(Adc, CodeIsTheNearestLevelAndWeightTurnsItIntoTheValue) {
  Dice dice(5);
  int checked = 0;
  for (int i = 0; i < 6000; ++i) {
    const int levels = std::initializer_list<int>{2, 3, 4, 16, 64}.begin()[i % 5];
    const int shift = i % 4;
    const auto a = static_cast<float>(dice.uniform(0.01, 0.2));
    const auto w = static_cast<float>(dice.uniform(0.01, 0.2));
    const auto psum = static_cast<float>(std::floor(dice.uniform(-300, 300)));
    const double p = double(a) * double(w) * double(psum);
    const auto step = static_cast<float>(dice.uniform(0.02, 1.0));
    const auto centre = static_cast<float>(dice.uniform(-1.0, 1.0));
    const AdcColumn column = adc_column(a, w, step, centre, levels, shift);
    const int level = nearest_level(p, double(step), double(centre), levels);
    if (level < 0) continue;
    const float code = adc_code(psum, column.gain, column.offset, static_cast<float>(levels - 1));
    ASSERT_EQ(static_cast<int>(code), level) << "sum " << psum << ", " << levels << " levels";
    const double value = double(centre) + double(step) * (level - 0.5 * (levels - 1));
    ASSERT_NEAR(double(column.weight) * level + double(column.base), std::ldexp(value, shift),
                1e-4 * (1.0 + std::fabs(std::ldexp(value, shift))));
    ++checked;
  }
  EXPECT_GT(checked, 5000);
}

TEST(Adc, AnIdealColumnScalesTheSum) {
  const AdcColumn column = adc_column(0.5f, 0.25f, 9.0f, 9.0f, kIdealAdc, 3);
  EXPECT_EQ(column.weight, 1.0f);
  EXPECT_EQ(column.base, 0.0f);
}

TEST(Adc, TiesGoToTheEvenCode) {
  for (int k = 0; k < 15; ++k) {
    EXPECT_EQ(adc_code(static_cast<float>(k) + 0.5f, 1.0f, 0.0f, 15.0f), static_cast<float>(k + k % 2));
  }
}

TEST(Adc, AccumulateEqualsTheScalarLoopBitForBit) {
  for (const int levels : kAllLevels) {
    for (std::size_t n = 1; n <= 67; ++n) {
      Columns c(n, levels, 100 * n + 1);
      std::vector<float> expected = c.y;
      for (std::size_t i = 0; i < n; ++i) {
        const float scaled = c.weight[i] * 4.0f;
        const float product = scaled * c.code(i);
        expected[i] += product;
      }
      std::vector<float> y = c.y;
      adc_accumulate(c.row(), c.psum.data(), 4.0f, y.data());
      ASSERT_EQ(std::memcmp(y.data(), expected.data(), n * sizeof(float)), 0) << n << " columns, " << levels;
    }
  }
}

TEST(Adc, CodesEqualTheScalarLoop) {
  for (const int levels : kAllLevels) {
    for (const std::size_t n : {1U, 3U, 16U, 31U, 129U}) {
      const Columns c(n, levels, n);
      std::vector<float> codes(n, -5.0f);
      adc_codes(c.row(), c.psum.data(), codes.data());
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(codes[i], c.code(i)) << levels;
    }
  }
}

// c + s * (clip(v) + rounding - (L-1)/2), with the rounding error held fixed.
double surrogate(double p, double s, double c, int levels, double rounding) {
  const double middle = 0.5 * (levels - 1);
  const double v = (p - c) / s + middle;
  return c + s * (std::min(std::max(v, 0.0), 2.0 * middle) + rounding - middle);
}

struct Slopes {
  double dp, ds, dc;
};

Slopes central_differences(double p, double s, double c, int levels) {
  const double middle = 0.5 * (levels - 1), h = 1e-6;
  const double v = std::min(std::max((p - c) / s + middle, 0.0), 2.0 * middle);
  const double r = std::nearbyint(v) - v;
  const auto at = [&](double dp, double ds, double dc) {
    return surrogate(p + dp, s + ds, c + dc, levels, r);
  };
  return {(at(h, 0, 0) - at(-h, 0, 0)) / (2 * h), (at(0, h, 0) - at(0, -h, 0)) / (2 * h),
          (at(0, 0, h) - at(0, 0, -h)) / (2 * h)};
}

bool near_kink(double p, double s, double c, int levels) {
  const double v = (p - c) / s + 0.5 * (levels - 1);
  return std::fabs(v) < 2e-3 || std::fabs(v - (levels - 1)) < 2e-3 ||
         std::fabs(v - std::floor(v) - 0.5) < 2e-3;
}

// Every surrogate, alone and with mde, at some parameter.
Rounding some_rounding(Dice& dice, int i) {
  const Surrogate& surrogate = surrogates()[static_cast<std::size_t>(i % 4)];
  const double parameter = surrogate.uses_gradient ? dice.uniform(0.1, 0.9) : dice.uniform(0.5, 4.0);
  const bool corrects = i / 4 % 2 != 0;
  return {&surrogate, static_cast<float>(parameter), &corrections()[corrects ? 1 : 0],
          static_cast<float>(corrects ? dice.uniform(0.1, 0.9) : 0.0)};
}

// 1 + D sign(g) e of ewgs and mde; e is taken as constant.
double error_factor(const Rounding& rounding, double v, double g) {
  const double along = (v - std::nearbyint(v)) * (g > 0.0 ? 1.0 : -1.0);
  const double ewgs = rounding.surrogate->uses_gradient ? double(rounding.parameter) : 0.0;
  return (1.0 + ewgs * along) * (1.0 + double(rounding.amount) * along);
}

// value = c + s * (m-scaled soft code - middle), its distance from the real code held fixed.
TEST(Adc, SurrogatesEqualCentralDifferences) {
  Dice dice(23);
  std::array<int, 8> checked{};  // of each surrogate, alone and with mde
  for (int i = 0; i < 6000; ++i) {
    const Rounding rounding = some_rounding(dice, i);
    const int levels = std::initializer_list<int>{2, 3, 4, 16, 64}.begin()[i % 5];
    const double middle = 0.5 * (levels - 1);
    const auto step = static_cast<float>(dice.uniform(0.2, 1.0));
    const auto centre = static_cast<float>(dice.uniform(-0.5, 0.5));
    const float unit = 0.05f, factor = 2.0f, dy = dice.normal();
    const auto psum = static_cast<float>(dice.uniform(-14.0, 14.0) * levels);
    const double p = double(unit) * double(psum);
    const double open = (p - double(centre)) / double(step) + middle;
    const double v = std::min(std::max(open, 0.0), 2.0 * middle);
    if (near_kink(p, double(step), double(centre), levels) || std::fabs(open - std::nearbyint(open)) < 1e-3)
      continue;
    const AdcColumn column = adc_column(unit, 1.0f, step, centre, levels, 0);
    const AdcRow row{&column.gain, &column.offset, &column.weight, 1, levels};
    float dp = 0.0f, ds = 0.0f, dc = 0.0f;
    const AdcSlopes slopes{rounding};
    adc_backward(row, &psum, {&dy, factor, factor}, &dp, &ds, &dc, &slopes);
    const double factor_of_error = error_factor(rounding, v, double(dy));
    const auto soft = [&](double position) {
      return factor_of_error * rounding.surrogate->soft(position, double(rounding.parameter));
    };
    const double rest = std::nearbyint(v) - soft(v);
    const auto value = [&](double at_p, double at_s, double at_c) {
      const double position = std::min(std::max((at_p - at_c) / at_s + middle, 0.0), 2.0 * middle);
      return at_c + at_s * (soft(position) + rest - middle);
    };
    const double h = 1e-6, S = double(step), C = double(centre), g = double(dy) * double(factor);
    const double most = 2e-3 * (1.0 + std::fabs(g) * levels);
    ASSERT_NEAR(double(dp), g * (value(p + h, S, C) - value(p - h, S, C)) / (2 * h), most);
    ASSERT_NEAR(double(ds), g * (value(p, S + h, C) - value(p, S - h, C)) / (2 * h), most);
    ASSERT_NEAR(double(dc), g * (value(p, S, C + h) - value(p, S, C - h)) / (2 * h), most);
    ++checked[static_cast<std::size_t>(i % 8)];
  }
  for (const int count : checked) EXPECT_GT(count, 400);
}

TEST(Adc, BackwardEqualsCentralDifferencesOfTheSurrogate) {
  Dice dice(17);
  int checked = 0;
  for (int i = 0; i < 3000; ++i) {
    const int levels = std::initializer_list<int>{2, 3, 4, 16, 64}.begin()[i % 5];
    const auto step = static_cast<float>(dice.uniform(0.2, 1.0));
    const auto centre = static_cast<float>(dice.uniform(-0.5, 0.5));
    const float unit = 0.05f, factor = 2.0f, dy = dice.normal();
    const auto psum = static_cast<float>(dice.uniform(-14.0, 14.0) * levels);
    const double p = double(unit) * double(psum);
    if (near_kink(p, double(step), double(centre), levels)) continue;
    const AdcColumn column = adc_column(unit, 1.0f, step, centre, levels, 0);
    const AdcRow row{&column.gain, &column.offset, &column.weight, 1, levels};
    float dp = 0.0f, ds = 10.0f, dc = 20.0f;
    adc_backward(row, &psum, {&dy, factor, factor}, &dp, &ds, &dc);
    const Slopes slopes = central_differences(p, double(step), double(centre), levels);
    const double g = double(dy) * double(factor);
    ASSERT_NEAR(double(dp), g * slopes.dp, 1e-4);
    ASSERT_NEAR(double(ds) - 10.0, g * slopes.ds, 1e-3 * (1 + std::fabs(g * slopes.ds)));
    ASSERT_NEAR(double(dc) - 20.0, g * slopes.dc, 1e-4);
    ++checked;
  }
  EXPECT_GT(checked, 2500);
}

TEST(Adc, BackwardOfManyColumnsEqualsOneByOne) {
  for (const int levels : kAllLevels) {
    for (const std::size_t n : {1U, 5U, 17U, 63U}) {
      const Columns c(n, levels, 7 * n);
      std::vector<float> dp(n), ds(n, 0.5f), dc(n, 0.25f);
      adc_backward(c.row(), c.psum.data(), {c.dy.data(), 3.0f, 0.5f}, dp.data(), ds.data(), dc.data());
      for (std::size_t i = 0; i < n; ++i) {
        const AdcRow one{&c.gain[i], &c.offset[i], &c.weight[i], 1, levels};
        float p = 0.0f, s = 0.5f, t = 0.25f;
        adc_backward(one, &c.psum[i], {&c.dy[i], 3.0f, 0.5f}, &p, &s, &t);
        ASSERT_EQ(dp[i], p);
        ASSERT_EQ(ds[i], s);
        ASSERT_EQ(dc[i], t);
        if (levels == kIdealAdc) {
          ASSERT_EQ(p, c.dy[i] * 0.5f);
          ASSERT_EQ(s, 0.5f);
          ASSERT_EQ(t, 0.25f);
        }
      }
    }
  }
}

TEST(Adc, TheEdgesOfTheWindowAreInRange) {
  const float gain = 1.0f, offset = 0.0f, weight = 1.0f, dy = 1.0f;
  const AdcRow row{&gain, &offset, &weight, 1, 4};
  for (const auto& [psum, slope] : {std::pair{-0.01f, 0.0f}, {0.0f, 1.0f}, {3.0f, 1.0f}, {3.01f, 0.0f}}) {
    float dp = 0.0f, ds = 0.0f, dc = 0.0f;
    adc_backward(row, &psum, {&dy, 1.0f, 1.0f}, &dp, &ds, &dc);
    EXPECT_EQ(dp, slope) << psum;
    EXPECT_EQ(dc, 1.0f - slope) << psum;
  }
}

TEST(Adc, ClippedSumsPassTheirGradientWhereAsked) {
  const float gain = 1.0f, offset = 0.0f, weight = 1.0f, dy = 2.0f;
  const AdcRow row{&gain, &offset, &weight, 1, 4};
  const AdcSlopes passing{Rounding{}, true}, asr{{&surrogates()[1], 2.0f}, true},
      plain{{&surrogates()[1], 2.0f}};
  for (const float psum : {-3.0f, 1.25f, 7.0f}) {
    const bool inside = psum > 0.0f && psum < 3.0f;
    const auto gradients = [&](const AdcSlopes& slopes) {
      std::vector<float> g(3, 0.0f);
      adc_backward(row, &psum, {&dy, 1.0f, 0.5f}, &g[0], &g[1], &g[2], &slopes);
      return g;
    };
    EXPECT_EQ(gradients(passing)[0], 1.0f) << psum;  // dy * share, inside or not
    EXPECT_EQ(gradients(asr)[0], inside ? gradients(plain)[0] : 1.0f) << psum;
    EXPECT_EQ(gradients(asr)[1], gradients(plain)[1]) << psum;
    EXPECT_EQ(gradients(asr)[2], gradients(plain)[2]) << psum;
  }
}

TEST(Adc, SquaredErrorIsThatOfTheNearestLevel) {
  Dice dice(31);
  for (int i = 0; i < 2000; ++i) {
    const int levels = std::initializer_list<int>{2, 3, 4, 16}.begin()[i % 4];
    const auto step = static_cast<float>(dice.uniform(0.2, 1.0));
    const auto centre = static_cast<float>(dice.uniform(-0.5, 0.5));
    const auto p = static_cast<float>(dice.uniform(-4.0, 4.0));
    double least = INFINITY;
    for (int k = 0; k < levels; ++k)
      least =
          std::fmin(least, std::fabs(double(p) - double(centre) - double(step) * (k - 0.5 * (levels - 1))));
    ASSERT_NEAR(adc_squared_error(p, step, centre, levels), least * least, 1e-5);
  }
}

}  // namespace
}  // namespace bitline::quant
