// Bias correction takes the mean error of every channel away and nothing else.
#include "bitline/sim/bias_correction.h"

#include <gtest/gtest.h>

namespace bitline::sim {
namespace {

TEST(BiasCorrection, RemovesTheMeanErrorOfEachChannel) {
  const ir::Tensor expected({2, 2, 1, 2}, {1, 2, 10, 20, 3, 4, 30, 40});
  ir::Tensor quantized({2, 2, 1, 2}, {0, 2, 11, 21, 2, 4, 31, 41});
  ir::Tensor bias({2}, {5, 7});
  correct_bias(expected, quantized, bias);
  EXPECT_FLOAT_EQ(bias.data[0], 5.5f);  // errors 1 0 1 0
  EXPECT_FLOAT_EQ(bias.data[1], 6.0f);  // errors -1
  EXPECT_EQ(quantized.data, (std::vector<float>{0.5f, 2.5f, 10, 20, 2.5f, 4.5f, 30, 40}));
}

TEST(BiasCorrection, TakesLinearLayers) {
  const ir::Tensor expected({2, 3}, {1, 2, 3, 3, 4, 5});
  ir::Tensor quantized({2, 3}, {0, 2, 4, 2, 4, 6});
  ir::Tensor bias({3}, {0, 0, 0});
  correct_bias(expected, quantized, bias);
  EXPECT_EQ(bias.data, (std::vector<float>{1, 0, -1}));
  EXPECT_EQ(quantized.data, expected.data);
}

}  // namespace
}  // namespace bitline::sim
