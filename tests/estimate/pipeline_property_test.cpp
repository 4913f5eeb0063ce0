// Laws of pipelines on random networks: against the closed form, in order, and without standing still.
#include <algorithm>
#include <cmath>

#include "pipeline_case.h"
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "bitline/base/error.h"
#include "bitline/ir/shapes.h"

namespace bitline::estimate {
namespace {

constexpr double kRounding = 1e-9;

std::int64_t draw(std::int64_t low, std::int64_t high) {
  return *rc::gen::inRange<std::int64_t>(low, high + 1);
}

// Every row is read by the next layer: a pointwise convolution with a stride would skip the last one, and the
// result could come before its layer is done.
Net random_chain(std::int64_t most) {
  Net net;
  std::int64_t channels = draw(1, 20);
  ir::ValueId x = net.input(channels, draw(2, 9));
  for (std::int64_t i = draw(1, most); i > 0; --i) {
    const std::int64_t out = draw(1, 20);
    const std::int64_t kernel = 2 * draw(0, 1) + 1;
    x = net.conv(x, channels, out, kernel, kernel == 1 ? 1 : draw(1, 2));
    channels = out;
  }
  net.ends(x);
  return net;
}

// Values of one size that later nodes may read; all ends are added up.
struct Growing {
  Net net;
  std::vector<ir::ValueId> values;
  int nodes = 0;

  ir::ValueId any() const {
    return values[static_cast<std::size_t>(draw(0, static_cast<std::int64_t>(values.size()) - 1))];
  }
  std::string name() { return "node" + std::to_string(nodes++); }

