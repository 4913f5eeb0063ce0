#include "program.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bitline::cli {

namespace {

std::string slurp(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void redirect(const std::string& path, int descriptor) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(file, descriptor);
  close(file);
}

pid_t start(const std::vector<std::string>& arguments, const Scratch& scratch) {
  std::vector<std::string> words = {BITLINE_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  redirect(scratch.path("out"), STDOUT_FILENO);
  redirect(scratch.path("err"), STDERR_FILENO);
  execv(argv[0], argv.data());
  _exit(127);
}

Outcome outcome_of(int status, const Scratch& scratch) {
  Outcome outcome;
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome.out = scratch.read("out");
  outcome.err = scratch.read("err");
  return outcome;
}

}  // namespace

Outcome run_program(const std::vector<std::string>& arguments) {
  const Scratch scratch;
  const auto begin = std::chrono::steady_clock::now();
  int status = 0;
  waitpid(start(arguments, scratch), &status, 0);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  Outcome outcome = outcome_of(status, scratch);
  outcome.seconds = seconds.count();
  return outcome;
}

Outcome signal_when(const std::vector<std::string>& arguments, const std::string& file, int signal,
                    const std::function<void(int)>& look) {
  const Scratch scratch;
  const pid_t child = start(arguments, scratch);
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::filesystem::exists(file)) {
      look(child);
      kill(child, signal);
      waitpid(child, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return outcome_of(status, scratch);
}

void expect_error(const Outcome& o, int code, const std::vector<std::string>& parts) {
  EXPECT_EQ(o.exit_code, code) << o.err;
  EXPECT_EQ(o.out, "");
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  for (const std::string& part : parts)
    EXPECT_NE(o.err.find(part), std::string::npos) << "'" << part << "' in: " << o.err;
}

Scratch::Scratch() {
  std::string pattern = (std::filesystem::temp_directory_path() / "bitline-cli-XXXXXX").string();
  root_ = mkdtemp(pattern.data());
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

void Scratch::write(const std::string& name, const std::string& text) const {
  std::ofstream(root_ / name, std::ios::binary) << text;
}

std::string Scratch::read(const std::string& name) const {
  return slurp(root_ / name);
}

bool Scratch::exists(const std::string& name) const {
  return std::filesystem::exists(root_ / name);
}

void Scratch::remove(const std::string& name) const {
  std::filesystem::remove(root_ / name);
}

std::vector<std::string> Scratch::names() const {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(root_))
    out.push_back(entry.path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace bitline::cli
