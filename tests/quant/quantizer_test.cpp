// Every combination of the axes: text, forward, and gradients against central differences of what they state.
#include "bitline/quant/quantizer.h"

#include <cmath>
#include <vector>

#include "base/error_of.h"
#include "quant/reference_slope.h"
#include <gtest/gtest.h>

#include "bitline/base/philox.h"

namespace bitline::quant {
namespace {

// All roundings, with one parameter each.
std::vector<Rounding> all_roundings() {
  std::vector<Rounding> out;
  for (const Surrogate& s : surrogates()) {
    for (const Correction& c : corrections())
      out.push_back({&s, strong_parameter(s.parameter), &c,
                     c.place == CorrectionPlace::kForward ? 0.3f : strong_parameter(c.parameter)});
  }
  return out;
}

std::vector<CodeRange> some_ranges() {
  return {signed_range(1), signed_range(2),   signed_range(4),   signed_range(8),
          strict_range(3), unsigned_range(1), unsigned_range(3), unsigned_range(8)};
}

TEST(Quantizer, ForwardIsTheScaledCode) {
  const Philox random(1, stream_id("quantizer"));
  std::vector<float> x(1200), y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(random.normal(i));
  for (const CodeRange range : some_ranges()) {
    const ScaledGroup group{0.07f, 0.02f, range};
    quantize(x, group, y);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float v = std::fmin(std::fmax((x[i] - 0.02f) / 0.07f, static_cast<float>(range.low)),
                                static_cast<float>(range.high));
      ASSERT_EQ(y[i], 0.07f * std::nearbyint(v) + 0.02f);
    }
  }
}

// What the backward pass differentiates, in doubles: inside the range s * (M soft(v) + c) + offset with the
// constants of this x, outside the bound.
class Stated {
 public:
  Stated(double x, double g, const ScaledGroup& group) : group_(group) {
    const double v = clipped(x, group.scale, group.offset);
    const double code = std::nearbyint(v);
    const double sign = g > 0.0 ? 1.0 : g < 0.0 ? -1.0 : 0.0;
    const Rounding& r = group.rounding;
    if (std::string(r.surrogate->name) == "ewgs") slope_ *= 1.0 + double(r.parameter) * sign * (v - code);
    if (r.correction->place == CorrectionPlace::kSlope) slope_ *= 1.0 + double(r.amount) * sign * (v - code);
    const double blended = r.correction->place == CorrectionPlace::kForward ? double(r.amount) : 0.0;
    rest_ = (1.0 - blended) * code + blended * soft(v) - slope_ * soft(v);
  }

  double operator()(double x, double scale, double offset) const {
    const double v = (x - offset) / scale;
    if (v <= group_.range.low || v >= group_.range.high) return scale * clipped(x, scale, offset) + offset;
    return scale * (slope_ * soft(v) + rest_) + offset;
  }

 private:
  double clipped(double x, double scale, double offset) const {
    return std::fmin(std::fmax((x - offset) / scale, double(group_.range.low)), double(group_.range.high));
  }
  double soft(double v) const {
    return group_.rounding.surrogate->soft(v, double(group_.rounding.parameter));
  }

