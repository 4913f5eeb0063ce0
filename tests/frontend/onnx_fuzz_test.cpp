// Damaged ONNX files: each must be imported or refused with Error, never crash or throw anything else.
#include <vector>

#include "fuzz/onnx_target.h"
#include "onnx_builder.h"
#include <gtest/gtest.h>

#include "bitline/base/philox.h"
#include "bitline/frontend/onnx_export.h"

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

// 20,000 times, up to four bytes anywhere in the model.
void expect_random_bytes_survived(const std::vector<std::byte>& whole) {
  constexpr std::uint64_t kRounds = 20'000;
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

TEST(DamagedOnnx, RandomBytesInThePlaceOfNumbersAreSurvived) {
  expect_random_bytes_survived(small_network().bytes());
}

quant::QuantizedModel quantized_layer() {
  quant::QuantizedModel model;
  const ir::ValueId x = model.graph.add_input("x", {ir::kBatch, 2, 3, 3});
  const ir::ValueId w = model.graph.add_constant("w", lcg_tensor({2, 2, 1, 1}));
  model.graph.set_output(model.graph.add_node("conv", ir::Conv{}, {x, w}));
  model.layers["conv"].config.adc_levels = quant::kIdealAdc;
  model.layers["conv"].config.weight_granularity = quant::Granularity::kChannel;
  model.layers["conv"].weight_scale = {0.25f, 0.5f};
  return model;
}

TEST(DamagedOnnx, QuantizersAreNoException) {
  for (const auto encode : {export_qonnx, export_qdq}) {
    const std::vector<std::byte> whole = encode(quantized_layer());
    EXPECT_TRUE(fuzz::try_onnx(whole));
    expect_random_bytes_survived(whole);
  }
}

}  // namespace
}  // namespace bitline::frontend
