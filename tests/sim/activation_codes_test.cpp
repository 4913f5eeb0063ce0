// Signed, unsigned or with an offset: what loses least.
#include "bitline/sim/activation_codes.h"

#include "base/error_of.h"
#include "sim/random_layer.h"
#include <gtest/gtest.h>

#include "bitline/quant/mse.h"

namespace bitline::sim {
namespace {

quant::CimLayer chosen(const std::vector<float>& x, int bits, const char* range = "mse",
                       const ActivationKinds& kinds = {}) {
  quant::CimLayer layer;
  layer.config.activation_bits = bits;
  choose_activation_codes(x, quant::parse_range(range), kinds, layer);
  return layer;
}

std::vector<float> positive(std::size_t count) {
  Dice dice(5);
  std::vector<float> x = dice.normals(static_cast<std::int64_t>(count), 1.0f);
  for (float& value : x) value = std::max(value, 0.0f);
  return x;
}

TEST(ActivationCodes, OneSmallNegativeValueCostsNoSign) {
  for (const char* range : {"mse", "minmax", "percentile:99.9", "kl"}) {
    for (int bits = 1; bits <= 8; ++bits) {
      std::vector<float> x = positive(5000);
      const quant::CimLayer before = chosen(x, bits, range);
      x[100] = -1e-6f;
      const quant::CimLayer after = chosen(x, bits, range);
      EXPECT_FALSE(after.activation_signed) << range << " " << bits;
      EXPECT_NEAR(after.activation_scale, before.activation_scale, 1e-3f * before.activation_scale);
    }
  }
}

TEST(ActivationCodes, ValuesOfBothSignsAreSigned) {
  const std::vector<float> x = Dice(6).normals(5000, 1.0f);
  for (const char* range : {"mse", "minmax", "percentile:99.9", "kl"})
    EXPECT_TRUE(chosen(x, 4, range).activation_signed) << range;
}

TEST(ActivationCodes, TheLeastErrorIsTaken) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Dice dice(seed);
    std::vector<float> x = dice.normals(2000, 1.0f);
    const float lean = 3.0f * dice.uniform();
    for (float& value : x) value += lean;
    const int bits = dice.between(2, 6);
    const auto error = [&](const ActivationKinds& kinds) {
      const quant::CimLayer layer = chosen(x, bits, "mse", kinds);
      std::vector<float> moved = x;
      for (float& value : moved) value -= layer.activation_offset;
      return quant::squared_error(moved, layer.activation_scale, quant::activation_range(layer));
    };
    const double best = error({true, true, true});
    EXPECT_LE(best, error({true, false, false}));
    EXPECT_LE(best, error({false, true, false}));
    EXPECT_LE(best, error({false, false, true}));
  }
}

TEST(ActivationCodes, AnOffsetTakesWhatLiesFarFromZero) {
  std::vector<float> x = Dice(8).normals(5000, 0.1f);
  for (float& value : x) value -= 2.0f;
  const quant::CimLayer layer = chosen(x, 4, "mse", {true, true, true});
  EXPECT_EQ(activation_kind(layer), "offset");
  EXPECT_LT(layer.activation_offset, -2.0f);
  EXPECT_EQ(activation_kind(chosen(x, 4)), "signed");  // not asked for
}

// Half the range in the left column: what every k-th value cannot tell from the others.
TEST(ActivationCodes, ScalesDoNotDependOnTheNumberOfImages) {
  const auto scale = [](std::size_t images, const char* range) {
    Dice dice(3);
    std::vector<float> x(images * 16 * 64);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = (i % 8 == 0 ? 0.5f : 1.0f) * dice.uniform();
    return static_cast<double>(chosen(x, 4, range).activation_scale);
  };
  for (const char* range : {"mse", "percentile:99.9"}) {
    const double first = scale(256, range);
    for (const std::size_t images : {391, 402, 978, 1024, 1172, 1380, 1400, 1438})
      EXPECT_NEAR(scale(images, range), first, 0.01 * first) << range << ", " << images << " images";
  }
}

TEST(ActivationCodes, NamesAreChecked) {
  EXPECT_EQ(parse_activation_kinds({"signed", "offset"}), (ActivationKinds{false, true, true}));
  EXPECT_NE(
      error_of([] { parse_activation_kinds({"sined"}); }, ErrorCode::kUsage).find("did you mean 'signed'?"),
      std::string::npos);
  EXPECT_NE(error_of([] { parse_activation_kinds({}); }, ErrorCode::kUsage).find("at least one kind"),
            std::string::npos);
}

}  // namespace
}  // namespace bitline::sim
