// The fuzz target on a mapping that holds and on damaged copies of it: an Error, a finding of the verifier,
// or a mapping that still holds.
#include <array>
#include <cctype>
#include <string>
#include <vector>

#include "fuzz/mapping_target.h"
#include <gtest/gtest.h>

#include "bitline/base/philox.h"

namespace bitline::fuzz {
namespace {

MappingOutcome run(const std::string& text) {
  return try_mapping(std::as_bytes(std::span(text.data(), text.size())));
}

TEST(MappingFuzzTarget, TheSeedHolds) {
  const std::string seed = mapping_seed();
  EXPECT_EQ(run(seed), MappingOutcome::kHolds) << seed;
  EXPECT_EQ(seed.find("\"rounds\": 1,"), std::string::npos) << seed;
}

TEST(MappingFuzzTarget, SurvivesEveryTruncation) {
  const std::string seed = mapping_seed();
  for (std::size_t n = 0; n + 2 < seed.size(); ++n)
    ASSERT_EQ(run(seed.substr(0, n)), MappingOutcome::kRefused) << n;
}

// Numbers in each other's place, and large ones: well-formed, mostly wrong.
TEST(MappingFuzzTarget, SurvivesExchangedNumbers) {
  constexpr std::uint64_t kRounds = 4000;
  const std::string seed = mapping_seed();
  std::vector<std::pair<std::size_t, std::size_t>> numbers;  // start, length
  for (std::size_t at = 0; at < seed.size(); ++at) {
    const std::size_t first = at;
    while (at < seed.size() && std::isdigit(static_cast<unsigned char>(seed[at]))) ++at;
    if (at > first) numbers.emplace_back(first, at - first);
  }
  const Philox random(7, stream_id("mapping numbers"));
  std::array<std::uint64_t, 3> outcomes{};
  for (std::uint64_t i = 0; i < kRounds; ++i) {
    const PhiloxBlock b = random.block(i);
    const auto [at, length] = numbers[b[0] % numbers.size()];
    const auto [from, count] = numbers[b[1] % numbers.size()];
    std::string text = seed;
    text.replace(at, length, b[2] % 8 == 0 ? "1073741824" : seed.substr(from, count));
    ++outcomes[static_cast<std::size_t>(run(text))];
  }
  for (const std::uint64_t count : outcomes) EXPECT_GT(count, kRounds / 100);
  EXPECT_GT(outcomes[1], kRounds / 2);
}

}  // namespace
}  // namespace bitline::fuzz
