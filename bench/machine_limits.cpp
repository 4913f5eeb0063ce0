#include "machine_limits.h"

#include <cstddef>

#include "calibrators.h"
#include "measurement.h"
#include <benchmark/benchmark.h>

#include "bitline/base/cpu.h"

namespace bitline::bench {

namespace {

constexpr int kRepeats = 20;
constexpr std::size_t kRows = 1000;

double conversions_per_second(void (*convert_row)(Columns&)) {
  Columns columns;
  const double seconds = best_seconds(
      [&] {
        for (std::size_t r = 0; r < kRows; ++r) {
          convert_row(columns);
          benchmark::DoNotOptimize(columns.y);
        }
      },
      kRepeats);
  return static_cast<double>(kColumns * kRows) / seconds;
}

const Calibrators* calibrators(std::string_view instructions) {
  const CpuFeatures& cpu = cpu_features();
  const bool avx512 = cpu.avx512 && cpu.avx512_vnni;
  const struct {
    std::string_view name;
    bool runs;
    const Calibrators* (*get)();
  } sets[] = {{"avx2", cpu.avx2 && cpu.fma, avx2_calibrators},
              {"vnni", avx512, vnni_calibrators},
              {"amx", avx512 && cpu.amx_int8, amx_calibrators}};
  for (const auto& set : sets) {
    if (set.name == instructions) return set.runs ? set.get() : nullptr;
  }
  return nullptr;
}

}  // namespace

MachineLimits measure_limits(std::string_view instructions) {
  const Calibrators* c = calibrators(instructions);
  if (c == nullptr) return {};
  return {c->byte_macs * kRounds / best_seconds(c->byte_rounds, kRepeats),
          c->float_macs * kRounds / best_seconds(c->float_rounds, kRepeats),
          conversions_per_second(c->float_row), conversions_per_second(c->fixed_row)};
}

}  // namespace bitline::bench
