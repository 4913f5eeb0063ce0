// The page-sized example computes what its comments say.
#define TINY_CIM_NO_MAIN
#include "../../examples/tiny_cim.cpp"

#include <gtest/gtest.h>

namespace tiny_cim {
namespace {

Rows<float> ramp(int rows, int outputs) {
  Rows<float> weights;
  for (int o = 0; o < outputs; ++o) {
    weights.emplace_back();
    for (int row = 0; row < rows; ++row)
      weights.back().push_back(static_cast<float>((row * 7 + o * 5) % 19 - 9) / 9.0f);
  }
  return weights;
}

std::vector<int> inputs(int rows, int seed) {
  std::vector<int> a;
  for (int row = 0; row < rows; ++row) a.push_back((row * 11 + seed * 3) % 16);
  return a;
}

TEST(TinyCim, RoundsHalfToEvenAndClamps) {
  EXPECT_EQ(quantize_weight(0.5f, 1.0f, 4), 0);
  EXPECT_EQ(quantize_weight(1.5f, 1.0f, 4), 2);
  EXPECT_EQ(quantize_weight(-2.5f, 1.0f, 4), -2);
  EXPECT_EQ(quantize_weight(100.0f, 1.0f, 4), 7);
  EXPECT_EQ(quantize_weight(-100.0f, 1.0f, 4), -8);
  EXPECT_EQ(quantize_activation(-1.0f, 1.0f, 4), 0);
  EXPECT_EQ(quantize_activation(100.0f, 1.0f, 4), 15);
}

TEST(TinyCim, DigitsReassembleEveryCode) {
  for (size_t bits = 1; bits <= 8; ++bits)
    for (size_t cell = 1; cell <= bits; ++cell)
      for (int code = -(1 << (bits - 1)); code < 1 << (bits - 1); ++code) {
        int sum = 0;
        for (size_t s = 0; s < slice_count(bits, cell); ++s)
          sum += digit(code, s, bits, cell) * (1 << (s * cell));
        EXPECT_EQ(sum, code) << bits << " bits, cells of " << cell;
      }
}

TEST(TinyCim, TheTopDigitIsSignedAndNarrowWhenBitsDoNotDivide) {
  EXPECT_EQ(slice_count(5, 2), 3);
  for (int code = -16; code < 16; ++code) {
    EXPECT_EQ(digit(code, 2, 5, 2), code < 0 ? -1 : 0);  // one bit: the sign
    EXPECT_GE(digit(code, 0, 5, 2), 0);
    EXPECT_LE(digit(code, 1, 5, 2), 3);
  }
}

TEST(TinyCim, IdealAdcGivesTheIntegerProductForAnyTiling) {
  const int k = 21, outputs = 3;
  for (const int array_rows : {1, 4, 7, 16, 64})
    for (const size_t cell : {1u, 2u, 3u, 4u}) {
      const Layer layer = make_layer(ramp(k, outputs), 0.25f, 4, cell, static_cast<size_t>(array_rows));
      const std::vector<int> a = inputs(k, array_rows);
      const std::vector<float> y = run(layer, a);
      for (size_t o = 0; o < layer.outputs(); ++o) {
        int product = 0;
        for (size_t row = 0; row < a.size(); ++row) product += a[row] * layer.codes[o][row];
        const float exact = static_cast<float>(product) * layer.sum_scale(o);
        EXPECT_NEAR(y[o], exact, 1e-4f) << array_rows << " rows, cells of " << cell;
      }
    }
}

TEST(TinyCim, AdcHasTheRightLevelsAndSaturates) {
  const Adc adc{2, 0.5f, 1.0f};  // values -1, 0, 1, 2
  const int sums[] = {-9, -1, 0, 1, 2, 9};
  const int codes[] = {0, 0, 1, 2, 3, 3};
  const float values[] = {-1.0f, -1.0f, 0.0f, 1.0f, 2.0f, 2.0f};
  for (std::size_t i = 0; i < std::size(sums); ++i) {
    EXPECT_EQ(adc_code(adc, sums[i], 1.0f), codes[i]);
    EXPECT_EQ(adc_value(adc, sums[i], 1.0f), values[i]);
  }
}

TEST(TinyCim, ErrorOfACalibratedAdcIsAtMostHalfAStep) {
  Layer layer = make_layer(ramp(16, 2), 0.25f, 4, 2, 16);
  std::vector<std::vector<int>> samples;
  for (int seed = 0; seed < 8; ++seed) samples.push_back(inputs(16, seed));
  for (const bool column_wise : {false, true}) {
    calibrate(layer, samples, 5, column_wise);
    for (const auto& sample : samples)
      for (size_t slice = 0; slice < layer.slices(); ++slice)
        for (size_t o = 0; o < 2; ++o) {
          const Adc& adc = layer.adcs[layer.column(0, slice, o)];
          const int sum = partial_sum(layer, sample, 0, slice, o);
          const float exact = static_cast<float>(sum) * layer.sum_scale(o);
          EXPECT_LE(std::abs(adc_value(adc, sum, layer.sum_scale(o)) - exact), adc.step * 0.5001f);
        }
  }
}

}  // namespace
}  // namespace tiny_cim