  void grow() {
    ir::MaxPool pool;
    pool.window.kernel = {3, 3};
    pool.window.pad_begin = pool.window.pad_end = {1, 1};
    switch (draw(0, 5)) {
      case 0:
        values.push_back(net.node(name(), ir::Add{}, {any(), any()}));
        break;
      case 1:
        values.push_back(net.node(name(), pool, {any()}));
        break;
      case 2: {  // a gate: every row waits for the mean of all
        const ir::ValueId x = any();
        const ir::ValueId mean = net.node(name(), ir::GlobalAveragePool{}, {any()});
        values.push_back(net.node(name(), ir::Mul{}, {x, net.conv(mean, 8, 8)}));
        break;
      }
      case 3: {
        const ir::ValueId both = net.node(name(), ir::Concat{}, {any(), any()});
        values.push_back(net.conv(both, 16, 8, 3));
        break;
      }
      default:
        values.push_back(net.conv(net.node(name(), ir::Relu{}, {any()}), 8, 8, 2 * draw(0, 1) + 1));
    }
  }
};

Net random_graph() {
  Growing g;
  g.values = {g.net.conv(g.net.input(8, draw(2, 6)), 8, 8)};
  for (std::int64_t i = draw(1, 8); i > 0; --i) g.grow();
  ir::ValueId sum = g.values.back();
  const std::vector<int> uses = g.net.model.graph.use_counts();
  for (const ir::ValueId v : g.values) {
    if (uses[static_cast<std::size_t>(v)] == 0 && v != sum) sum = g.net.node(g.name(), ir::Add{}, {sum, v});
  }
  g.net.ends(sum);
  return g.net;
}

constexpr int kTiles = 60;  // more than any network here has arrays

void expect_never_faster(const Pipeline& slow, const Pipeline& fast) {
  RC_ASSERT(slow.completions.size() == fast.completions.size());
  for (std::size_t i = 0; i < slow.completions.size(); ++i)
    RC_ASSERT(slow.completions[i] >= fast.completions[i] * (1.0 - kRounding));
}

// The slowest stage outweighs any head start after (sum of stages) / (slowest - next slowest) pictures.
std::int64_t pictures_to_settle(const Estimate& e) {
  double sum = 0.0, next = 0.0;
  for (const LayerEstimate& l : e.layers) {
    sum += *l.stage;
    if (*l.stage < *e.period * (1.0 - kRounding)) next = std::max(next, *l.stage);
  }
  return 3 + static_cast<std::int64_t>(std::ceil(sum / (*e.period - next)));
}

TEST(PipelineLaw, ThePeriodIsTheSlowestStage) {
  EXPECT_TRUE(rc::check("free movement, unlimited buffers", [] {
    const Net net = random_chain(4);
    const bool replicate = draw(0, 1) == 1;
    const hardware::HardwareSpec spec = tiled_chip("", static_cast<int>(draw(20, kTiles)));
    const mapping::Mapping mapping = mapped(net, spec, replicate);
    const Estimate e = estimate(mapping, spec, {}, {});
    PipelineOptions options;
    options.pictures = pictures_to_settle(e);
    RC_PRE(options.pictures < 3000);
    const Pipeline p = simulate_pipeline(mapping, net.model, spec, options, {});
    const std::size_t last = p.completions.size() - 1;
    const double apart = p.completions[last] - p.completions[last - 1];
    RC_ASSERT(std::abs(apart - *e.period) <= kRounding * *e.period);
    RC_ASSERT(std::abs(*p.period - *e.period) <= kRounding * *e.period);
    RC_ASSERT(p.latency <= *e.latency * (1.0 + kRounding));
    RC_ASSERT(p.latency >= *e.period * (1.0 - kRounding));
  }));
}

TEST(PipelineLaw, GraphsStayBetweenSlowestStageAndSum) {
  EXPECT_TRUE(rc::check("of random graphs", [] {
    const Net net = random_graph();
    const hardware::HardwareSpec spec = tiled_chip("", kTiles);
    const mapping::Mapping mapping = mapped(net, spec, draw(0, 1) == 1);
    const Estimate e = estimate(mapping, spec, {}, {});
    const Pipeline p = simulate_pipeline(mapping, net.model, spec, {}, {});
    RC_ASSERT(p.latency <= *e.latency * (1.0 + kRounding));
    RC_ASSERT(p.completions.back() >= 4.0 * *e.period * (1.0 - kRounding));
  }));
}

// Layers are cut across rounds, too: their rows are there after the last of them.
TEST(PipelineLaw, RoundsTakeNoLongerThanTheSum) {
  EXPECT_TRUE(rc::check("of random graphs on small chips", [] {
    const Net net = random_graph();
    const auto arrays = static_cast<int>(mapped(net, tiled_chip("", kTiles)).arrays);
    const hardware::HardwareSpec spec = tiled_chip(
        "", static_cast<int>(draw(1, arrays)), "weights: {loading: reloaded, bandwidth: 1 GB/s, cite: e}\n");
    const mapping::Mapping mapping = mapped(net, spec);
    PipelineOptions options;
    options.batch = options.pictures = draw(1, 5);
    EstimateOptions closed;
    closed.batch = options.batch;
    const Estimate e = estimate(mapping, spec, {}, closed);
    const Pipeline p = simulate_pipeline(mapping, net.model, spec, options, {});
    RC_ASSERT(p.completions.size() == static_cast<std::size_t>(options.batch));
    RC_ASSERT(p.latency <= p.total * (1.0 + kRounding));
    if (mapping.rounds > 1) RC_ASSERT(*p.period <= *e.period * (1.0 + kRounding));
    if (mapping.rounds > 1) RC_ASSERT(p.total <= *e.latency * (1.0 + kRounding));
    double work = 0.0;
    for (const PipelineSpan& span : p.spans) work = std::max(work, span.end);
    RC_ASSERT(std::abs(work - p.total) <= kRounding * p.total);
  }));
}

TEST(PipelineLaw, TimeIsWorkAndWaiting) {
  EXPECT_TRUE(rc::check("until the last row of a layer", [] {
    const Net net = random_graph();
    const std::string parts = std::string(kBus) + ", " + kRouter + ", " + buffer_of(20000);
    const Pipeline p = pipeline_of(net, tiled_chip(parts, kTiles), 3);
    std::vector<double> end(p.layers.size(), 0.0), work(p.layers.size(), 0.0);
    for (const PipelineSpan& span : p.spans) {
      const auto l = static_cast<std::size_t>(span.layer);
      RC_ASSERT(span.begin >= end[l] * (1.0 - kRounding));
      end[l] = span.end;
      work[l] += span.end - span.begin;
    }
    for (std::size_t l = 0; l < end.size(); ++l) {
      double sum = p.layers[l].busy;
      for (const double wait : p.layers[l].waits) sum += wait;
      RC_ASSERT(std::abs(sum - end[l]) <= kRounding * p.total);
      RC_ASSERT(std::abs(p.layers[l].busy - work[l]) <= kRounding * p.total);
    }
  }));
}

// The smallest buffer of a tile with which the network is not refused.
std::int64_t least_buffer(const Net& net) {
  std::int64_t low = 0, high = 1 << 20;
  while (high - low > 1) {
    const std::int64_t middle = (low + high) / 2;
    try {
      pipeline_of(net, tiled_chip(buffer_of(middle), kTiles), 1);
      high = middle;
    } catch (const Error& error) {
      RC_ASSERT(error.code() == ErrorCode::kBadInput);  // standing still is a defect, kInternal
      low = middle;
    }
  }
  return high;
}

TEST(PipelineLaw, NothingStandsStillWhereBuffersSuffice) {
  EXPECT_TRUE(rc::check("with the least buffer, and never faster with less", [] {
    const Net net = random_graph();
    const std::int64_t least = least_buffer(net);
    const std::int64_t more = least + draw(0, 4 * least);
    const auto with = [&](const std::string& parts) {
      return pipeline_of(net, tiled_chip(parts, kTiles), 3);
    };
    const Pipeline tight = with(buffer_of(least)), wide = with(buffer_of(more)), free = with("");
    expect_never_faster(tight, wide);
    expect_never_faster(wide, free);
    expect_never_faster(with(std::string(kBus) + ", " + kRouter + ", " + buffer_of(least)), tight);
  }));
}

// Layers in logic, of random networks, on units of a random peak. Alone, a picture waits for no other.
TEST(PipelineLaw, LogicIsAStageOfItsOwn) {
  EXPECT_TRUE(rc::check("of random graphs", [] {
    Net net = random_graph();
    const std::int64_t least = least_buffer(net);
    for (auto& [node, layer] : net.model.layers) layer.config.digital = node != "conv0" && draw(0, 2) == 0;
    const std::string logic = logic_of(std::to_string(draw(1, 50)) + " MOPS");
    const hardware::HardwareSpec spec = tiled_chip(logic, kTiles);
    const mapping::Mapping mapping = mapped(net, spec);
    EstimateOptions options;
    options.flow = dataflow_of(net.model, mapping);
    const Estimate e = estimate(mapping, spec, mapping.digital, options);
    const Pipeline p = pipeline_of(net, spec, 4);
    RC_ASSERT(pipeline_of(net, spec, 1).latency <= *e.latency * (1.0 + kRounding));
    RC_ASSERT(p.completions.back() >= 4.0 * *e.period * (1.0 - kRounding));
    RC_ASSERT(*p.period >= *e.period * (1.0 - kRounding));
    try {
      pipeline_of(net, tiled_chip(logic + ", " + buffer_of(2 * least), kTiles), 3);
    } catch (const Error& error) {
      RC_ASSERT(error.code() == ErrorCode::kBadInput);  // standing still is a defect, kInternal
    }
  }));
}

TEST(PipelineLaw, MoreReplicasAreNeverSlower) {
  EXPECT_TRUE(rc::check("free movement, unlimited buffers", [] {
    const Net net = random_graph();
    const auto few = static_cast<int>(mapped(net, tiled_chip("", kTiles)).arrays + draw(0, 20));
    const auto many = few + static_cast<int>(draw(0, 100));
    expect_never_faster(pipeline_of(net, tiled_chip("", few), 3, true),
                        pipeline_of(net, tiled_chip("", many), 3, true));
  }));
}

// Queues with one kind of row: where kinds mix, a faster server may let the wrong one in first.
TEST(PipelineLaw, FasterMovementIsNeverSlower) {
  const auto at = [](const char* kind, std::int64_t mhz) {
    return std::string("way: {kind: ") + kind + ", width: 8, clock: " + std::to_string(mhz) +
           " MHz, cite: d}";
  };
  EXPECT_TRUE(rc::check("routers of chains, the bus of two layers", [&] {
    const bool bus = draw(0, 1) == 1;
    const Net net = bus ? chain_of({2 * draw(0, 1) + 1, 2 * draw(0, 1) + 1}) : random_chain(5);
    const char* kind = bus ? "bus" : "router";
    const std::int64_t slow = draw(10, 500), fast = slow + draw(0, 500);
    expect_never_faster(pipeline_of(net, tiled_chip(at(kind, slow), kTiles), 3),
                        pipeline_of(net, tiled_chip(at(kind, fast), kTiles), 3));
  }));
}

TEST(PipelineLaw, TheSameAgain) {
  EXPECT_TRUE(rc::check("every figure", [] {
    const Net net = random_graph();
    const std::string parts = std::string(kBus) + ", " + kRouter + ", " + buffer_of(20000);
    const hardware::HardwareSpec spec = tiled_chip(parts, kTiles);
    const Pipeline a = pipeline_of(net, spec, 3, true), b = pipeline_of(net, spec, 3, true);
    RC_ASSERT(a.completions == b.completions);
    RC_ASSERT(a.spans.size() == b.spans.size());
    for (std::size_t l = 0; l < a.layers.size(); ++l) RC_ASSERT(a.layers[l].waits == b.layers[l].waits);
  }));
}

}  // namespace
}  // namespace bitline::estimate
