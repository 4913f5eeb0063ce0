// One layer (64 -> 64, 3x3, W4A4P4, 2-bit cells, 128x128 arrays) on one image and one thread: every kernel
// that this processor has against the reference kernel and the float convolution, and bit-serial inputs
// against all input bits at once.
#include <cstdio>
#include <string>
#include <vector>

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

sim::LayerProgram compiled(const bench::ConvLayer& layer) {
  const auto& [name, state] = *layer.model.layers.begin();
  return sim::compile_node(layer.model.graph, *layer.model.graph.find_node(name), state);
}

void array_layer(benchmark::State& state, const std::string& kernel, int dac_bits) {
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

// Kernels that this processor has and that take the layer.
std::vector<const sim::CimKernel*> kernels_for(const bench::ConvLayer& layer) {
  std::vector<const sim::CimKernel*> kernels;
  for (const sim::CimKernel* kernel : sim::cim_kernels()) {
    if (kernel->decline(compiled(layer)).empty()) kernels.push_back(kernel);
  }
  return kernels;
}

void register_benchmarks() {
  for (const int dac_bits : {0, 1}) {
    for (const sim::CimKernel* kernel : kernels_for(bench::ConvLayer(8, dac_bits))) {
      const std::string name = "array_layer/" + kernel->name() + (dac_bits == 0 ? "" : "_bit_serial");
      benchmark::RegisterBenchmark(
          name.c_str(),
          [kernel, dac_bits](benchmark::State& state) { array_layer(state, kernel->name(), dac_bits); })
          ->Arg(8)
          ->Arg(16)
          ->Unit(benchmark::kMicrosecond);
    }
  }
  benchmark::RegisterBenchmark("float_layer", float_layer)->Arg(8)->Arg(16)->Unit(benchmark::kMicrosecond);
}

double kernel_seconds(const bench::ConvLayer& layer, const std::string& kernel) {
  const sim::Network network(layer.model, kernel);
  return bench::best_seconds([&] { network.forward(layer.x); },
                             kernel == "reference" ? kSlowRepeats : kRepeats);
}

// The sides of a ratio run one after the other, so that a busy machine slows both.
void print_ratios(std::int64_t side, int dac_bits) {
  const bench::ConvLayer layer(side, dac_bits);
  const double floats = bench::best_seconds([&] { run_float(layer); }, kRepeats);
  const double reference = kernel_seconds(layer, "reference");
  for (const sim::CimKernel* kernel : kernels_for(layer)) {
    if (kernel->name() == "reference") continue;
    const double own = kernel_seconds(layer, kernel->name());
    std::printf(
        "  %2dx%-2d  %-9s %6.0fx faster than reference, %.2fx the time of the float convolution (oneDNN)\n",
        static_cast<int>(side), static_cast<int>(side), kernel->name().c_str(), reference / own,
        own / floats);
  }
}

void print_depthwise(std::int64_t side) {
  const bench::ConvLayer layer(side, 0, true);
  const double own = kernel_seconds(layer, "depthwise");
  const double floats = bench::best_seconds([&] { run_float(layer); }, kRepeats);
  std::printf("  %2dx%-2d  depthwise %6.2fx the time of the float depthwise convolution (oneDNN)",
              static_cast<int>(side), static_cast<int>(side), own / floats);
  for (const sim::CimKernel* kernel : kernels_for(layer)) {
    if (kernel->name() == "depthwise") continue;
    std::printf(", %.1fx faster than %s", kernel_seconds(layer, kernel->name()) / own,
                kernel->name().c_str());
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (!bench::start(argc, argv)) return 1;
  register_benchmarks();
  benchmark::RunSpecifiedBenchmarks();
  std::printf("\nsummary: layer 64->64 3x3 W4A4P4 column/column 128x128 2b, one image, one thread\n");
  for (const std::int64_t side : {8, 16}) print_ratios(side, 0);
  std::printf("\nsummary: the same with bit-serial inputs (4 cycles)\n");
  for (const std::int64_t side : {8, 16}) print_ratios(side, 1);
  std::printf("\nsummary: the same with 64 groups, 1 -> 1 each\n");
  for (const std::int64_t side : {8, 16}) print_depthwise(side);
  return 0;
}