  const ScaledGroup& group_;
  double slope_ = 1.0, rest_ = 0.0;
};

TEST(Quantizer, GradientsEqualCentralDifferencesOfTheStatedSurrogate) {
  const Philox random(2, stream_id("quantizer"));
  const double h = 1e-6;
  std::uint64_t at = 0;
  for (const Rounding& rounding : all_roundings()) {
    int checked = 0;
    for (const CodeRange range : some_ranges()) {
      for (int i = 0; i < 60; ++i) {
        ScaledGroup group{static_cast<float>(0.2 + random.uniform(at++)),
                          static_cast<float>(random.uniform(at++) - 0.5), range, rounding};
        group.learns_offset = true;
        const double middle = 0.5 * (range.low + range.high), reach = 0.8 * range.levels();
        const auto x =
            static_cast<float>((middle + reach * (2.0 * random.uniform(at++) - 1.0)) * double(group.scale)) +
            group.offset;
        const auto g = static_cast<float>(random.normal(at++));
        const double v = double((x - group.offset) / group.scale);
        // Kinks: the bounds, and for soft roundings the integers.
        if (std::fabs(v - std::nearbyint(v)) < 2e-3) continue;
        float dx = NAN;
        const GroupGradient got = quantize_backward({&x, 1}, {&g, 1}, group, {&dx, 1});
        const Stated f(double(x), double(g), group);
        const double X = double(x), S = double(group.scale), O = double(group.offset), G = double(g);
        const double most = 1e-4 * (1.0 + std::fabs(G) * range.levels());
        ASSERT_NEAR(double(dx), G * (f(X + h, S, O) - f(X - h, S, O)) / (2 * h), most) << v;
        ASSERT_NEAR(got.scale, G * (f(X, S + h, O) - f(X, S - h, O)) / (2 * h), 3 * most) << v;
        ASSERT_NEAR(got.offset, G * (f(X, S, O + h) - f(X, S, O - h)) / (2 * h), most) << v;
        ++checked;
      }
    }
    EXPECT_GT(checked, 400) << rounding.surrogate->name << "+" << rounding.correction->name;
  }
}

TEST(QuantizerSpec, ABlendEndsAsTheRoundedNetwork) {
  const QuantizerSpec spec = parse_quantizer("asr+blend");
  EXPECT_EQ(spec.text(), parse_quantizer("asr+blend:1..0").text());
  EXPECT_EQ(spec.rounding(0.0).amount, 1.0f);
  EXPECT_EQ(spec.rounding(1.0).amount, 0.0f);
}

TEST(Quantizer, PenaltyIsTheGradientOfTheMeanSquaredError) {
  const Philox random(3, stream_id("quantizer"));
  ScaledGroup group{0.31f, 0.05f, signed_range(4)};
  group.rounding.correction = &corrections()[3];
  group.rounding.amount = 0.7f;
  std::vector<float> x(37), dx(x.size(), 0.0f);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(random.normal(i));
  const GroupGradient got = add_penalty(x, group, std::ssize(x), dx);
  const auto loss = [&](const std::vector<double>& at, double scale, double offset) {
    double sum = 0.0;
    for (std::size_t i = 0; i < at.size(); ++i) {
      const double v = std::fmin(std::fmax((at[i] - offset) / scale, -8.0), 7.0);
      const double code =  // held: the code of the given value
          std::nearbyint(std::fmin(std::fmax(double((x[i] - group.offset) / group.scale), -8.0), 7.0));
      sum += (v - code) * (v - code);
    }
    return 0.7 * sum / double(at.size());
  };
  const std::vector<double> here(x.begin(), x.end());
  const double h = 1e-6, S = double(group.scale), O = double(group.offset);
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::vector<double> up = here, down = here;
    up[i] += h;
    down[i] -= h;
    EXPECT_NEAR(double(dx[i]), (loss(up, S, O) - loss(down, S, O)) / (2 * h), 1e-5);
  }
  EXPECT_NEAR(got.scale, (loss(here, S + h, O) - loss(here, S - h, O)) / (2 * h), 1e-4);
  EXPECT_NEAR(got.offset, (loss(here, S, O + h) - loss(here, S, O - h)) / (2 * h), 1e-4);
  group.rounding = {};
  EXPECT_EQ(add_penalty(x, group, std::ssize(x), dx).scale, 0.0);
}

TEST(Quantizer, StraightThroughIsLsq) {
  const std::vector<float> x = {-9.0f, -1.6f, -0.3f, 0.0f, 0.45f, 1.2f, 9.0f};
  const std::vector<float> dy = {1.0f, 0.5f, -2.0f, 3.0f, 0.5f, -1.5f, 2.0f};
  std::vector<float> dx(x.size(), -77.0f);
  const CodeRange range = signed_range(3);
  const GroupGradient got = quantize_backward(x, dy, {0.4f, 0.0f, range}, dx);
  double expected = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float v = x[i] / 0.4f;
    EXPECT_EQ(dx[i], v >= -4.0f && v <= 3.0f ? dy[i] : 0.0f);
    expected += double(dy[i]) * double(v <= -4.0f ? -4.0f : v >= 3.0f ? 3.0f : std::nearbyint(v) - v);
  }
  EXPECT_NEAR(got.scale, expected, 1e-5);
  EXPECT_EQ(got.offset, 0.0);
}

// One value's slopes are those of a group of one: dx = g * of_value, dscale = g * (code - v * of_scale).
TEST(Quantizer, SlopesOfACodeAreThoseOfTheQuantizer) {
  const Philox random(5, stream_id("slopes of a code"));
  for (const Rounding& rounding : all_roundings()) {
    if (rounding.correction->place == CorrectionPlace::kForward) continue;
    for (std::uint64_t i = 0; i < 200; ++i) {
      ScaledGroup group{0.5f, i % 3 == 0 ? 0.25f : 0.0f, signed_range(3), rounding};
      group.pass_clipped = i % 2 == 0;
      const auto free = static_cast<float>(1.5 * random.normal(2 * i));
      const float x = i < 20 ? 0.5f * (static_cast<float>(i) - 10.0f) : free;  // codes and bounds first
      const auto g = static_cast<float>(random.normal(2 * i + 1));
      float dx = NAN;
      const double dscale = quantize_backward({&x, 1}, {&g, 1}, group, {&dx, 1}).scale;
      const CodeSlopes slopes = code_slopes(x, g, group);
      const float v = std::fmin(std::fmax((x - group.offset) / group.scale, -4.0f), 3.0f);
      EXPECT_EQ(dx, g * slopes.of_value) << x;
      EXPECT_EQ(static_cast<float>(dscale), g * (std::nearbyint(v) - v * slopes.of_scale)) << x;
    }
  }
}

