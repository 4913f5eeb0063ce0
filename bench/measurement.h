// How the benchmarks measure: processor time, since everything measured runs on one thread and other programs
// may be busy; whole cases in child processes, so that the peak memory is of one case alone; and the facts of
// the machine, without which the figures mean nothing.
#pragma once

#include <functional>
#include <vector>

#include <benchmark/benchmark.h>

namespace bitline::bench {

// Processor time of this process so far, all threads together, seconds.
double cpu_seconds();

double wall_seconds();  // since an arbitrary start

// Wall time of the fastest of `repeats` calls, seconds.
double best_wall_seconds(const std::function<void()>& run, int repeats);

// Processor time of the fastest of `repeats` calls, seconds.
double best_seconds(const std::function<void()>& run, int repeats);

// Peak resident memory of this process so far, MiB.
double peak_mib();

struct ChildReport {
  std::vector<double> values;  // what `work` returned
  double peak_mib = 0.0;       // of the child, from its start to its end
};

// Runs `work` in a forked child. Call it before this process starts threads or takes much memory: the child
// begins with the memory of its parent. Error{kFailure} when the child ends early.
ChildReport in_child(const std::function<std::vector<double>()>& work);

// Registers a case that measures itself, since it runs in a child.
void add_case(const char* name, int iterations, const std::function<void(benchmark::State&)>& measure);

// Reads the benchmark library's options, prints the machine. False when an option is unknown.
bool start(int argc, char** argv);

// A table of processor, instruction sets, threads, memory, compiler, and the load by other programs.
void print_machine();

}  // namespace bitline::bench
