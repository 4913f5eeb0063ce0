// The engine against the field and against the machine, in one run: the LibTorch-composed operator with
// partial sums as tensors, float LibTorch, and what the processor can do at most. Workloads: one convolution
// 64 -> 64, 3x3, on 16x16 pixels, batch 128, and ResNet-20, both W4A4P4 column/column in 128x128 arrays of
// 2-bit cells. Ratios only: times of a shared machine lie. `./dev bench --compare`; with a folder as argument
// the figures are written there.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "machine_limits.h"
#include "measurement.h"
#include "training_steps.h"
#include "workloads.h"
#include <torch/torch.h>

#include "bitline/app/session.h"
#include "bitline/base/cpu.h"
#include "bitline/sim/calibrate.h"
#include "bitline/sim/evaluate.h"
#include "bitline/train/graph_net.h"
#include "bitline/train/torch.h"

namespace {

using namespace bitline;

constexpr std::int64_t kBatch = 128;
constexpr std::int64_t kSide = 16;
constexpr int kRepeats = 5;

result::Table ratio_table() {
  return {"ratios", "Ratios", {{"what", "what"}, {"ratio", "ratio"}, {"target", "target"}}, {}};
}

class Ratios {
 public:
  void add(const std::string& what, double ratio, const std::string& target) {
    table_.rows.push_back({what, ratio, target});
    std::fprintf(stderr, "  %-86s %8.2f   target %s\n", what.c_str(), ratio, target.c_str());
  }
  result::Table table() const { return table_; }

 private:
  result::Table table_ = ratio_table();
};

torch::Tensor random_images(std::vector<std::int64_t> sizes) {
  torch::manual_seed(1);
  return torch::rand(sizes);
}

// One layer, as kernels and as LibTorch see it.
class Layer {
 public:
  Layer() : made_(kSide, 0), program_(compile()) {
    const mapping::LayerShape& shape = program_.tiling.shape;
    const ir::Tensor x = train::to_ir(random_images({kBatch, shape.in_channels, kSide, kSide}));
    last_ = sim::to_channels_last(x);
    codes_.resize(last_.size());
    quantize();
    x_ = train::to_torch(x);
    y_.resize(static_cast<std::size_t>(kBatch * shape.out_channels * kSide * kSide));
  }

  const sim::LayerProgram& program() const { return program_; }
  const torch::Tensor& x() const { return x_; }
  const quant::QuantizedModel& model() const { return made_.model; }

  double macs() const {
    return static_cast<double>(kBatch * kSide * kSide) * static_cast<double>(program_.cells.size());
  }
  double conversions() const {
    return static_cast<double>(kBatch * kSide * kSide * program_.tiling.grid.columns());
  }

  double quantization_seconds() {
    return bench::best_seconds([this] { quantize(); }, kRepeats);
  }
  // From codes.
  double seconds(const sim::CimKernel& kernel) {
    const auto prepared = kernel.prepare(program_);
    const std::size_t in = codes_.size() / kBatch, out = y_.size() / kBatch;
    return bench::best_seconds(
        [&] {
          for (std::size_t n = 0; n < kBatch; ++n)
            prepared->run({std::span(codes_).subspan(n * in, in), {kSide, kSide}},
                          std::span(y_).subspan(n * out, out));
        },
        kRepeats);
  }

 private:
  void quantize() {
    quant::lsq_codes(last_.data, program_.activation_scale, program_.activation_range, codes_);
  }

  sim::LayerProgram compile() const {
    const auto& [name, state] = *made_.model.layers.begin();
    return sim::compile_node(made_.model.graph, *made_.model.graph.find_node(name), state);
  }

