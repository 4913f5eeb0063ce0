// Data-dependent energy of VGG-8 on an RRAM chip from the activations of one picture and of 16: the integer
// network runs, digits are counted, and the mapped network is estimated with their densities. One thread; the
// target is a second for one picture, beside the float inference of the same network on the same pictures.
// Pictures are CIFAR-10's where BITLINE_DATA is set, noise otherwise; weights are fresh ones.
// Then the table of costs for a search: time of a mixed assignment, a microsecond a layer at most.
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "measurement.h"
#include "workloads.h"

#include "bitline/data/loader.h"
#include "bitline/data/sampler.h"
#include "bitline/estimate/array_costs.h"
#include "bitline/estimate/estimate.h"
#include "bitline/frontend/zoo.h"
#include "bitline/hardware/spec_reader.h"
#include "bitline/ir/fold.h"
#include "bitline/ir/interpreter.h"
#include "bitline/mapping/map_network.h"
#include "bitline/mapping/tiling.h"
#include "bitline/sim/activity.h"
#include "bitline/sim/calibrate.h"

namespace {

using namespace bitline;

constexpr double kSeconds = 1.0;        // for one picture
constexpr double kLayerSeconds = 1e-6;  // of an assignment
constexpr std::int64_t kAssignments = 100'000;
constexpr int kRepeats = 3;
constexpr std::int64_t kCalibrationImages = 2;

ir::Tensor pictures(std::int64_t count) {
  std::unique_ptr<data::Dataset> set;
  const bool real = std::getenv("BITLINE_DATA") != nullptr;
  data::DatasetOptions cifar;
  cifar.kind = "cifar10";
  if (real) set = data::open_dataset(cifar, data::Split::kTest);
  if (!real) set = std::make_unique<bench::NoiseImages>(count);
  data::Batch batch =
      data::read_batch(*set, data::sequential_order(0, count),
                       real ? data::default_normalization(cifar.kind) : data::Normalization{});
  return {{count, 3, 32, 32}, std::move(batch.pixels)};
}

quant::QuantizedModel on_arrays(const ir::Graph& graph, const hardware::HardwareSpec& spec) {
  const hardware::ArraySpec array = hardware::array_of(spec);
  sim::CalibrateOptions options;
  quant::parse_precision("W8A8Pideal", options.config);
  options.config.array_rows = array.rows;
  options.config.array_columns = array.columns;
  options.config.cell_bits = array.cell_bits;
  options.config.dac_bits = array.dac_bits;
  using mapping::Placement;
  options.policy = {Placement::kArray, Placement::kArray, Placement::kArray, {}};
  return sim::calibrate(graph, pictures(kCalibrationImages), options, Context{});
}

sim::BatchSource once(const ir::Tensor& images) {
  return [&images, done = false]() mutable -> std::optional<sim::LabelledBatch> {
    if (done) return std::nullopt;
    done = true;
    return sim::LabelledBatch{images, std::vector<int>(static_cast<std::size_t>(images.dim(0)), 0)};
  };
}

struct Chip {
  const hardware::HardwareSpec& spec;
  const quant::QuantizedModel& model;
  const sim::Network& network;

  estimate::Estimate full() const {
    return estimate::estimate(mapping::map_network(model, mapping::chip_of(spec), {}), spec, {}, {});
  }

  estimate::Estimate cost(const ir::Tensor& images) const {
    Context context;
    context.threads = 1;
    estimate::EstimateOptions options;
    for (const sim::LayerDigits& layer : sim::count_digits(network, once(images), context))
      options.layers[layer.node] = {layer.inputs.density(), layer.cells.density()};
    return estimate::estimate(mapping::map_network(model, mapping::chip_of(spec), {}), spec, {}, options);
  }
};

void measure(const Chip& chip, const ir::Graph& graph, std::int64_t count) {
  const ir::Tensor images = pictures(count);
  estimate::Estimate e;
  const double seconds = bench::best_seconds([&] { e = chip.cost(images); }, kRepeats);
  const double floats = bench::best_seconds([&] { ir::run_graph(graph, images); }, kRepeats);
  const char* verdict = count > 1 ? "" : seconds < kSeconds ? ", target met" : ", TARGET MISSED";
  std::printf("  %2d picture%s %9.1f ms = %.2fx float inference (%.1f ms)%s\n", static_cast<int>(count),
              count == 1 ? " " : "s", seconds * 1e3, seconds / floats, floats * 1e3, verdict);
  const estimate::Density& last = e.layers.back().density;
  std::printf("             %.2f uJ a picture = %.3fx full activity; inputs of %s %.3f, cells %.3f\n",
              e.energy * 1e6, e.energy / chip.full().energy, e.layers.back().node.c_str(), last.input,
              last.weight);
}

void measure_table(const hardware::HardwareSpec& spec) {
  const ir::Graph graph = frontend::zoo("resnet18", 0, 1);
  std::vector<estimate::Candidate> candidates;
  for (int bits = 1; bits <= 8; ++bits)
    candidates.push_back(
        {std::to_string(bits), bench::all_on_arrays(graph, mapping::chip_of(spec), bits), {}});
  std::unique_ptr<estimate::ArrayCosts> costs;
  const double build = bench::best_seconds(
      [&] { costs = std::make_unique<estimate::ArrayCosts>(candidates, spec, mapping::MappingOptions{}); },
      1);
  std::vector<std::uint8_t> choice(costs->layers());
  double sum = 0.0;
  const auto ask = [&] {
    for (std::int64_t i = 0; i < kAssignments; ++i) {
      const auto l = static_cast<std::size_t>(i) % choice.size();
      choice[l] = static_cast<std::uint8_t>((choice[l] + 3) % candidates.size());
      sum += costs->total(choice).energy;
    }
  };
  const double layer = bench::best_seconds(ask, kRepeats) / static_cast<double>(kAssignments) /
                       static_cast<double>(choice.size());
  std::printf(
      "costs of ResNet-18 on %s at 8 precisions: table in %.1f ms; %.1f ns a layer of an assignment%s "
      "(%.3g)\n",
      spec.name.c_str(), build * 1e3, layer * 1e9, layer < kLayerSeconds ? ", target met" : ", TARGET MISSED",
      sum);
}

}  // namespace

int main() {
  bench::print_machine();
  const hardware::HardwareSpec spec = hardware::open_hardware(io::posix(), "rram-128");
  const ir::Graph graph = ir::remove_dead_code(ir::fold_batch_norm(frontend::zoo("vgg8", 10, 1)));
  const quant::QuantizedModel model = on_arrays(graph, spec);
  const sim::Network network(model);
  std::printf("energy of VGG-8 W8A8 on %s from %s pictures\n", spec.name.c_str(),
              std::getenv("BITLINE_DATA") != nullptr ? "CIFAR-10" : "noise");
  for (const std::int64_t count : {1, 16}) measure({spec, model, network}, graph, count);
  measure_table(hardware::open_hardware(io::posix(), "isaac"));
  return 0;
}
