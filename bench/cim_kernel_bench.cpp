// One layer (64 -> 64, 3x3, W4A4P4, 2-bit cells, 128x128 arrays) on one image and one thread: the blocked
// kernel against the reference kernel and against the float convolution, and bit-serial inputs against all
// input bits at once.
#include <cstdio>

#include "measurement.h"
#include "workloads.h"
#include <benchmark/benchmark.h>

#include "bitline/ir/interpreter.h"
#include "bitline/sim/network.h"

namespace {

using namespace bitline;

constexpr int kRepeats = 50;
constexpr int kSlowRepeats = 5;

ir::Tensor run_float(const bench::ConvLayer& layer) {
  const ir::Node& node = layer.graph.nodes().front();
  return ir::run_node(node, {&layer.x, &layer.graph.constant(node.inputs[1])});
}

double conversions_per_image(const sim::LayerProgram& program, std::int64_t side) {
  return static_cast<double>(side * side * program.tiling.grid.columns()) *
         static_cast<double>(program.input_slices.size());
}

void array_layer(benchmark::State& state, const char* kernel, int dac_bits) {
  const bench::ConvLayer layer(state.range(0), dac_bits);
  const sim::Network network(layer.model, kernel);
  for (auto _ : state) benchmark::DoNotOptimize(network.forward(layer.x));
  state.counters["ADC conversions/s"] =
      benchmark::Counter(conversions_per_image(*network.programs().front(), state.range(0)),
                         benchmark::Counter::kIsIterationInvariantRate);
}

void float_layer(benchmark::State& state) {
  const bench::ConvLayer layer(state.range(0), 0);
  for (auto _ : state) benchmark::DoNotOptimize(run_float(layer));
}

constexpr auto kUnit = benchmark::kMicrosecond;
BENCHMARK_CAPTURE(array_layer, blocked, "blocked", 0)->Arg(8)->Arg(16)->Unit(kUnit);
BENCHMARK_CAPTURE(array_layer, blocked_bit_serial, "blocked", 1)->Arg(8)->Arg(16)->Unit(kUnit);
BENCHMARK_CAPTURE(array_layer, reference, "reference", 0)->Arg(8)->Arg(16)->Unit(kUnit);
BENCHMARK(float_layer)->Arg(8)->Arg(16)->Unit(kUnit);

// The two sides of a ratio run one after the other, so that a busy machine slows both.
void print_ratios(std::int64_t side) {
  const bench::ConvLayer layer(side, 0), serial(side, 1);
  const sim::Network blocked(layer.model, "blocked"), reference(layer.model, "reference"),
      cycles(serial.model, "blocked");
  const double fast = bench::best_seconds([&] { blocked.forward(layer.x); }, kRepeats);
  const double slow = bench::best_seconds([&] { reference.forward(layer.x); }, kSlowRepeats);
  const double floats = bench::best_seconds([&] { run_float(layer); }, kRepeats);
  const double bit_serial = bench::best_seconds([&] { cycles.forward(serial.x); }, kRepeats);
  const auto pixels = static_cast<int>(side);
  std::printf("  %2dx%-2d  blocked vs reference: %.0fx faster\n", pixels, pixels, slow / fast);
  std::printf("  %2dx%-2d  blocked vs float convolution (oneDNN): %.1fx the time\n", pixels, pixels,
              fast / floats);
  std::printf("  %2dx%-2d  bit-serial inputs (4 cycles) vs all bits at once: %.1fx the time\n", pixels,
              pixels, bit_serial / fast);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  bench::print_machine();
  benchmark::RunSpecifiedBenchmarks();
  std::printf("\nsummary: layer 64->64 3x3 W4A4P4 column/column 128x128 2b, one image, one thread\n");
  for (const std::int64_t side : {8, 16}) print_ratios(side);
  return 0;
}
