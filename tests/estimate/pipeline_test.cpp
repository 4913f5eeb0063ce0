// Pipelines whose times can be worked out by hand, in array cycles.
#include "bitline/estimate/pipeline.h"

#include "base/error_of.h"
#include "pipeline_case.h"
#include <gtest/gtest.h>

namespace bitline::estimate {
namespace {

constexpr double kTiny = 1e-6;  // cycles

void expect_completions(const Pipeline& p, const std::vector<double>& expected) {
  ASSERT_EQ(p.completions.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(cycles(p.completions[i]), expected[i], kTiny) << "picture " << i;
}

// Rows of conv0 are done at 16, 32, 48, 64. Row 0 of conv1 waits for two of them, the others for one more.
TEST(Pipeline, ALayerStartsWithItsWindow) {
  const Net net = chain_of({1, 3});
  const Pipeline p = pipeline_of(net, tiled_chip("", 2), 4);
  expect_completions(p, {96, 160, 224, 288});
  EXPECT_NEAR(cycles(p.latency), 96, kTiny);
  EXPECT_NEAR(cycles(*p.period), 64, kTiny);
  EXPECT_NEAR(*p.frames(), 1.0 / 640e-9, 1.0);
  EXPECT_NEAR(cycles(p.layers[1].busy), 256, kTiny);
  EXPECT_NEAR(waited(p, 1, Wait::kInput), 32, kTiny);
  EXPECT_NEAR(p.layers[1].utilisation, 256.0 / 288, 1e-9);
  ASSERT_EQ(p.spans.size(), 8u);
  EXPECT_EQ(p.spans[1].layer, 1);
  EXPECT_NEAR(cycles(p.spans[1].begin), 32, kTiny);
  EXPECT_NEAR(cycles(p.spans[1].end), 96, kTiny);
  const std::vector<std::string> notes = {
      "tile: no bus is described, it takes no time", "tile: no router is described, it takes no time",
      "tile: no buffer with a capacity is described, there is room for all rows"};
  EXPECT_EQ(p.notes, notes);
}

// Pooling to 2x2 makes row y of two rows; the matrix after it waits for all of them.
TEST(Pipeline, PoolingAndFlattenPassRowsOn) {
  Net net;
  ir::MaxPool pool;
  pool.window.kernel = pool.window.stride = {2, 2};
  const ir::ValueId x = net.node("pool", pool, {net.conv(net.input(8, 4), 8, 8)});
  const ir::ValueId y = net.conv(x, 8, 8);
  net.ends(net.linear(net.node("flatten", ir::Flatten{}, {y}), 32, 8));
  const Pipeline p = pipeline_of(net, tiled_chip("", 3), 1);
  // conv0 16, 32, 48, 64; conv1 in 8 cycles a row from 32 and from 64; the matrix is one position of 4 cycles
  expect_completions(p, {76});
  EXPECT_NEAR(waited(p, 1, Wait::kInput), 32 + 24, kTiny);
  EXPECT_FALSE(p.period.has_value());
}

TEST(Pipeline, BranchesRunSideBySide) {
  const Pipeline p = pipeline_of(residual_net(), tiled_chip("", 3), 2);
  expect_completions(p, {112, 176});
  EXPECT_NEAR(waited(p, 2, Wait::kInput), 48, kTiny);
}

// Three replicas share 16 positions of four cycles: six steps, the last of them with one position.
TEST(Pipeline, ReplicasShareRows) {
  const Pipeline p = pipeline_of(chain_of({1}), tiled_chip("", 3), 4, true);
  expect_completions(p, {24, 48, 72, 96});
  EXPECT_NEAR(cycles(p.layers[0].busy), 4 * 16 * 4 / 3.0, kTiny);
  EXPECT_NEAR(waited(p, 0, Wait::kUneven), 3 * 2 * 4 / 3.0, kTiny);
  EXPECT_NEAR(cycles(p.spans[1].begin), 24, kTiny);  // the next picture waits for the last position
}

// A row is 8 x 4 x 4 bits: 16 words of 8 bits, 16 cycles out of tile 0 and 16 into tile 1.
TEST(Pipeline, RowsTravelOverBuses) {
  const Pipeline p = pipeline_of(chain_of({1, 3}), tiled_chip(kBus, 2), 1);
  expect_completions(p, {128});
  EXPECT_NEAR(waited(p, 1, Wait::kInput), 32, kTiny);
  EXPECT_NEAR(waited(p, 1, Wait::kBus), 32, kTiny);
}

TEST(Pipeline, RowsTravelOverRouters) {
  const Pipeline p = pipeline_of(chain_of({1, 3}), tiled_chip(kRouter, 2), 1);
  expect_completions(p, {128});
  EXPECT_NEAR(waited(p, 1, Wait::kRouter), 32, kTiny);
  EXPECT_EQ(waited(p, 1, Wait::kBus), 0.0);
  const char* late = "router: {kind: router, width: 8, clock: 100 MHz, latency: 50 ns, cite: d}";
  expect_completions(pipeline_of(chain_of({1, 3}), tiled_chip(late, 2), 1), {133});
  const char* unknown = "router: {kind: router, width: 8, cite: d}";
  const Pipeline free = pipeline_of(chain_of({1, 3}), tiled_chip(unknown, 2), 1);
  expect_completions(free, {96});
  EXPECT_EQ(free.notes[1], "tile.router: no bandwidth, and no width with a clock: it takes no time");
}

// Two arrays a tile. What stays in a tile takes its bus once and no router; of conv1's two arrays one is in
// the tile of conv0, so that half of a row goes to the other: 8 cycles out, 8 in, and 8 on the bus there.
TEST(Pipeline, WhatStaysInATileTakesNoRouter) {
  const auto with = [](const std::string& parts, int tiles) { return tiled_chip(parts, tiles, "", 2); };
  expect_completions(pipeline_of(chain_of({1, 3}), with(kRouter, 1), 1), {96});
  expect_completions(pipeline_of(chain_of({1, 3}), with(kBus, 1), 1), {112});
  Net net;
  net.ends(net.conv(net.conv(net.input(8, 4), 8, 8), 8, 128));
  expect_completions(pipeline_of(net, with("", 2), 1), {80});
  expect_completions(pipeline_of(net, with(kRouter, 2), 1), {96});
  expect_completions(pipeline_of(net, with(std::string(kBus) + ", " + kRouter, 2), 1), {120});
}

// Without ports of their own, rows of conv1 leave tile 1 after all those of conv0 have left tile 0, at 80.
TEST(Pipeline, TilesShareARouterAsFarAsItHasPorts) {
  const auto with = [](const char* more) {
    return tiled_chip(
        std::string("router: {kind: router, width: 8, clock: 100 MHz, shared_by: 2, cite: d") + more + "}",
        3);
  };
  expect_completions(pipeline_of(chain_of({1, 1, 1}), with(""), 1), {176});
  expect_completions(pipeline_of(chain_of({1, 1, 1}), with(", ports: 8"), 1), {160});
}

// The bus of tile 0 carries each row twice: row r is out for conv1 at 32 + 32 r, for conv2 16 later. The sum
// is made in conv2's tile. On the bus of tile 1 the results of conv1, hold its later inputs up: they are done
// at 64, 112, 128 and 176, and the last is in tile 2 after 32 more.
TEST(Pipeline, BranchesQueueForABus) {
  Net net;
  const ir::ValueId stem = net.conv(net.input(8, 4), 8, 8);
  const ir::ValueId a = net.conv(stem, 8, 8), b = net.conv(stem, 8, 8);
  net.ends(net.node("add", ir::Add{}, {a, b}));
  expect_completions(pipeline_of(net, tiled_chip(kBus, 3), 1), {208});
  expect_completions(pipeline_of(net, tiled_chip("", 3), 1), {80});
}

// Rows of conv0 and conv1 leave through one port, 32 cycles for both; alone, the last rows of conv1 are
// faster. What the last picture gains is not in the period.
TEST(Pipeline, ThePeriodIsThatOfPicturesThatAreFollowed) {
  const std::string port = "router: {kind: router, width: 8, clock: 100 MHz, shared_by: 2, cite: d}, ";
  const hardware::HardwareSpec spec = tiled_chip(port + buffer_of(64), 3);
  const Pipeline few = pipeline_of(chain_of({1, 1, 1}), spec, 6),
                 many = pipeline_of(chain_of({1, 1, 1}), spec, 12);
  EXPECT_NEAR(cycles(*few.period), 128, kTiny);
  EXPECT_NEAR(cycles(many.completions[5] - many.completions[4]), 128, kTiny);
  EXPECT_LT(cycles(few.completions[5] - few.completions[4]), 128 - kTiny);
}

// Three rows of 16 bytes fit. Row 3 of conv0 waits until row 1 of conv1 is done, and row 0 of the next
// picture until row 2 is.
TEST(Pipeline, AFullBufferHoldsTheLayerBehindUp) {
  const Pipeline p = pipeline_of(chain_of({1, 3}), tiled_chip(buffer_of(48), 2), 2);
  expect_completions(p, {112, 208});
  EXPECT_NEAR(waited(p, 0, Wait::kBuffer), 48, kTiny);
  EXPECT_NEAR(waited(p, 1, Wait::kInput), 80, kTiny);
  expect_completions(pipeline_of(chain_of({1, 3}), tiled_chip(buffer_of(1000), 2), 2), {96, 160});
}

TEST(Pipeline, ABufferThatNeverHoldsAWindowIsAnError) {
  EXPECT_EQ(
      error_of([] {
        pipeline_of(chain_of({1, 3}), tiled_chip(buffer_of(47), 2), 2);
      }),
      "node 'conv1': the buffers of tile 1 have a capacity of 47 B, but the rows that must wait there at "
      "once for this node take 48 B (a larger tile buffer (capacity), fewer bits, or more tiles for the "
      "layer)");
}

// In conv1's tile wait three rows of its window, two of the shortcut and one of its own: 96 bytes.
TEST(Pipeline, AJoinKeepsTheShortcut) {
  const Pipeline fits = pipeline_of(residual_net(), tiled_chip(buffer_of(96), 3), 3);
  EXPECT_GE(cycles(fits.latency), 112 - kTiny);
  EXPECT_EQ(fits.notes.size(), 2u);
  const Pipeline lent = pipeline_of(residual_net(), tiled_chip(buffer_of(95), 3), 3);
  EXPECT_EQ(lent.notes.back(),
            "tile buffers: 1 B of rows find no room in their tiles; they wait in others, at no further time");
}

// A gate waits for the mean of all rows: 64 bytes for the mean, 64 for the product, 16 of input and 4 of
// means.
TEST(Pipeline, TheRowsOfAllLayersMustFitTheChip) {
  Net net;
  const ir::ValueId x = net.conv(net.input(8, 4), 8, 8);
  const ir::ValueId mean = net.node("mean", ir::GlobalAveragePool{}, {x});
  net.ends(net.node("gate", ir::Mul{}, {x, net.node("clip", ir::Clip{0.0f, 1.0f}, {mean})}));
  const std::string error = error_of([&] { pipeline_of(net, tiled_chip(buffer_of(64), 1), 1); });
  EXPECT_NE(
      error.find("the tile buffers have a capacity of 64 B, but the rows that must wait on the chip at once "
                 "take 148 B, up to 64 B of a tile for this node"),
      std::string::npos)
      << error;
  EXPECT_EQ(pipeline_of(net, tiled_chip(buffer_of(64), 3), 1).completions.size(), 1u);
}

// Eight columns of two layers in one macro, eight conversions a cycle: the layers take turns by rows.
TEST(Pipeline, LayersShareTheConvertersOfAMacro) {
  const auto with_rate = [](const char* rate) {
    return tiled_chip("", 1,
                      std::string("adc: {kind: sar, bits: 8, count: 1, rate: ") + rate + ", cite: c}\n", 2);
  };
  const Pipeline slow = pipeline_of(chain_of({1, 1}), with_rate("0.8 GS/s"), 1);
  expect_completions(slow, {128});
  EXPECT_NEAR(waited(slow, 0, Wait::kAdc), 48, kTiny);
  expect_completions(pipeline_of(chain_of({1, 1}), with_rate("1.6 GS/s"), 1), {80});
}

constexpr const char* kReloaded = "weights: {loading: reloaded, bandwidth: 1 GB/s, cite: e}\n";

// One array: 32 bytes of conv0, then 288 bytes of conv1, two pictures through each.
TEST(Pipeline, RoundsLoadWeightsBeforeTheirPictures) {
  const Pipeline p = pipeline_of(chain_of({1, 3}), tiled_chip("", 1, kReloaded), 2);
  expect_completions(p, {3.2 + 128 + 28.8 + 64, 3.2 + 128 + 28.8 + 128});
  EXPECT_NEAR(cycles(*p.period), 144, kTiny);
  ASSERT_EQ(p.spans.size(), 6u);
  EXPECT_EQ(p.spans[0].layer, -1);
  EXPECT_NEAR(cycles(p.spans[3].begin), 131.2, kTiny);
  EXPECT_NEAR(cycles(p.spans[3].end), 160, kTiny);
}

// As in the closed form: 8 rows of conv0 and 72 of conv1, where bytes take 3.2 and 28.8 cycles.
TEST(Pipeline, RowsOfAnArrayAreWrittenOneAfterTheOther) {
  const Net net = chain_of({1, 3});
  hardware::HardwareSpec spec = tiled_chip("", 1, kReloaded);
  spec.cell.write_time.emplace().value = kCycle;
  const Pipeline p = pipeline_of(net, spec, 2);
  expect_completions(p, {8 + 128 + 72 + 64, 8 + 128 + 72 + 128});
  EstimateOptions options;
  options.batch = 2;
  EXPECT_NEAR(*p.period, *estimate(mapped(net, spec), spec, {}, options).period, 1e-18);
}

// Two arrays: conv0 and conv1 overlap in the first round, conv2 follows in the second.
TEST(Pipeline, LayersOfARoundOverlap) {
  const hardware::HardwareSpec spec = tiled_chip("", 2, kReloaded);
  const Net net = chain_of({1, 3, 1});
  const Pipeline p = pipeline_of(net, spec, 2);
  expect_completions(p, {32 + 160 + 3.2 + 64, 32 + 160 + 3.2 + 128});
  EstimateOptions options;
  options.batch = 2;
  EXPECT_LT(*p.period, *estimate(mapped(net, spec), spec, {}, options).period);
}

TEST(Pipeline, RefusesWhatItCannotTime) {
  const Net net = chain_of({1, 3});
  const hardware::HardwareSpec spec = tiled_chip("", 2);
  hardware::HardwareSpec changed = spec;
  changed.array.cycle.reset();
  EXPECT_NE(error_of([&] { pipeline_of(net, changed, 1); }).find("tiled does not state array.cycle"),
            std::string::npos);
  changed = tiled_chip("", 1, "weights: {loading: reloaded}\n");
  EXPECT_NE(error_of([&] { pipeline_of(net, changed, 1); }).find("does not state weights.bandwidth"),
            std::string::npos);
  EXPECT_EQ(error_of([&] { pipeline_of(net, spec, 0); }), "a pipeline has at least one picture");
  EXPECT_EQ(error_of([&] { pipeline_of(net, spec, 10001); }),
            "a pipeline of 10001 pictures is too long to simulate (at most 10000)");
  EXPECT_NE(error_of([&] {
              simulate_pipeline(mapped(net, spec), net.model, tiled_chip("", 3), {}, {});
            }).find("for another chip than tiled"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              simulate_pipeline(mapped(net, spec), chain_of({1}).model, spec, {}, {});
            }).find("node 'conv1': the mapping has a layer"),
            std::string::npos);
}

TEST(Pipeline, LayersOffTheArraysAreNamed) {
  Net net = chain_of({1, 3, 1});
  net.model.layers.erase("conv1");
  const Pipeline p = pipeline_of(net, tiled_chip("", 2), 1);
  expect_completions(p, {32 + 64});  // conv2 still waits for the window of conv1
  EXPECT_EQ(p.notes.back(), "conv1: not on arrays, takes no time");
}

// Rows of conv0 and conv2 take turns in logic that does one in 16 cycles, those of an earlier picture first.
TEST(Pipeline, LayersInLogicShareTheDigitalUnits) {
  const Net net = in_logic(chain_of({1, 1, 1}), {"conv0", "conv2"});
  const hardware::HardwareSpec spec = tiled_chip(logic_of("1.6 GOPS"), 2);  // a unit in each of two tiles
  const Pipeline p = pipeline_of(net, spec, 4);
  expect_completions(p, {128, 256, 384, 512});
  EXPECT_NEAR(cycles(*p.period), 128, kTiny);
  ASSERT_EQ(p.layers.size(), 3u);
  EXPECT_EQ(p.layers[0].node, "conv0");
  EXPECT_EQ(p.layers[0].mapped, -1);
  EXPECT_EQ(p.layers[1].mapped, 0);
  EXPECT_NEAR(cycles(p.layers[0].busy), 256, kTiny);
  EXPECT_NEAR(cycles(p.layers[2].busy), 256, kTiny);
  EXPECT_NEAR(waited(p, 0, Wait::kLogic), 3 * 64, kTiny);
  EXPECT_EQ(p.spans[0].layer, 0);
  EXPECT_EQ(p.notes.size(), 3u) << "no bus, no router, no buffer";
  const mapping::Mapping mapping = mapped(net, spec);
  EstimateOptions options;
  options.flow = dataflow_of(net.model, mapping);
  const Estimate e = estimate(mapping, spec, {"conv0", "conv2"}, options);
  EXPECT_NEAR(cycles(*e.period), 128, kTiny);
  EXPECT_NEAR(cycles(*e.latency), 192, kTiny);
  const Pipeline timeless = pipeline_of(net, tiled_chip("", 2), 1);
  expect_completions(timeless, {64});
  EXPECT_EQ(timeless.layers.size(), 1u);
  EXPECT_EQ(timeless.notes.back(), "conv2: not on arrays, takes no time");
}

// Each row is on the one bus for 16 cycles and no longer, whichever tiles it comes from and goes to.
TEST(Pipeline, TilesShareABus) {
  const auto shared_by = [](int tiles) {
    return tiled_chip(
        "bus: {kind: bus, width: 8, clock: 100 MHz, shared_by: " + std::to_string(tiles) + ", cite: d}", 3);
  };
  expect_completions(pipeline_of(chain_of({1, 3}), shared_by(2), 1), {112});
  expect_completions(pipeline_of(chain_of({1, 1, 1}), shared_by(3), 1), {160});
}

TEST(Pipeline, FurtherBusesOfATileAreNamed) {
  const std::string two = std::string(kBus) + ", other: {kind: bus, width: 8, clock: 100 MHz, cite: d}";
  const Pipeline p = pipeline_of(chain_of({1, 3}), tiled_chip(two, 2), 1);
  expect_completions(p, {128});
  EXPECT_EQ(p.notes[0], "tile.other: only the first bus of a tile is in the model, bus");
}

// Nothing reads conv0: the result is there at once, and again, and again.
TEST(Pipeline, AResultThatWaitsForNothing) {
  Net net;
  const ir::ValueId x = net.input(8, 4);
  net.conv(x, 8, 8);
  net.ends(net.node("pool", ir::GlobalAveragePool{}, {x}));
  const Pipeline p = pipeline_of(net, tiled_chip(kBus, 2), 3);
  expect_completions(p, {0, 0, 0});
  EXPECT_NEAR(cycles(*p.period), 64, kTiny);
}

TEST(Pipeline, IsCancelled) {
  const Net net = chain_of({1, 3});
  const hardware::HardwareSpec spec = tiled_chip("", 2);
  CancelToken token;
  Context context;
  context.cancel = &token;
  EXPECT_EQ(simulate_pipeline(mapped(net, spec), net.model, spec, {}, context).completions.size(), 4u);
  token.request();
  error_of([&] { simulate_pipeline(mapped(net, spec), net.model, spec, {}, context); },
           ErrorCode::kCancelled);
}

}  // namespace
}  // namespace bitline::estimate
