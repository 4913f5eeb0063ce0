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

// 250 of 1,000 ns are for computing: a gated part draws power in these alone.
TEST(Digital, GatedPartsRestWhileUnitsWait) {
  hardware::HardwareSpec board = node(4, "1 GB/s", "1 TB/s");
  const Estimate busy = estimate_digital(board, {conv()});
  board = node(4);
  const Estimate powered = estimate_digital(board, {conv()});
  for (hardware::Component& c : board.chip.components) c.idle = "gated";
  const Estimate gated = estimate_digital(board, {conv()});
  EXPECT_EQ(*gated.period, *powered.period);
  EXPECT_GT(*gated.period, *busy.period);
  EXPECT_DOUBLE_EQ(gated.energy, busy.energy);
  EXPECT_DOUBLE_EQ(gated.energy_at(2.0 * *gated.period), gated.energy);
  EXPECT_DOUBLE_EQ(powered.energy_at(2.0 * *powered.period), 2.0 * powered.energy);
  EXPECT_DOUBLE_EQ(gated.layers[0].total, gated.energy);
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

TEST(Digital, OperandsThatAreNotStatedAreNamed) {
  const std::string operands = "operands: {weight_bits: 16, input_bits: 16, cite: a}\n";
  const Estimate one = estimate_digital(node(1, operands, ""), {conv()});
  EXPECT_EQ(one.absent, std::vector<std::string>{"operands.weight_bits: taken as 8"});
  EXPECT_TRUE(one.frames().has_value());
  const Estimate many = estimate_digital(node(4, operands, ""), {conv()});
  EXPECT_EQ(many.absent, (std::vector<std::string>{"operands.weight_bits: taken as 8",
                                                   "operands.input_bits: taken as 8"}));
  EXPECT_FALSE(many.frames().has_value());
}

TEST(Digital, RatesNeedCompleteTimes) {
  const Estimate free_links = estimate_digital(node(4, ", link_bandwidth: 1 GB/s", ""), {conv()});
  EXPECT_TRUE(free_links.period.has_value());
  EXPECT_FALSE(free_links.frames().has_value());
  const DigitalLayer heavy{"heavy", 100, 40, 100, 5000, 1, 7};
  EXPECT_FALSE(estimate_digital(node(1), {heavy}).frames().has_value());
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

// Cut in halves and joined again, 40 times over: 2^40 ways lead to the picture.
TEST(Digital, ValuesAreCountedOnceOnAllWays) {
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {ir::kBatch, 4, 2, 2});
  ir::ValueId value = x;
  for (int i = 0; i < 40; ++i) {
    const std::string name = std::to_string(i);
    const ir::ValueId low = graph.add_node("low" + name, ir::Slice{{1}, {0}, {2}, {1}}, {value});
    const ir::ValueId high = graph.add_node("high" + name, ir::Slice{{1}, {2}, {4}, {1}}, {value});
    value = graph.add_node("join" + name, ir::Concat{1}, {low, high});
  }
  graph.set_output(
      graph.add_node("conv", ir::Conv{}, {value, graph.add_constant("w", ir::Tensor({3, 4, 1, 1}))}));
  const std::vector<DigitalLayer> layers = digital_layers(graph, {"conv"});
  ASSERT_EQ(layers.size(), 1u);
  EXPECT_EQ(layers[0].inputs, 16);
}

TEST(Roofline, IsTheSlowerOfPeakAndBandwidth) {
  const HardwareSpec board = hardware::open_hardware(io::posix(), "rtx2080");
  const double peak = board.roofline.peak->value, bandwidth = board.roofline.bandwidth->value;
  const Estimate bound = estimate_roofline(board, 1000000000, 1.0);
  EXPECT_DOUBLE_EQ(*bound.period, 2e9 / peak);
  EXPECT_DOUBLE_EQ(*estimate_roofline(board, 1, 1e9).period, 1e9 / bandwidth);
}

}  // namespace
}  // namespace bitline::estimate
