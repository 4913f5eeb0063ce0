// One layer (64 -> 64, 3x3, W4A4P4, 2-bit cells, 128x128 arrays) on one image and one thread: every kernel
// that this processor has against the reference kernel and the float convolution, bit-serial inputs against
// all input bits at once, depthwise layers, cells with variation, read noise, and the backward pass through
// the converters.
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "measurement.h"
#include "workloads.h"
#include <benchmark/benchmark.h>

#include "bitline/ir/interpreter.h"
#include "bitline/sim/network.h"
#include "bitline/sim/variation.h"
#include "bitline/sim/wordlines.h"

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

// The layer in one of its forms.
struct Form {
  const char* name;
  int dac_bits = 0;
  bool depthwise = false;
  const char* variation = "";  // of the cells, or read noise
};

constexpr Form kPlain{"layer"}, kBitSerial{"layer_bit_serial", 1}, kDepthwise{"layer_depthwise", 0, true};
constexpr Form kForms[] = {kPlain,
                           kBitSerial,
                           kDepthwise,
                           {"layer_lognormal", 0, false, "lognormal:0.1"},
                           {"layer_read_noise", 0, false, "read:0.1"}};

sim::Network network_of(const bench::ConvLayer& layer, const Form& form, const std::string& kernel) {
  sim::Network network(layer.model, kernel);
  return *form.variation == 0 ? std::move(network)
                              : network.on_chip(sim::parse_variation(form.variation), 1, 0);
}

void array_layer(benchmark::State& state, const std::string& kernel, const Form& form) {
  const bench::ConvLayer layer(state.range(0), form.dac_bits, form.depthwise);
  const sim::Network network = network_of(layer, form, kernel);
  for (auto _ : state) benchmark::DoNotOptimize(network.forward(layer.x));
  state.counters["ADC conversions/s"] =
      benchmark::Counter(conversions_per_image(*network.programs().front(), state.range(0)),
                         benchmark::Counter::kIsIterationInvariantRate);
}

void float_layer(benchmark::State& state) {
  const bench::ConvLayer layer(state.range(0), 0);
  for (auto _ : state) benchmark::DoNotOptimize(run_float(layer));
}

// What the backward pass asks of a kernel: the gates of all row tiles, and the gradients of their converters.
class Gates {
 public:
  Gates(const sim::LayerProgram& program, std::int64_t side, const sim::CimKernel& kernel)
      : program_(program), prepared_(kernel.prepare(program)), geometry_(program.tiling.shape, {side, side}) {
    const auto pixels = static_cast<std::size_t>(geometry_.pixels());
    const auto outputs = static_cast<std::size_t>(program.tiling.shape.out_channels);
    dy_.assign(pixels * outputs, 0.5f);
    gated_.assign(pixels * outputs, 0.0f);
    step_.resize(static_cast<std::size_t>(program.tiling.grid.slices) * outputs);
    centre_ = step_;
    const std::vector<quant::Code> codes(
        static_cast<std::size_t>(side * side * program.tiling.shape.in_channels), quant::Code{3});
    const sim::WordlineBytes digits(geometry_, codes, 1, program.input_slices[0], program.pad_code);
    for (std::size_t t = 0; t < program.tiling.tiles.size(); ++t) {
      const std::size_t stride = prepared_->row_stride(t);
      std::vector<std::uint8_t> rows(pixels * stride + sim::WordlineBytes::kOverrun);
      digits.gather(program.tiling.tiles[t].first_channel, program.tiling.tiles[t].channels, 0,
                    geometry_.pixels(), stride, rows.data());
      rows_.push_back(std::move(rows));
    }
  }

  void run() {
    for (std::size_t t = 0; t < rows_.size(); ++t)
      prepared_->gate({t, 0, 0}, {rows_[t].data(), geometry_.pixels(), prepared_->row_stride(t)},
                      {dy_.data(), gated_.data(), step_.data(), centre_.data(), nullptr});
  }

 private:
  const sim::LayerProgram& program_;
  std::unique_ptr<sim::PreparedLayer> prepared_;
  sim::WindowGeometry geometry_;
  std::vector<std::vector<std::uint8_t>> rows_;  // of each tile
  std::vector<float> dy_, gated_, step_, centre_;
};

void array_layer_gates(benchmark::State& state, const sim::CimKernel& kernel) {
  const bench::ConvLayer layer(state.range(0), 0);
  const sim::Network network(layer.model, kernel.name());
  Gates gates(*network.programs().front(), state.range(0), kernel);
  for (auto _ : state) gates.run();
}

// Kernels that this processor has and that take the layer.
std::vector<const sim::CimKernel*> kernels_for(const Form& form) {
  const bench::ConvLayer layer(8, form.dac_bits, form.depthwise);
  const sim::Network network = network_of(layer, form, "auto");
  std::vector<const sim::CimKernel*> kernels;
  for (const sim::CimKernel* kernel : sim::cim_kernels()) {
    if (kernel->decline(*network.programs().front()).empty()) kernels.push_back(kernel);
  }
  return kernels;
}

void add_benchmark(const std::string& name, const std::function<void(benchmark::State&)>& run) {
  benchmark::RegisterBenchmark(name.c_str(), run)->Arg(8)->Arg(16)->Unit(benchmark::kMicrosecond);
}

void register_benchmarks() {
  for (const Form& form : kForms) {
    for (const sim::CimKernel* kernel : kernels_for(form))
      add_benchmark(std::string(form.name) + "/" + kernel->name(),
                    [kernel, &form](benchmark::State& state) { array_layer(state, kernel->name(), form); });
  }
  for (const sim::CimKernel* kernel : kernels_for(kPlain))
    add_benchmark("layer_gates/" + kernel->name(),
                  [kernel](benchmark::State& state) { array_layer_gates(state, *kernel); });
  add_benchmark("float_layer", float_layer);
}

double kernel_seconds(const bench::ConvLayer& layer, const std::string& kernel) {
  const sim::Network network(layer.model, kernel);
  return bench::best_seconds([&] { network.forward(layer.x); },
                             kernel == "reference" ? kSlowRepeats : kRepeats);
}

// The sides of a ratio run one after the other, so that a busy machine slows both.
void print_ratios(std::int64_t side, const Form& form) {
  const bench::ConvLayer layer(side, form.dac_bits);
  const double floats = bench::best_seconds([&] { run_float(layer); }, kRepeats);
  const double reference = kernel_seconds(layer, "reference");
  for (const sim::CimKernel* kernel : kernels_for(form)) {
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
  for (const sim::CimKernel* kernel : kernels_for(kDepthwise)) {
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
  for (const std::int64_t side : {8, 16}) print_ratios(side, kPlain);
  std::printf("\nsummary: the same with bit-serial inputs (4 cycles)\n");
  for (const std::int64_t side : {8, 16}) print_ratios(side, kBitSerial);
  std::printf("\nsummary: the same with 64 groups, 1 -> 1 each\n");
  for (const std::int64_t side : {8, 16}) print_depthwise(side);
  return 0;
}