TEST(Quantizer, ClippedGradientsPassWhereAsked) {
  const std::vector<float> x = {-9.0f, 0.3f, 9.0f}, dy = {1.0f, 2.0f, 3.0f};
  std::vector<float> dx(3);
  ScaledGroup group{0.4f, 0.0f, signed_range(3)};
  group.pass_clipped = true;
  const double scale = quantize_backward(x, dy, group, dx).scale;
  EXPECT_EQ(dx, dy);
  group.pass_clipped = false;
  EXPECT_EQ(quantize_backward(x, dy, group, dx).scale, scale);
  EXPECT_EQ(dx, (std::vector<float>{0.0f, 2.0f, 0.0f}));
}

TEST(Quantizer, SumsAreTheSameWhereverASpanBegins) {
  const Philox random(9, stream_id("quantizer"));
  std::vector<float> x(3000), dy(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<float>(random.normal(2 * i));
    dy[i] = static_cast<float>(random.normal(2 * i + 1));
  }
  const ScaledGroup group{0.2f, 0.0f, signed_range(4)};
  const std::vector<float> y(x.begin() + 1, x.end()), e(dy.begin() + 1, dy.end());
  std::vector<float> shifted(x.size());
  const std::span<const float> inner_x = std::span(x).subspan(1), inner_dy = std::span(dy).subspan(1);
  EXPECT_EQ(quantize_backward(y, e, group, std::span(shifted).subspan(1)).scale,
            quantize_backward(inner_x, inner_dy, group, std::span(shifted).subspan(1)).scale);
}

TEST(QuantizerSpec, EveryCombinationHasATextThatReadsBack) {
  int combinations = 0;
  for (const NumberFormat& format : number_formats()) {
    for (const ScalePolicy& policy : scale_policies()) {
      for (const Surrogate& surrogate : surrogates()) {
        for (const Correction& correction : corrections()) {
          for (const bool pow2 : {false, true}) {
            QuantizerSpec spec;
            spec.format = &format;
            spec.policy = &policy;
            spec.policy_parameter = {policy.rho.usual, policy.has_parameter ? 1.25 : policy.rho.usual_end};
            spec.surrogate = &surrogate;
            spec.correction = &correction;
            spec.power_of_two = spec.pass_clipped = pow2;
            if (surrogate.has_parameter) spec.surrogate_parameter = {surrogate.parameter.usual, 0.75};
            if (correction.place != CorrectionPlace::kNone) spec.correction_amount = {0.5, 0.5};
            ASSERT_TRUE(parse_quantizer(spec.text()) == spec) << spec.text();
            ++combinations;
          }
        }
      }
    }
  }
  EXPECT_EQ(combinations, 4 * 7 * 4 * 4 * 2);
}

TEST(QuantizerSpec, PresetsAndParametersOverTraining) {
  EXPECT_EQ(parse_quantizer("lg-lsq").text(), "ssg:2..1.1+asr:2+mde:0.005");
  EXPECT_EQ(parse_quantizer("lg-lsq-task").text(), "ssg-task:2..1.1+asr:2+mde:0.005");
  EXPECT_EQ(QuantizerSpec().text(), "lsq+ste");
  const QuantizerSpec annealed = parse_quantizer("asr:1..4+ssg-task:2..1.5");
  EXPECT_EQ(annealed.text(), "ssg-task:2..1.5+asr:1..4");
  EXPECT_EQ(annealed.rounding(0.0).parameter, 1.0f);
  EXPECT_EQ(annealed.rounding(0.5).parameter, 2.5f);
  EXPECT_EQ(annealed.rounding(1.0).parameter, 4.0f);
  EXPECT_EQ(parse_quantizer("pow2", annealed).text(), "ssg-task:2..1.5+asr:1..4+pow2");
  EXPECT_EQ(annealed.probe_ratio(0.0), 2.0f);
  EXPECT_EQ(annealed.probe_ratio(0.5), 1.75f);
  EXPECT_EQ(annealed.probe_ratio(1.0), 1.5f);
  EXPECT_EQ(parse_quantizer("llsq", annealed).probe_ratio(1.0), 2.0f);
}

TEST(QuantizerSpec, BadTextsAreRefused) {
  EXPECT_EQ(error_of([] { parse_quantizer("sgg"); }), "unknown quantizer part 'sgg' (did you mean 'ssg'?)");
  EXPECT_EQ(error_of([] { parse_quantizer("lsq+ssg"); }),
            "a quantizer has one scale policy: 'ssg' is a second one");
  EXPECT_EQ(error_of([] { parse_quantizer("asr:0"); }),
            "quantizer part 'asr:0' is not valid (its parameter is 0.001 to 64, or A..B)");
  for (const char* text : {"", "lsq+", "asr:", "asr:1..", "asr:nan", "mde:1.1", "ste:1", "ssg:1", "ssg:17",
                           "llsq:2", "none:1", "lsq:2", "pow2:1", "asr:1..x", "lg-lsq+asr"}) {
    EXPECT_NE(error_of([&] { parse_quantizer(text); }), "") << text;
  }
}

}  // namespace
}  // namespace bitline::quant
