// One layer (64 -> 64, 3x3, W4A4P4, 2-bit cells, 128x128 arrays) and a whole ResNet-20, in one run on one
// thread: the blocked kernel against the reference kernel and against the float convolution, bit-serial
// inputs against all bits at once; and the memory that an evaluation takes, which must not grow with the
// number of images.
#include <chrono>
#include <cstdio>
#include <string>

#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include "bitline/base/cpu.h"
#include "bitline/base/philox.h"
#include "bitline/frontend/zoo.h"
#include "bitline/ir/interpreter.h"
#include "bitline/sim/calibrate.h"
#include "bitline/sim/evaluate.h"

namespace {

using namespace bitline;

constexpr std::int64_t kChannels = 64;

ir::Tensor random_images(ir::Shape shape) {
  ir::Tensor t(std::move(shape));
  const Philox random(1, stream_id("bench"));
  for (std::size_t i = 0; i < t.size(); ++i) t.data[i] = static_cast<float>(random.uniform(i));
  return t;
}

ir::Graph one_layer(std::int64_t side) {
  ir::Graph g;
  const ir::ValueId x = g.add_input("x", {ir::kBatch, kChannels, side, side});
  const ir::ValueId w = g.add_constant("w", random_images({kChannels, kChannels, 3, 3}));
  for (float& v : g.constant(w).data) v -= 0.5f;
  ir::Conv conv;
  conv.window.kernel = {3, 3};
  conv.window.pad_begin = conv.window.pad_end = {1, 1};
  g.set_output(g.add_node("conv", conv, {x, w}));
  return g;
}

sim::CalibrateOptions options_for(int dac_bits) {
  sim::CalibrateOptions options;
  options.config.dac_bits = dac_bits;
  options.policy = {false, false, false, {}};
  return options;
}

struct Layer {
  ir::Graph graph;
  ir::Tensor x;
  quant::QuantizedModel model;

  Layer(std::int64_t side, int dac_bits)
      : graph(one_layer(side)), x(random_images({1, kChannels, side, side})) {
    model = sim::calibrate(graph, x, options_for(dac_bits), Context{});
  }
};

void run_layer(benchmark::State& state, const char* kernel, int dac_bits) {
  const Layer layer(state.range(0), dac_bits);
  const sim::Network network(layer.model, kernel);
  const auto& grid = network.programs().front()->tiling.grid;
  for (auto _ : state) benchmark::DoNotOptimize(network.forward(layer.x));
  const double conversions = static_cast<double>(state.range(0) * state.range(0) * grid.columns()) *
                             (dac_bits == 0 ? 1 : 4 / dac_bits);
  state.counters["ADC conversions/s"] =
      benchmark::Counter(conversions, benchmark::Counter::kIsIterationInvariantRate);
}

void run_float(benchmark::State& state) {
  const Layer layer(state.range(0), 0);
  for (auto _ : state) benchmark::DoNotOptimize(ir::run_graph(layer.graph, layer.x));
}

BENCHMARK_CAPTURE(run_layer, blocked, "blocked", 0)->Arg(8)->Arg(16)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(run_layer, blocked_bit_serial, "blocked", 1)
    ->Arg(8)
    ->Arg(16)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(run_layer, reference, "reference", 0)->Arg(8)->Unit(benchmark::kMicrosecond)->Iterations(3);
BENCHMARK(run_float)->Arg(8)->Arg(16)->Unit(benchmark::kMicrosecond);

template <class F>
double seconds(F&& run, int repeats) {
  double best = 1e9;
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

void print_layer_ratios() {
  const Layer layer(8, 0);
  const Layer serial(8, 1);
  const sim::Network blocked(layer.model, "blocked"), reference(layer.model, "reference"),
      cycles(serial.model, "blocked");
  const double fast = seconds([&] { blocked.forward(layer.x); }, 50);
  std::printf("layer 64->64 3x3 on 8x8, one thread, best of many:\n");
  std::printf("  blocked against reference: %.0fx faster\n",
              seconds([&] { reference.forward(layer.x); }, 3) / fast);
  std::printf("  blocked against the float convolution: %.1fx the time\n",
              fast / seconds([&] { ir::run_graph(layer.graph, layer.x); }, 50));
  std::printf("  bit-serial inputs (4 cycles) against all bits at once: %.1fx the time\n",
              seconds([&] { cycles.forward(serial.x); }, 50) / fast);
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

sim::BatchSource batches(std::int64_t images) {
  auto left = std::make_shared<std::int64_t>(images);
  return [left]() -> std::optional<sim::LabelledBatch> {
    if (*left <= 0) return std::nullopt;
    *left -= 128;
    return sim::LabelledBatch{random_images({128, 3, 32, 32}), std::vector<int>(128, 0)};
  };
}

void print_evaluation() {
  sim::CalibrateOptions options;
  const ir::Graph graph = frontend::zoo("resnet20", 10, 1);
  const sim::Network network(sim::calibrate(graph, random_images({8, 3, 32, 32}), options, Context{}));
  const auto run_float_network = [&](const ir::Tensor& images) { return ir::run_graph(graph, images); };
  sim::evaluate(network, batches(128), Context{});
  const double before = peak_mib();
  const double cim = seconds([&] { sim::evaluate(network, batches(512), Context{}); }, 1);
  const double after = peak_mib();
  const double floats = seconds([&] { sim::evaluate({run_float_network}, batches(512), Context{}); }, 1);
  std::printf("ResNet-20 W4A4P4 column/column, evaluation on one thread:\n");
  std::printf("  against the float interpreter: %.1fx the time\n", cim / floats);
  std::printf("  peak memory after 128 images %.0f MiB, after 640 images %.0f MiB\n", before, after);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::printf("cpu: %s\n", cpu_features().text().c_str());
  benchmark::RunSpecifiedBenchmarks();
  print_layer_ratios();
  print_evaluation();
  return 0;
}
