// Damaged ONNX files: each must be imported or refused with Error, never crash or throw anything else.
#include <vector>

#include "fuzz/onnx_target.h"
#include "onnx_builder.h"
#include <gtest/gtest.h>

#include "bitline/base/philox.h"

namespace bitline::frontend {
namespace {

TEST(DamagedOnnx, TheWholeModelIsAccepted) {
  EXPECT_TRUE(fuzz::try_onnx(small_network().bytes()));
}

TEST(DamagedOnnx, EveryTruncationIsRefused) {
  const std::vector<std::byte> whole = small_network().bytes();
  std::size_t accepted = 0;
  for (std::size_t n = 0; n < whole.size(); ++n) accepted += fuzz::try_onnx(std::span(whole).first(n));
  // The opset follows the graph; what comes after it cannot be missed.
  EXPECT_EQ(accepted, 0u);
}

TEST(DamagedOnnx, EveryBitFlipIsSurvived) {
  std::vector<std::byte> model = small_network().bytes();
  std::size_t refused = 0;
  for (std::byte& place : model) {
    for (int bit = 0; bit < 8; ++bit) {
      place ^= static_cast<std::byte>(1 << bit);
      refused += !fuzz::try_onnx(model);
      place ^= static_cast<std::byte>(1 << bit);
    }
  }
  EXPECT_GT(refused, model.size());
}

TEST(DamagedOnnx, RandomBytesInThePlaceOfNumbersAreSurvived) {
  constexpr std::uint64_t kRounds = 20'000;
  const std::vector<std::byte> whole = small_network().bytes();
  const Philox random(17, stream_id("onnx.mutation"));
  std::size_t refused = 0;
  for (std::uint64_t i = 0; i < kRounds; ++i) {
    std::vector<std::byte> model = whole;
    const std::uint32_t edits = 1 + random.below(16 * i, 4);
    for (std::uint32_t edit = 0; edit < edits; ++edit) {
      const PhiloxBlock b = random.block(16 * i + 1 + edit);
      model[b[0] % model.size()] = b[1] % 4 == 0 ? std::byte{0xff} : static_cast<std::byte>(b[2]);
    }
    refused += !fuzz::try_onnx(model);
  }
  EXPECT_GT(refused, kRounds / 4);
}

}  // namespace
}  // namespace bitline::frontend
