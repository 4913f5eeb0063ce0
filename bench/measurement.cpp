#include "measurement.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <limits>
#include <span>
#include <string>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bitline/base/cpu.h"
#include "bitline/base/error.h"

namespace bitline::bench {

namespace {

constexpr double kKibInMib = 1024.0;

// The value of a "key : value" line of a file under /proc; "unknown" when there is none.
std::string proc_value(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || !line.starts_with(key)) continue;
    const std::size_t first = line.find_first_not_of(" \t", colon + 1);
    return first == std::string::npos ? "" : line.substr(first);
  }
  return "unknown";
}

// The fastest of `repeats` calls by a clock.
double best_of(double (*now)(), const std::function<void()>& run, int repeats) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < repeats; ++i) {
    const double start = now();
    run();
    best = std::min(best, now() - start);
  }
  return best;
}

std::string load_text() {
  double load[1] = {};
  if (getloadavg(load, 1) != 1) return "unknown";
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", load[0]);
  return text;
}

void write_values(int pipe_end, const std::vector<double>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = write(pipe_end, bytes.data() + done, bytes.size() - done);
    if (count <= 0) _exit(EXIT_FAILURE);
    done += static_cast<std::size_t>(count);
  }
}

[[noreturn]] void be_child(int pipe_end, const std::function<std::vector<double>()>& work) {
  try {
    write_values(pipe_end, work());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    _exit(EXIT_FAILURE);
  }
  _exit(EXIT_SUCCESS);
}

std::vector<double> read_values(int pipe_end) {
  std::vector<double> values;
  double value = 0.0;
  while (read(pipe_end, &value, sizeof value) == ssize_t{sizeof value}) values.push_back(value);
  return values;
}

[[noreturn]] void fail(const std::string& message) {
  throw Error(ErrorCode::kFailure, message);
}

}  // namespace

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double best_wall_seconds(const std::function<void()>& run, int repeats) {
  return best_of(wall_seconds, run, repeats);
}

double best_seconds(const std::function<void()>& run, int repeats) {
  return best_of(cpu_seconds, run, repeats);
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / kKibInMib;
}

ChildReport in_child(const std::function<std::vector<double>()>& work) {
  int ends[2];
  if (pipe(ends) != 0) fail("cannot make a pipe to a child process");
  const pid_t child = fork();
  if (child < 0) fail("cannot start a child process");
  if (child == 0) be_child(ends[1], work);
  close(ends[1]);
  ChildReport report;
  report.values = read_values(ends[0]);
  close(ends[0]);
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS)
    fail("a measurement ended early");
  report.peak_mib = static_cast<double>(usage.ru_maxrss) / kKibInMib;
  return report;
}

void add_case(const char* name, int iterations, const std::function<void(benchmark::State&)>& measure) {
  benchmark::RegisterBenchmark(name, measure)
      ->UseManualTime()
      ->Iterations(iterations)
      ->Unit(benchmark::kMillisecond);
}

bool start(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return false;
  print_machine();
  return true;
}

void print_machine() {
  std::printf("machine\n");
  std::printf("  processor         %s\n", proc_value("/proc/cpuinfo", "model name").c_str());
  std::printf("  instruction sets  %s\n", cpu_features().text().c_str());
  std::printf("  threads           %d\n", hardware_threads());
  std::printf("  memory            %s\n", proc_value("/proc/meminfo", "MemTotal").c_str());
  std::printf("  compiler          %s\n", __VERSION__);
  std::printf("  load at start     %s (0 = nothing else runs)\n\n", load_text().c_str());
  std::fflush(stdout);
}

}  // namespace bitline::bench
