// Evaluation of ResNet-20 (W4A4P4 column/column) on noise images, one thread: time an image against the float
// interpreter, and peak memory for 128 and for 512 images, which must not differ by more than a tenth since
// an evaluation holds one batch. The program fails when they do.
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "measurement.h"
#include "workloads.h"
#include <benchmark/benchmark.h>

#include "bitline/ir/interpreter.h"
#include "bitline/sim/evaluate.h"

namespace {

using namespace bitline;

constexpr std::int64_t kBatch = 64;
constexpr std::int64_t kFewImages = 128;
constexpr std::int64_t kManyImages = 512;
constexpr double kTolerance = 0.1;

sim::BatchSource noise_batches(std::int64_t images) {
  return [left = images]() mutable -> std::optional<sim::LabelledBatch> {
    if (left <= 0) return std::nullopt;
    left -= kBatch;
    return sim::LabelledBatch{bench::random_tensor({kBatch, 3, 32, 32}), std::vector<int>(kBatch, 0)};
  };
}

// The peak before the first image, MiB, and the seconds of the evaluation.
std::vector<double> evaluate_timed(const sim::Forward& forward, std::int64_t images) {
  const double start = bench::peak_mib();
  return {start, bench::best_seconds([&] { sim::evaluate({forward}, noise_batches(images), Context{}); }, 1)};
}

std::vector<double> evaluate_arrays(std::int64_t images) {
  const sim::Network network(bench::array_resnet20());
  return evaluate_timed([&](const ir::Tensor& x, std::uint64_t) { return network.forward(x); }, images);
}

std::vector<double> evaluate_float(std::int64_t images) {
  const ir::Graph graph = bench::float_resnet20().graph;
  return evaluate_timed([&](const ir::Tensor& x, std::uint64_t) { return ir::run_graph(graph, x); }, images);
}

struct Case {
  const char* name;
  std::vector<double> (*evaluate)(std::int64_t images);
  std::int64_t images;
};

constexpr Case kArraysFew = {"evaluation/arrays/128", evaluate_arrays, kFewImages};
constexpr Case kArraysMany = {"evaluation/arrays/512", evaluate_arrays, kManyImages};
constexpr Case kFloatMany = {"evaluation/float/512", evaluate_float, kManyImages};

struct Figures {
  double start_mib = 0.0, seconds = 0.0, peak_mib = 0.0;
};
using Results = std::map<std::string, Figures>;

void measure(benchmark::State& state, const Case& which, Results& results) {
  Figures& figures = results[which.name];
  for (auto _ : state) {
    const bench::ChildReport report = bench::in_child([&] { return which.evaluate(which.images); });
    figures = {report.values.at(0), report.values.at(1), report.peak_mib};
    state.SetIterationTime(figures.seconds);
  }
  state.counters["start MiB"] = figures.start_mib;
  state.counters["peak MiB"] = figures.peak_mib;
  state.counters["images/s"] = static_cast<double>(which.images) / figures.seconds;
}

// Whether the memory is that of one batch; true when its cases were not run.
bool print_summary(const Results& results) {
  const auto few = results.find(kArraysFew.name), many = results.find(kArraysMany.name),
             floats = results.find(kFloatMany.name);
  std::printf("\nsummary: evaluation of ResNet-20 W4A4P4 column/column, batches of %d, one thread\n",
              static_cast<int>(kBatch));
  if (many != results.end() && floats != results.end())
    std::printf("  arrays vs float interpreter: %.1fx the time\n",
                many->second.seconds / floats->second.seconds);
  if (few == results.end() || many == results.end()) return true;
  const double ratio = many->second.peak_mib / few->second.peak_mib;
  const bool same = std::abs(ratio - 1.0) <= kTolerance;
  std::printf("  peak memory of 512 images vs 128: %.0f MiB vs %.0f MiB = %.2fx: %s\n", many->second.peak_mib,
              few->second.peak_mib, ratio, same ? "one batch is held" : "IT GROWS WITH THE IMAGES");
  return same;
}

}  // namespace

int main(int argc, char** argv) {
  if (!bench::start(argc, argv)) return 1;
  Results results;
  for (const Case& which : {kArraysFew, kArraysMany, kFloatMany})
    bench::add_case(which.name, 1,
                    [which, &results](benchmark::State& state) { measure(state, which, results); });
  benchmark::RunSpecifiedBenchmarks();
  return print_summary(results) ? 0 : 1;
}
