// Surrogates of rounding: the constants of the specification, an independent reference bit for bit, and each
// slope as the derivative of what it stands for.
#include "bitline/quant/rounding.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "bitline/base/philox.h"

namespace bitline::quant {
namespace {

const Surrogate& surrogate(const std::string& name) {
  for (const Surrogate& s : surrogates()) {
    if (name == s.name) return s;
  }
  throw std::logic_error(name);
}

float slope_at(const Rounding& rounding, float v, float g = 1.0f) {
  const float code = std::nearbyint(v);
  float slope = NAN;
  rounding_slopes(rounding, {&v, &code, &g, 1}, &slope);
  return slope;
}

TEST(Rounding, SlopesHaveTheConstantsOfTheSpecification) {
  struct Row {
    float k;
    double asr_most, asr_least, tanh_most, tanh_least;
  };
  for (const Row& row : {Row{1, 1.078, 0.863, 1.082, 0.851}, Row{2, 1.273, 0.637, 1.313, 0.551},
                         Row{4, 1.806, 0.361, 2.075, 0.147}, Row{8, 3.017, 0.177, 4.003, 5.4e-3},
                         Row{16, 5.531, 0.085, 8.000, 3.6e-6}}) {
    const Rounding asr{&surrogate("asr"), row.k}, tanh{&surrogate("tanh"), row.k};
    EXPECT_NEAR(slope_at(asr, 0.5f), row.asr_most, 6e-4) << row.k;
    EXPECT_NEAR(slope_at(asr, 3.0f), row.asr_least, 6e-4) << row.k;
    EXPECT_NEAR(slope_at(tanh, 0.5f), row.tanh_most, 6e-4) << row.k;
    EXPECT_NEAR(slope_at(tanh, -2.0f), row.tanh_least, 0.02 * row.tanh_least + 1e-6) << row.k;
  }
}

TEST(Rounding, TheMeanSlopeOfAUnitIntervalIsOne) {
  for (const char* name : {"ste", "asr", "tanh"}) {
    for (const float k : {0.5f, 2.0f, 7.0f}) {
      double sum = 0.0;
      for (int i = 0; i < 4096; ++i)
        sum += slope_at({&surrogate(name), k}, (static_cast<float>(i) + 0.5f) / 4096.0f);
      EXPECT_NEAR(sum / 4096.0, 1.0, 1e-4) << name << " " << k;
    }
  }
}

// The formulas once more, from floor and the C library's rounding.
float expected_slope(const std::string& name, float k, float v, float g) {
  const float u = (v - std::floor(v)) - 0.5f;
  const double wide = static_cast<double>(k);
  if (name == "asr") {
    const float ku = k * u;
    return static_cast<float>(wide / (2.0 * std::atan(0.5 * wide))) / (1.0f + ku * ku);
  }
  if (name == "tanh") {
    const float t = std::tanh(k * u);
    return static_cast<float>(wide / (2.0 * std::tanh(0.5 * wide))) * (1.0f - t * t);
  }
  if (name == "ewgs") {
    const float s = g > 0.0f ? 1.0f : g < 0.0f ? -1.0f : 0.0f;
    return 1.0f + k * s * (v - std::nearbyint(v));
  }
  return 1.0f;
}

std::vector<float> values_with_edges() {
  const Philox random(5, stream_id("rounding"));
  const float tiny = std::numeric_limits<float>::denorm_min(), least = std::numeric_limits<float>::min();
  std::vector<float> v = {0.0f, tiny, -tiny, least, -least, 127.0f, -128.0f};
  for (int half = -17; half <= 17; ++half) v.push_back(0.5f * static_cast<float>(half));  // ties and integers
  for (std::uint64_t i = 0; i < 1500; ++i) v.push_back(static_cast<float>(4.0 * random.normal(i)));
  return v;
}

TEST(Rounding, SlopesEqualAnIndependentReferenceBitForBit) {
  const std::vector<float> v = values_with_edges();
  const Philox random(6, stream_id("rounding"));
  std::vector<float> code, g;
  for (std::size_t i = 0; i < v.size(); ++i) {
    code.push_back(std::nearbyint(v[i]));
    g.push_back(i % 7 == 0 ? 0.0f : static_cast<float>(random.normal(i)));
  }
  for (const Surrogate& s : surrogates()) {
    for (const float k : {0.3f, 1.0f, 2.0f, 4.0f}) {
      const float parameter = std::string(s.name) == "ewgs" ? 0.2f * k : k;
      std::vector<float> slopes(v.size(), NAN);
      s.slopes({v.data(), code.data(), g.data(), v.size()}, parameter, slopes.data());
      for (std::size_t i = 0; i < v.size(); ++i)
        ASSERT_EQ(slopes[i], expected_slope(s.name, parameter, v[i], g[i])) << s.name << " v " << v[i];
    }
  }
}

TEST(Rounding, SlopesAreTheDerivativesOfTheSoftFunctions) {
  const Philox random(8, stream_id("rounding"));
  const double h = 1e-6;
  int checked = 0;
  for (const Surrogate& s : surrogates()) {
    if (std::string(s.name) == "ewgs") continue;  // its slope has a constant beside the derivative
    for (std::uint64_t i = 0; i < 300; ++i) {
      const double k = 0.3 + 5.0 * random.uniform(2 * i);
      const double v = 12.0 * random.uniform(2 * i + 1) - 6.0;
      if (std::fabs(v - std::nearbyint(v)) < 1e-3) continue;  // asr and tanh have kinks at the integers
      const double derivative = (s.soft(v + h, k) - s.soft(v - h, k)) / (2.0 * h);
      ASSERT_NEAR(slope_at({&s, static_cast<float>(k)}, static_cast<float>(v)), derivative, 2e-5) << s.name;
      ++checked;
    }
  }
  EXPECT_GT(checked, 800);
}

TEST(Rounding, SoftFunctionsMeetRoundingAtIntegersAndTies) {
  for (const char* name : {"asr", "tanh"}) {
    for (const double k : {1.0, 4.0}) {
      for (const double n : {-3.0, -0.5, 0.0, 2.0, 2.5}) EXPECT_NEAR(surrogate(name).soft(n, k), n, 1e-12);
    }
  }
}

TEST(Rounding, CorrectionsActInTheirPlace) {
  const auto correction = [](const std::string& name) {
    for (const Correction& c : corrections()) {
      if (name == c.name) return &c;
    }
    throw std::logic_error(name);
  };
  Rounding rounding{&surrogate("asr"), 2.0f};
  const float plain = slope_at(rounding, 0.25f, -1.0f);
  EXPECT_FALSE(rounding.straight_through());
  EXPECT_EQ(rounded_value(rounding, 0.25f, 0.0f), 0.0f);
  rounding.correction = correction("mde");
  rounding.amount = 0.2f;
  EXPECT_FLOAT_EQ(slope_at(rounding, 0.25f, -1.0f), plain * (1.0f - 0.2f * 0.25f));
  EXPECT_FLOAT_EQ(slope_at(rounding, 0.25f, 3.0f), plain * (1.0f + 0.2f * 0.25f));
  EXPECT_FLOAT_EQ(slope_at(rounding, 0.25f, 0.0f), plain);
  rounding.correction = correction("blend");
  rounding.amount = 1.0f;
  EXPECT_FLOAT_EQ(rounded_value(rounding, 0.25f, 0.0f), static_cast<float>(surrogate("asr").soft(0.25, 2.0)));
  rounding.amount = 0.0f;
  EXPECT_EQ(rounded_value(rounding, 0.25f, 0.0f), 0.0f);
  EXPECT_TRUE(Rounding{}.straight_through());
}

}  // namespace
}  // namespace bitline::quant
