// One step of quantization-aware training: ResNet-20 (W4A4P4 column/column), batch 32, noise images of
// CIFAR's shape, one thread. The fused operator against the composed one and against a float step. Each case
// is a child process, so that its peak memory is its own.
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "measurement.h"
#include "training_steps.h"
#include <benchmark/benchmark.h>

namespace {

using namespace bitline;
using bench::StepCount, bench::TrainingCase, bench::kComposedSteps, bench::kFloatSteps, bench::kFusedSteps;

constexpr StepCount kCount = {32, 5, 1};

struct Figures {
  double step_seconds = 0.0, start_mib = 0.0, peak_mib = 0.0;
};
using Results = std::map<std::string, Figures>;

// The child has run all steps; the loop only hands their times to the report.
void measure(benchmark::State& state, const TrainingCase& which, Results& results) {
  const bench::ChildReport report = bench::in_child([&] { return bench::training_steps(which, kCount); });
  const std::vector<double> steps(report.values.begin() + 1, report.values.end());
  std::size_t next = 0;
  for (auto _ : state) state.SetIterationTime(steps.at(next++));
  const Figures figures = {*std::min_element(steps.begin(), steps.end()), report.values.at(0),
                           report.peak_mib};
  results[which.name] = figures;
  state.counters["best ms"] = figures.step_seconds * 1e3;
  state.counters["start MiB"] = figures.start_mib;
  state.counters["peak MiB"] = figures.peak_mib;
}

void print_ratio(const char* text, const Figures& a, const Figures& b) {
  const double a_steps = a.peak_mib - a.start_mib, b_steps = b.peak_mib - b.start_mib;
  std::printf("  %s: %.2fx the time\n", text, a.step_seconds / b.step_seconds);
  std::printf("  %s: %.2fx the peak memory (%.0f vs %.0f MiB)\n", text, a.peak_mib / b.peak_mib, a.peak_mib,
              b.peak_mib);
  std::printf("  %s: %.2fx the memory above the start (%.0f vs %.0f MiB)\n", text, a_steps / b_steps, a_steps,
              b_steps);
}

void print_summary(const Results& results) {
  std::printf("\nsummary: one training step of ResNet-20 W4A4P4 column/column, batch %d, one thread\n",
              kCount.batch);
  const auto fused = results.find(kFusedSteps.name), composed = results.find(kComposedSteps.name),
             floats = results.find(kFloatSteps.name);
  if (fused == results.end()) return;
  if (composed != results.end()) print_ratio("composed vs fused", composed->second, fused->second);
  if (floats != results.end()) print_ratio("fused vs float", fused->second, floats->second);
}

}  // namespace

int main(int argc, char** argv) {
  if (!bench::start(argc, argv)) return 1;
  Results results;
  for (const TrainingCase& which : {kFusedSteps, kComposedSteps, kFloatSteps})
    bench::add_case(which.name, kCount.steps,
                    [which, &results](benchmark::State& state) { measure(state, which, results); });
  benchmark::RunSpecifiedBenchmarks();
  print_summary(results);
  return 0;
}
