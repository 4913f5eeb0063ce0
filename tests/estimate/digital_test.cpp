// Digital accelerators by hand: units, exchange between chips, memory.
#include "bitline/estimate/digital.h"

#include <cmath>

#include "estimate/outline_case.h"
#include <gtest/gtest.h>

namespace bitline::estimate {
namespace {

using hardware::HardwareSpec;

constexpr const char* kNode = R"(schema: bitline-hardware/1
name: node
technology: {clock: 1 GHz, cite: a}
operands: {weight_bits: 16, input_bits: 16, cite: a}
accelerator: {units: 2, inputs: 16, outputs: 8, memory: 4 KiB, links: 2, link_bandwidth: 1 GB/s, cite: a}
chip:
  components:
    memory: {kind: buffer, power: 1 W, area: 2 mm2, cite: b}
    units: {kind: alu, count: 2, per: instance, power: 0.5 W, area: 1 mm2, cite: b}
)";

HardwareSpec node(std::int64_t chips = 1, const std::string& from = {}, const std::string& to = {}) {
  std::string text = kNode;
  if (!from.empty()) text.replace(text.find(from), from.size(), to);
  return hardware::board_of(hardware::parse_hardware(text, "node.yaml"), chips);
}

// 20 products a neuron, 40 channels of 10 x 10 positions.
DigitalLayer conv() {
  return {"conv", 20, 40, 100, 5000, 1, 6};
}

TEST(Digital, OneChipByHand) {
  const Estimate e = estimate_digital(node(), {conv()});
  EXPECT_EQ(e.macs, 20 * 40 * 100);
  EXPECT_DOUBLE_EQ(*e.period, 2 * 250 * 1e-9);  // ceil(20 / 16) x ceil(4000 / 16)
  EXPECT_DOUBLE_EQ(*e.latency, *e.period);
  EXPECT_DOUBLE_EQ(e.energy, 2.0 * *e.period);
  EXPECT_EQ(e.parts, (std::vector<std::string>{"chip.memory", "chip.units"}));
  EXPECT_DOUBLE_EQ(*e.area, 4e-6);
  EXPECT_TRUE(e.complete());
}

TEST(Digital, ABoardExchangesInputs) {
  const Estimate e = estimate_digital(node(4), {conv()});
  EXPECT_DOUBLE_EQ(*e.period, 5000 * 2 * 3 / 4.0 / 2e9);  // longer than 2 x ceil(4000 / 64) clocks
  EXPECT_DOUBLE_EQ(e.energy, 4 * 2.0 * *e.period);
  const Estimate fast = estimate_digital(node(4, "1 GB/s", "1 TB/s"), {conv()});
  EXPECT_DOUBLE_EQ(*fast.period, 2 * 63 * 1e-9);
  EXPECT_EQ(estimate_digital(node(4, ", link_bandwidth: 1 GB/s", ""), {conv()}).absent,
            std::vector<std::string>{"accelerator.link_bandwidth: exchange between chips is free"});
}

TEST(Digital, CopiedKernelsExchangeBordersAndTakeMemory) {
  const Estimate e = estimate_digital(node(4, "units: 2", "weights: copied, units: 2"), {conv()});
  EXPECT_DOUBLE_EQ(*e.period, 2 * 63 * 1e-9);  // the border is 4 x 5 x 6 values, 120 ns
  const DigitalLayer wide{"wide", 20, 40, 100, 5000, 1, 70};
  EXPECT_DOUBLE_EQ(*estimate_digital(node(4, "units: 2", "weights: copied, units: 2"), {wide}).period,
                   4 * 5 * 70 * 2 / 2e9);
  // 800 weights of two bytes: 1.6 kB on one chip, as much on each of four
  EXPECT_TRUE(e.complete());
  const DigitalLayer heavy{"heavy", 100, 40, 100, 5000, 1, 7};
  EXPECT_TRUE(estimate_digital(node(4), {heavy}).complete());
  EXPECT_FALSE(estimate_digital(node(1), {heavy}).complete());
  EXPECT_FALSE(estimate_digital(node(4, "units: 2", "weights: copied, units: 2"), {heavy}).complete());
}

TEST(Digital, LocallyConnectedLayersReadTheirPieces) {
  // 100 positions with windows of 3x3 on 12 x 12 values: a quarter reads 7 x 7 of them and has 6 x 6
  DigitalLayer local{"local", 9, 100, 1, 144, 100, 0};
  const double edge = std::sqrt(900.0 / 144.0) - 1.0, piece = (5.0 + edge) / (10.0 + edge);
  const Estimate e = estimate_digital(node(4, "1 GB/s", "1 kB/s"), {local});
  EXPECT_NEAR(*e.period, 144 * (piece * piece - 0.25) * 2 / 2e3, 1e-12);
  EXPECT_LT(*e.period, 144 * 0.75 * 2 / 2e3);
}

TEST(Digital, LayersOfAGraphCountValuesAtTheirSource) {
  const ir::Graph graph = frontend::outline("deepface");
  const auto layers = digital_layers(graph, layer_names(graph));
  ASSERT_EQ(layers.size(), 7u);
  EXPECT_EQ(layers[1].node, "C3");
  EXPECT_EQ(layers[1].inputs, 32 * 71 * 71);
  EXPECT_EQ(layers[1].border, 32 * 4);
  EXPECT_EQ(layers[2].node, "L4");
  EXPECT_TRUE(layers[2].is_local());
  EXPECT_EQ(layers[2].inputs, 16 * 63 * 63) << "windows are a gather of the same values";
  EXPECT_EQ(layers[2].weights(), 55 * 55 * 16 * 16 * 81);
  EXPECT_FALSE(layers[5].is_local());
  EXPECT_EQ(layers[5].inputs, 21 * 21 * 16);
  EXPECT_EQ(digital_layers(graph, {"F8"}).size(), 1u);
}

}  // namespace
}  // namespace bitline::estimate
