// The fuzz target on shipped files and on random splices of them: an Error or a value that keeps its
// promises.
#include <string>
#include <vector>

#include "fuzz/array_spec_target.h"
#include "fuzz/hardware_target.h"
#include "hardware/small_chip.h"
#include <gtest/gtest.h>

#include "bitline/base/philox.h"
#include "bitline/hardware/designs.h"

namespace bitline::fuzz {
namespace {

bool run(const std::string& text) {
  return try_hardware(std::as_bytes(std::span(text.data(), text.size())));
}

TEST(HardwareFuzzTarget, AcceptsEveryShippedDesign) {
  for (const hardware::Design& design : hardware::designs())
    EXPECT_TRUE(run(std::string(hardware::shipped_text(design)))) << design.name;
}

TEST(ArraySpecFuzzTarget, AcceptsEveryShippedDesignWithAnArray) {
  for (const hardware::Design& design : hardware::designs()) {
    const std::string_view text = hardware::shipped_text(design);
    const bool accepted = try_array_spec(std::as_bytes(std::span(text.data(), text.size())));
    EXPECT_EQ(accepted, !hardware::open_hardware(io::posix(), design.name).is_digital()) << design.name;
  }
}

TEST(HardwareFuzzTarget, SurvivesEveryTruncationAndEveryDeletedByte) {
  const std::string seed = hardware::kSmallChip;
  std::size_t refused = 0;
  for (std::size_t n = 0; n < seed.size(); ++n) {
    refused += !run(seed.substr(0, n));
    refused += !run(seed.substr(0, n) + seed.substr(n + 1));
  }
  EXPECT_GT(refused, seed.size() / 2);
}

// Words of the small chip in each other's place: mostly well-formed, mostly wrong.
TEST(HardwareFuzzTarget, SurvivesExchangedWords) {
  constexpr std::uint64_t kRounds = 4000;
  const std::string seed = hardware::kSmallChip;
  std::vector<std::pair<std::size_t, std::size_t>> words;  // start, length
  for (std::size_t at = 0; at < seed.size();) {
    const std::size_t end = std::min(seed.find_first_of(" \n{},", at), seed.size());
    if (end > at) words.emplace_back(at, end - at);
    at = end + 1;
  }
  const Philox random(7, stream_id("hardware words"));
  std::size_t refused = 0;
  for (std::uint64_t i = 0; i < kRounds; ++i) {
    const PhiloxBlock b = random.block(i);
    const auto [at, length] = words[b[0] % words.size()];
    const auto [from, count] = words[b[1] % words.size()];
    std::string text = seed;
    text.replace(at, length, seed.substr(from, count));
    refused += !run(text);
  }
  EXPECT_GT(refused, kRounds / 2);
  EXPECT_LT(refused, kRounds);
}

}  // namespace
}  // namespace bitline::fuzz
