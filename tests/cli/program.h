// Runs the real program as a child process in a folder of its own.
#pragma once

#include <filesystem>
#include <functional>
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

// The same, but sent the signal as soon as the file exists; `look` is called just before, with the process
// id.
Outcome signal_when(
    const std::vector<std::string>& arguments, const std::string& file, int signal,
    const std::function<void(int)>& look = [](int) {});

// This exit code, nothing on stdout, and one line on stderr that holds all the parts.
void expect_error(const Outcome& outcome, int code, const std::vector<std::string>& parts);

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
  bool exists(const std::string& name) const;
  void remove(const std::string& name) const;
  std::vector<std::string> names() const;  // of files and folders in it, sorted

 private:
  std::filesystem::path root_;
};

}  // namespace bitline::cli
