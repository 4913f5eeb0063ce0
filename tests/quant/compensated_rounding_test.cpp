// Compensated rounding: on the grid, no worse than rounding to nearest where it counts, exact where it can
// be.
#include "bitline/quant/compensated_rounding.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "bitline/base/philox.h"

namespace bitline::quant {
namespace {

struct Problem {
  std::int64_t rows, outputs, samples;
  std::vector<float> x;        // [samples][rows]
  std::vector<float> weights;  // [rows][outputs]
  std::vector<float> scales;
};

// Inputs with a common part, so that rows are correlated as those of an image are.
Problem random_problem(std::uint64_t seed, std::int64_t rows, double common) {
  const Philox random(seed, stream_id("compensated"));
  std::uint64_t at = 0;
  Problem p{rows, 6, 300, {}, {}, {}};
  for (std::int64_t s = 0; s < p.samples; ++s) {
    const double shared = std::fabs(random.normal(at++));
    for (std::int64_t r = 0; r < rows; ++r)
      p.x.push_back(static_cast<float>(common * shared + std::fabs(random.normal(at++))));
  }
  for (std::int64_t i = 0; i < rows * p.outputs; ++i) {
    p.weights.push_back(static_cast<float>(0.3 * random.normal(at++)));
    p.scales.push_back(static_cast<float>(0.1 + 0.05 * random.uniform(at++)));
  }
  return p;
}

std::vector<double> moments(const Problem& p) {
  std::vector<double> out;
  for (std::int64_t i = 0; i < p.rows; ++i) {
    for (std::int64_t j = 0; j < p.rows; ++j) {
      double sum = 0.0;
      for (std::int64_t s = 0; s < p.samples; ++s)
        sum += double(p.x[std::size_t(s * p.rows + i)]) * double(p.x[std::size_t(s * p.rows + j)]);
      out.push_back(sum);
    }
  }
  return out;
}

std::vector<float> nearest(const Problem& p, CodeRange range) {
  std::vector<float> out;
  for (std::size_t i = 0; i < p.weights.size(); ++i)
    out.push_back(p.scales[i] * lsq_code(p.weights[i], p.scales[i], float(range.low), float(range.high)));
  return out;
}

double output_error(const Problem& p, const std::vector<float>& q) {
  double error = 0.0;
  for (std::int64_t s = 0; s < p.samples; ++s) {
    for (std::int64_t o = 0; o < p.outputs; ++o) {
      double sum = 0.0;
      for (std::int64_t r = 0; r < p.rows; ++r) {
        const auto i = std::size_t(r * p.outputs + o);
        sum += double(p.x[std::size_t(s * p.rows + r)]) * double(q[i] - p.weights[i]);
      }
      error += sum * sum;
    }
  }
  return error;
}

TEST(CompensatedRounding, LeavesLessErrorInTheOutputsAndStaysOnTheGrid) {
  const CodeRange range = signed_range(4);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Problem p = random_problem(seed, 27, seed % 2 == 0 ? 1.0 : 0.3);
    std::vector<float> q = p.weights;
    round_compensated(moments(p), p.rows, p.outputs, p.scales, range, q);
    EXPECT_LT(output_error(p, q), 0.7 * output_error(p, nearest(p, range))) << seed;
    for (std::size_t i = 0; i < q.size(); ++i) {
      const float code = lsq_code(q[i], p.scales[i], float(range.low), float(range.high));
      ASSERT_EQ(q[i], p.scales[i] * code);
    }
  }
}

TEST(CompensatedRounding, IndependentRowsAreRoundedToNearest) {
  Problem p = random_problem(3, 9, 0.0);
  std::vector<double> identity(81, 0.0);
  for (std::size_t i = 0; i < 9; ++i) identity[i * 10] = static_cast<double>(i + 1);
  std::vector<float> q = p.weights;
  round_compensated(identity, p.rows, p.outputs, p.scales, signed_range(4), q);
  EXPECT_EQ(q, nearest(p, signed_range(4)));
}

TEST(CompensatedRounding, RowsWithoutInputAndNoInputAtAll) {
  Problem p = random_problem(5, 6, 1.0);
  std::vector<float> q = p.weights;
  round_compensated(std::vector<double>(36, 0.0), p.rows, p.outputs, p.scales, signed_range(3), q);
  EXPECT_EQ(q, nearest(p, signed_range(3)));
  for (std::int64_t s = 0; s < p.samples; ++s) p.x[std::size_t(s * 6 + 2)] = 0.0f;  // a dead row
  q = p.weights;
  round_compensated(moments(p), p.rows, p.outputs, p.scales, signed_range(3), q);
  const std::vector<float> plain = nearest(p, signed_range(3));
  for (std::size_t o = 0; o < 6; ++o) EXPECT_EQ(q[2 * 6 + o], plain[2 * 6 + o]);
}

// Few codes clip, and what a clipped row hands on can be worse than nothing.
TEST(CompensatedRounding, NoOutputIsWorseThanNearest) {
  std::int64_t kept = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Problem p = random_problem(seed, 12, 2.0);
    for (float& scale : p.scales) scale *= seed % 2 == 0 ? 0.3f : 1.0f;
    const CodeRange range = seed % 3 == 0 ? CodeRange{-1, 0} : CodeRange{-2, 1};
    std::vector<float> rounded = p.weights;
    kept += round_compensated(moments(p), p.rows, p.outputs, p.scales, range, rounded);
    const std::vector<float> plain = nearest(p, range);
    for (std::int64_t o = 0; o < p.outputs; ++o) {
      std::vector<float> one = p.weights, other = p.weights;  // this output rounded, the others exact
      for (auto i = static_cast<std::size_t>(o); i < one.size(); i += static_cast<std::size_t>(p.outputs)) {
        one[i] = rounded[i];
        other[i] = plain[i];
      }
      ASSERT_LE(output_error(p, one), output_error(p, other) * (1.0 + 1e-6)) << "seed " << seed << ", " << o;
    }
  }
  EXPECT_GT(kept, 0);
}

}  // namespace
}  // namespace bitline::quant
