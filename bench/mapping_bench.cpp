// Time to map ResNet-50 on ISAAC, to verify that, to estimate ResNet-18 mapped on it and to simulate it as a
// pipeline. The targets are a second for the mapping, a millisecond for the estimate and 100 ms for the
// pipeline; the program says whether they are met, and what the pipeline costs over the closed form.
#include <cstdio>

#include "measurement.h"
#include "workloads.h"

#include "bitline/estimate/estimate.h"
#include "bitline/estimate/pipeline.h"
#include "bitline/frontend/zoo.h"
#include "bitline/hardware/spec_reader.h"
#include "bitline/mapping/map_network.h"
#include "bitline/mapping/tiling.h"
#include "bitline/mapping/verify_mapping.h"

namespace {

using namespace bitline;

constexpr double kMapSeconds = 1.0, kEstimateSeconds = 1e-3, kPipelineSeconds = 0.1;
constexpr int kRepeats = 5;

void print(const char* what, double seconds, double target) {
  std::printf("  %-32s %10.3f ms%s\n", what, seconds * 1e3,
              target == 0.0      ? ""
              : seconds < target ? ", target met"
                                 : ", TARGET MISSED");
}

}  // namespace

int main() {
  bench::print_machine();
  const hardware::HardwareSpec isaac = hardware::open_hardware(io::posix(), "isaac");
  const mapping::Chip chip = mapping::chip_of(isaac);
  const quant::QuantizedModel resnet50 = bench::all_on_arrays(frontend::zoo("resnet50", 0, 1), chip, 16);
  mapping::Mapping mapping;
  print("map resnet50 W16A16 on ISAAC",
        bench::best_seconds([&] { mapping = mapping::map_network(resnet50, chip, {}); }, kRepeats),
        kMapSeconds);
  print("verify it", bench::best_seconds([&] { mapping::verify_mapping(mapping, resnet50); }, kRepeats), 0.0);
  const quant::QuantizedModel resnet18 = bench::all_on_arrays(frontend::zoo("resnet18", 0, 1), chip, 16);
  mapping = mapping::map_network(resnet18, chip, {});
  const double estimated =
      bench::best_seconds([&] { estimate::estimate(mapping, isaac, {}, {}); }, 10 * kRepeats);
  print("estimate resnet18 mapped on it", estimated, kEstimateSeconds);
  const double simulated = bench::best_seconds(
      [&] { estimate::simulate_pipeline(mapping, resnet18, isaac, {}, {}); }, 10 * kRepeats);
  print("its pipeline, four pictures", simulated, kPipelineSeconds);
  std::printf("  %-32s %10.1f\n", "over the estimate", simulated / estimated);
  return 0;
}