  bench::ConvLayer made_;
  sim::LayerProgram program_;
  ir::Tensor last_;  // the images, channels-last
  std::vector<quant::Code> codes_;
  torch::Tensor x_;
  std::vector<float> y_;
};

double forward_seconds(const quant::QuantizedModel& model, const char* cim_operator, const torch::Tensor& x) {
  const torch::NoGradGuard no_gradient;
  const train::GraphNet net(model, {"cpu", cim_operator});
  return bench::best_seconds([&] { net.forward(x, train::BatchNormMode::kFixed, nullptr); }, kRepeats);
}

// A kernel against what its instructions allow. Without tiles, products and converters use the same vector
// units, so that nothing can reach the larger of the two alone; the target is set for it all the same.
void compare_with_limit(Layer& layer, const sim::CimKernel& kernel, Ratios& ratios) {
  const bench::MachineLimits limits = bench::measure_limits(kernel.name());
  if (limits.byte_macs == 0.0) return;
  const double macs = layer.macs() / limits.byte_macs, adc = layer.conversions() / limits.float_conversions;
  const double seconds = layer.seconds(kernel);
  const std::string where = "kernel " + kernel.name();
  ratios.add(where + ": share of the limit, the larger of byte products and converters",
             std::max(macs, adc) / seconds, ">= 0.5");
  ratios.add(where + ": share of the limit, byte products and converters", (macs + adc) / seconds, "-");
  ratios.add(where + ": byte products / (byte products + converters) at the limit", macs / (macs + adc), "-");
  ratios.add(where + ": converter steps a second, 16-bit fixed point / fp32",
             limits.fixed_conversions / limits.float_conversions, "-");
  ratios.add(where + ": byte products a second / fp32 products a second",
             limits.byte_macs / limits.float_macs, "-");
}

void compare_layer(Ratios& ratios) {
  Layer layer;
  for (const sim::CimKernel* kernel : sim::cim_kernels()) {
    if (kernel->decline(layer.program()).empty()) compare_with_limit(layer, *kernel, ratios);
  }
  const double engine = layer.seconds(sim::choose_kernel("auto", layer.program()));
  const double from_floats = engine + layer.quantization_seconds();
  quant::QuantizedModel floats = layer.model();
  floats.layers.clear();
  ratios.add("layer: LibTorch-composed operator / engine, both from floats",
             forward_seconds(layer.model(), "composed", layer.x()) / from_floats, ">= 25");
  ratios.add("layer: engine / float convolution in LibTorch",
             from_floats / forward_seconds(floats, "auto", layer.x()), "-");
  for (const sim::CimKernel* kernel : sim::cim_kernels()) {
    if (kernel->name() == "reference" || !kernel->decline(layer.program()).empty()) continue;
    const bool plain = kernel->name() == "blocked" || kernel->name() == "portable";
    ratios.add("layer: kernel " + kernel->name() + " / engine", layer.seconds(*kernel) / engine,
               plain ? "-" : "<= 5");
  }
}

// Forward and backward of the layer's shape in LibTorch.
double convolution_seconds(torch::ScalarType type, torch::MemoryFormat layout) {
  const auto prepared = [&](std::vector<std::int64_t> sizes) {
    return random_images(std::move(sizes)).to(type).contiguous(layout).set_requires_grad(true);
  };
  const torch::Tensor x = prepared({kBatch, 64, kSide, kSide}), w = prepared({64, 64, 3, 3});
  const torch::Tensor dy = torch::ones_like(x);
  return bench::best_seconds(
      [&] {
        const torch::Tensor y = torch::conv2d(x, w, {}, 1, 1);
        torch::autograd::grad({y}, {x, w}, {dy});
      },
      kRepeats);
}

// What the float side of training is made of.
void compare_layouts(Ratios& ratios) {
  const double last = convolution_seconds(torch::kFloat32, torch::MemoryFormat::ChannelsLast);
  ratios.add("LibTorch convolution, both passes: channels-first / channels-last",
             convolution_seconds(torch::kFloat32, torch::MemoryFormat::Contiguous) / last, "-");
  ratios.add("LibTorch convolution, both passes: bfloat16 / float32, channels-last",
             convolution_seconds(torch::kBFloat16, torch::MemoryFormat::ChannelsLast) / last, "-");
}

// Pixels in, accuracy out.
double evaluation_seconds(const std::vector<sim::Forward>& forwards, std::int64_t images, int threads) {
  Context context;
  context.threads = threads;
  const bench::NoiseImages noise(images);
  const auto source = [&, next = std::int64_t{0}]() mutable -> std::optional<sim::LabelledBatch> {
    if (next >= images) return std::nullopt;
    sim::LabelledBatch batch{ir::Tensor({kBatch, 3, 32, 32}), std::vector<int>(kBatch, 0)};
    const std::size_t each = batch.images.size() / kBatch;
    for (std::size_t n = 0; n < kBatch; ++n, ++next)
      noise.read(next, std::span(batch.images.data).subspan(n * each, each));
    return batch;
  };
  const auto run = [&] { sim::evaluate(forwards, source, context); };
  return threads == 1 ? bench::best_seconds(run, 3) : bench::best_wall_seconds(run, 3);
}

double network_seconds(const sim::Network& network, std::int64_t images, int threads) {
  return evaluation_seconds({[&](const ir::Tensor& x, std::uint64_t) { return network.forward(x); }}, images,
                            threads);
}

// Float LibTorch on whole batches, reading and counting included.
double float_seconds(const quant::QuantizedModel& model) {
  const torch::NoGradGuard no_gradient;
  const train::GraphNet net(model, {"cpu", "auto"});
  const bench::NoiseImages noise(kBatch);
  ir::Tensor batch({kBatch, 3, 32, 32});
  const std::size_t each = batch.size() / kBatch;
  return bench::best_seconds(
      [&] {
        for (std::size_t n = 0; n < kBatch; ++n)
          noise.read(static_cast<std::int64_t>(n), std::span(batch.data).subspan(n * each, each));
        net.forward(train::to_torch(batch), train::BatchNormMode::kFixed, nullptr).argmax(1);
      },
      kRepeats);
}

quant::QuantizedModel bit_serial_resnet20() {
  sim::CalibrateOptions options;
  options.config.activation_bits = 8;
  options.config.dac_bits = 1;
  return sim::calibrate(bench::float_resnet20().graph, bench::random_tensor({2, 3, 32, 32}), options,
                        Context{});
}

void compare_evaluation(Ratios& ratios) {
  const quant::QuantizedModel model = bench::array_resnet20();
  quant::QuantizedModel floats = model;
  floats.layers.clear();
  const sim::Network network(model), serial(bit_serial_resnet20());
  const double engine = network_seconds(network, kBatch, 1), torch_float = float_seconds(floats);
  ratios.add("ResNet-20 evaluation: float LibTorch / engine", torch_float / engine, ">= 3");
  ratios.add("ResNet-20 evaluation, 8-bit inputs in 8 cycles: float LibTorch / engine",
             torch_float / network_seconds(serial, kBatch, 1), ">= 0.7");
  if (hardware_threads() > 1) {
    ratios.add("ResNet-20 evaluation: one thread / two threads (wall time)",
               bench::best_wall_seconds([&] { network_seconds(network, 2 * kBatch, 1); }, 1) /
                   bench::best_wall_seconds([&] { network_seconds(network, 2 * kBatch, 2); }, 1),
               ">= 1.8");
  }
  std::vector<sim::Network> chips;
  for (std::uint64_t chip = 0; chip < 20; ++chip)
    chips.push_back(network.on_chip({"lognormal", 0.1}, 1, chip));
  std::vector<sim::Forward> forwards;
  for (const sim::Network& chip : chips)
    forwards.emplace_back([&chip](const ir::Tensor& x, std::uint64_t) { return chip.forward(x); });
  ratios.add("ResNet-20 evaluation: 20 chips with variation / one ideal chip",
             evaluation_seconds(forwards, kBatch, 1) / engine, "<= 15");
}

struct Steps {
  double seconds, peak_mib;
};

Steps steps_of(const bench::TrainingCase& which, const bench::StepCount& count) {
  const bench::ChildReport report = bench::in_child([&] { return bench::training_steps(which, count); });
  return {*std::min_element(report.values.begin() + 1, report.values.end()), report.peak_mib};
}

void compare_training(Ratios& ratios) {
  const Steps fused = steps_of(bench::kFusedSteps, {kBatch, 3, 1});
  const Steps floats = steps_of(bench::kFloatSteps, {kBatch, 3, 1});
  const Steps composed = steps_of(bench::kComposedSteps, {kBatch, 3, 1});
  ratios.add("ResNet-18 float step: bfloat16 / float32 convolutions",
             steps_of(bench::kBfloatSteps, {kBatch, 3, 1}).seconds /
                 steps_of(bench::kResnet18Steps, {kBatch, 3, 1}).seconds,
             "-");
  ratios.add("ResNet-20 QAT step: engine / float LibTorch step", fused.seconds / floats.seconds, "<= 0.8");
  ratios.add("ResNet-20 QAT step: peak memory, engine / float", fused.peak_mib / floats.peak_mib, "<= 2");
  ratios.add("ResNet-20 QAT step: composed / engine", composed.seconds / fused.seconds, ">= 10");
  ratios.add("ResNet-20 QAT step: peak memory above that of the float step, engine / composed",
             (fused.peak_mib - floats.peak_mib) / (composed.peak_mib - floats.peak_mib), "<= 0.2");
  if (hardware_threads() < 2) return;
  const Steps one = steps_of(bench::kFusedSteps, {kBatch, 3, 1}),
              two = steps_of(bench::kFusedSteps, {kBatch, 3, 2});
  ratios.add("ResNet-20 QAT step: one thread / two threads", one.seconds / two.seconds, ">= 1.8");
}

}  // namespace

int main(int argc, char** argv) {
  bench::print_machine();
  app::RunOptions options;
  options.threads = 1;
  app::Session session(options, "bench_compare");
  Ratios ratios;
  compare_training(ratios);  // first: its cases are children that start from this process's memory
  at::set_num_threads(1);
  compare_layouts(ratios);
  compare_layer(ratios);
  compare_evaluation(ratios);
  result::Record record;
  record.title = "The engine against the field and the machine";
  record.add("processor", cpu_features().text());
  record.tables.push_back(ratios.table());
  session.show(record);
  if (argc > 1) session.write(argv[1], record);
  return 0;
}
