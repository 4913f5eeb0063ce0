// The fuzz targets on every truncation and every one-byte change of a valid input: each must end in success
// or in an Error, never in a crash or another exception.
#include <algorithm>
#include <vector>

#include "fuzz/io_targets.h"
#include <gtest/gtest.h>

#include "bitline/base/error.h"
#include "bitline/base/philox.h"
#include "bitline/io/safetensors.h"

namespace bitline::fuzz {
namespace {

struct Target {
  const char* name;
  bool (*run)(std::span<const std::byte>);
  std::vector<std::byte> seed;
};

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> small_model() {
  io::TensorFile file;
  file.tensors["w"] = io::store_floats({2}, std::vector<float>{1, 2});
  file.tensors["b"] = io::store_ints({1}, std::vector<std::int32_t>{3});
  file.metadata["k"] = "v";
  return io::encode_safetensors(file);
}

class FuzzTarget : public testing::TestWithParam<Target> {};

TEST_P(FuzzTarget, AcceptsTheSeed) {
  EXPECT_TRUE(GetParam().run(GetParam().seed));
}

TEST_P(FuzzTarget, SurvivesEveryTruncation) {
  const std::vector<std::byte>& seed = GetParam().seed;
  std::size_t refused = 0;
  for (std::size_t n = 0; n < seed.size(); ++n) refused += !GetParam().run(std::span(seed).first(n));
  EXPECT_GT(refused, 0u);
}

TEST_P(FuzzTarget, SurvivesEveryValueOfEveryByte) {
  std::vector<std::byte> input = GetParam().seed;
  std::size_t refused = 0;
  for (std::byte& place : input) {
    const std::byte original = place;
    for (int value = 0; value < 256; ++value) {
      place = static_cast<std::byte>(value);
      refused += !GetParam().run(input);
    }
    place = original;
  }
  EXPECT_GT(refused, 0u);
}

TEST_P(FuzzTarget, SurvivesRandomSplices) {
  constexpr std::uint64_t kRounds = 20'000;
  const Philox random(21, stream_id(GetParam().name));
  std::size_t refused = 0;
  for (std::uint64_t i = 0; i < kRounds; ++i) {
    std::vector<std::byte> input = GetParam().seed;
    for (std::uint64_t edit = 0; edit < 4; ++edit) {
      if (input.empty()) break;
      const PhiloxBlock b = random.block(4 * i + edit);
      const auto at = static_cast<std::ptrdiff_t>(b[0] % input.size());
      const auto from = static_cast<std::ptrdiff_t>(b[1] % GetParam().seed.size());
      const auto last = std::min<std::ptrdiff_t>(from + b[2] % 8, std::ssize(GetParam().seed));
      if (b[3] % 2 == 0) {
        input.erase(input.begin() + at);
      } else {
        input.insert(input.begin() + at, GetParam().seed.begin() + from, GetParam().seed.begin() + last);
      }
    }
    refused += !GetParam().run(input);
  }
  EXPECT_GT(refused, kRounds / 10);
}

INSTANTIATE_TEST_SUITE_P(
    Io, FuzzTarget,
    testing::Values(
        Target{"json", try_json, bytes_of(R"({"a":[1,-2.5e3,"x\u00e9"],"b":{"c":null,"d":true}})")},
        Target{"yaml", try_yaml, bytes_of("a: {b: 1, c: [x, 'y']}\nd:\n  - e\n  - \"f\\n\"\ng: |\n  h\n")},
        Target{"safetensors", try_safetensors, small_model()}),
    [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace bitline::fuzz
