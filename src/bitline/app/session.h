// One run of the program: its clock, cancel token and output, handed to the command.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "bitline/base/context.h"
#include "bitline/io/filesystem.h"
#include "bitline/report/result_files.h"
#include "bitline/result/record.h"

namespace bitline::app {

struct RunOptions {
  std::uint64_t seed = 1;
  int threads = 0;  // 0 = all cores
  std::string format = "text";
  bool quiet = false;
};

class Session {
 public:
  Session(RunOptions options, std::string command_line);

  const Context& context() const { return context_; }
  io::FileSystem& files() const { return io::posix(); }
  const RunOptions& options() const { return options_; }

  void note(const std::string& line) const;       // to stderr, unless quiet
  void add_input(const std::string& path);        // its hash goes to the manifest
  std::set<std::string> take_inputs();            // added since the last call
  void show(const result::Record& record) const;  // to stdout, as text or JSON
  report::Manifest manifest() const;
  void write(const std::string& folder, const result::Record& record) const;  // result.json + manifest.json

 private:
  RunOptions options_;
  Context context_;
  report::Manifest manifest_;
  std::set<std::string> new_inputs_;
  double start_;
};

// Of a file, or of a description that the program holds (hardware::builtin_path); empty when there is none.
std::optional<std::string> input_hash(io::FileSystem& fs, const std::string& path);

std::string version_text();
double unix_time();

}  // namespace bitline::app
