// Runs the real program as a child process in a folder of its own.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bitline::cli {

struct Outcome {
  int exit_code = -1;  // -1: killed by a signal
  std::string out;
  std::string err;
  double seconds = 0.0;
};

Outcome run_program(const std::vector<std::string>& arguments);

// A folder that goes with the object.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string path(const std::string& name) const { return (root_ / name).string(); }
  void write(const std::string& name, const std::string& text) const;
  std::string read(const std::string& name) const;
  std::vector<std::string> names() const;

 private:
  std::filesystem::path root_;
};

}  // namespace bitline::cli
