#include "bitline/base/philox.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace bitline {
namespace {

// The known-answer vectors of Philox4x32-10 published with the SC 2011 paper.
TEST(Philox, KnownAnswers) {
  constexpr std::uint32_t kOnes = 0xFFFFFFFFu;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (PhiloxBlock{0x6627E8D5u, 0xE169C58Du, 0xBC57AC4Cu, 0x9B00DBD8u}));
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (PhiloxBlock{0x408F276Du, 0x41C83B0Eu, 0xA20BC7C6u, 0x6D5451FDu}));
  EXPECT_EQ(philox4x32({0x243F6A88u, 0x85A308D3u, 0x13198A2Eu, 0x03707344u}, {0xA4093822u, 0x299F31D0u}),
            (PhiloxBlock{0xD16CFE09u, 0x94FDCCEBu, 0x5001E420u, 0x24126EA1u}));
}

TEST(Philox, BlockPutsIndexAndStreamInTheCounterAndSeedInTheKey) {
  const Philox random(0x299F31D0A4093822u, 0x0370734413198A2Eu);
  EXPECT_EQ(random.block(0x85A308D3243F6A88u),
            (PhiloxBlock{0xD16CFE09u, 0x94FDCCEBu, 0x5001E420u, 0x24126EA1u}));
}

TEST(Philox, BlocksSideBySideAreTheSameBlocks) {
  const Philox random(0x123456789abcdefULL, 42);
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{0xfffffff8}, ~std::uint64_t{20}}) {
    for (const std::uint64_t count : {1, 3, 16, 37}) {
      std::vector<std::uint32_t> words(4 * count);
      random.blocks(first, count, words.data());
      for (std::uint64_t i = 0; i < count; ++i) {
        const PhiloxBlock block = random.block(first + i);
        ASSERT_TRUE(
            std::equal(block.begin(), block.end(), words.begin() + static_cast<std::ptrdiff_t>(4 * i)));
      }
    }
  }
}

TEST(Philox, BitsWalkThroughTheWordsOfTheBlocks) {
  const Philox random(5, 7);
  for (std::uint64_t i = 0; i < 16; ++i) EXPECT_EQ(random.bits(i), random.block(i / 4)[i % 4]);
}

TEST(Philox, SeedStreamAndIndexAllMatter) {
  std::set<PhiloxBlock> seen;
  for (std::uint64_t seed : {0ull, 1ull, 1ull << 32}) {
    for (std::uint64_t stream : {0ull, 1ull, 1ull << 32}) {
      for (std::uint64_t index : {0ull, 1ull, 1ull << 32}) seen.insert(Philox(seed, stream).block(index));
    }
  }
  EXPECT_EQ(seen.size(), 27u);
}

struct Moments {
  double mean = 0, variance = 0, skewness = 0, kurtosis = 0;
};

template <typename Draw>
Moments moments_of(int n, Draw draw) {
  std::vector<double> x;
  for (int i = 0; i < n; ++i) x.push_back(draw(static_cast<std::uint64_t>(i)));
  Moments m;
  for (const double v : x) m.mean += v / n;
  for (const double v : x) m.variance += std::pow(v - m.mean, 2) / n;
  const double sigma = std::sqrt(m.variance);
  for (const double v : x) m.skewness += std::pow((v - m.mean) / sigma, 3) / n;
  for (const double v : x) m.kurtosis += std::pow((v - m.mean) / sigma, 4) / n;
  return m;
}

// Tolerances are five standard errors: a right generator fails about once in a million seeds, and the seed
// is fixed.
TEST(Philox, NormalHasTheMomentsOfTheStandardNormal) {
  constexpr int kDraws = 200'000;
  const Philox random(1, stream_id("moments"));
  const Moments m = moments_of(kDraws, [&](std::uint64_t i) { return random.normal(i); });
  EXPECT_NEAR(m.mean, 0.0, 5 * std::sqrt(1.0 / kDraws));
  EXPECT_NEAR(m.variance, 1.0, 5 * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(m.skewness, 0.0, 5 * std::sqrt(6.0 / kDraws));
  EXPECT_NEAR(m.kurtosis, 3.0, 5 * std::sqrt(24.0 / kDraws));
}

TEST(Philox, NeighbouringNormalsAreUncorrelated) {
  constexpr int kDraws = 100'000;
  const Philox random(2, 0);
  double product = 0;
  for (std::uint64_t i = 0; i < kDraws; ++i) product += random.normal(i) * random.normal(i + 1) / kDraws;
  EXPECT_NEAR(product, 0.0, 5 * std::sqrt(1.0 / kDraws));
}

TEST(Philox, UniformFillsTheUnitIntervalEvenly) {
  constexpr int kDraws = 200'000, kBins = 64;
  const Philox random(3, 9);
  std::vector<int> bins(kBins);
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const double u = random.uniform(i);
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++bins[static_cast<std::size_t>(u * kBins)];
  }
  double chi_square = 0;
  constexpr double kExpected = static_cast<double>(kDraws) / kBins;
  for (const int n : bins) chi_square += (n - kExpected) * (n - kExpected) / kExpected;
  EXPECT_LT(chi_square, 63 + 5 * std::sqrt(2.0 * 63));  // 63 degrees of freedom
}

TEST(Philox, BelowIsEvenAndInRange) {
  constexpr int kDraws = 120'000;
  constexpr std::uint32_t kBound = 6;
  const Philox random(4, 0);
  std::vector<int> counts(kBound);
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const std::uint32_t x = random.below(i, kBound);
    ASSERT_LT(x, kBound);
    ++counts[x];
  }
  for (const int n : counts) EXPECT_NEAR(n, kDraws / kBound, 5 * std::sqrt(kDraws / kBound));
  EXPECT_EQ(random.below(0, 1), 0u);
}

// With a bound of 3 * 2^30 a plain multiply-shift would give a third of the values twice the weight.
TEST(Philox, BelowRejectsTheUnevenRest) {
  constexpr int kDraws = 90'000;
  constexpr std::uint32_t kBound = 3u << 30;
  const Philox random(6, 0);
  int multiples_of_three = 0;
  for (std::uint64_t i = 0; i < kDraws; ++i) multiples_of_three += random.below(i, kBound) % 3 == 0;
  EXPECT_NEAR(multiples_of_three, kDraws / 3, 5 * std::sqrt(kDraws / 3));
}

TEST(Philox, StreamIdsDependOnNameAndNumbersAndTheirOrder) {
  const std::set<std::uint64_t> ids = {stream_id("noise"), stream_id("shuffle"), stream_id("noise", 1),
                                       stream_id("noise", 0, 1), stream_id("noise", 1, 1)};
  EXPECT_EQ(ids.size(), 5u);
  EXPECT_EQ(stream_id("noise", 3, 4), stream_id("noise", 3, 4));
}

}  // namespace
}  // namespace bitline
