// How the program starts: fast, and without LibTorch.
#include <algorithm>
#include <cstdio>
#include <string>

#include "figures.h"
#include <gtest/gtest.h>

namespace bitline::cli {
namespace {

constexpr double kSoon = 0.05;  // seconds

// The fastest of many runs, as soon as one is fast enough: what the program needs, not what else the machine
// does.
double fastest_run(const Words& words) {
  double fastest = 1.0;
  for (int i = 0; i < 60 && fastest >= kSoon; ++i) {
    const Outcome o = run_program(words);
    EXPECT_EQ(o.exit_code, 0) << o.err;
    fastest = std::min(fastest, o.seconds);
  }
  return fastest;
}

TEST(Start, PrintsItsVersionInUnderFiftyMilliseconds) {
  EXPECT_EQ(run_program({"--version"}).out, "bitline 0.1.0\n");
  EXPECT_LT(fastest_run({"--version"}), kSoon);
}

// What a shell command prints.
std::string shell_output(const std::string& command, int& status) {
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {};
  std::string out;
  char buffer[512];
  while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) out += buffer;
  status = pclose(pipe);
  return out;
}

TEST(Start, IsNotLinkedToLibTorch) {
  int status = -1;
  const std::string libraries = shell_output("ldd " BITLINE_PROGRAM, status);
  EXPECT_EQ(status, 0);
  EXPECT_NE(libraries.find("libbitline_sim"), std::string::npos);
  EXPECT_EQ(libraries.find("torch"), std::string::npos) << libraries;
}

// A simulation whole: its model read, its images, its figures. The dynamic linker tells of every library that
// is loaded, also later.
TEST(Start, SimulatesInUnderFiftyMillisecondsWithoutLibTorch) {
  const Scratch scratch;
  json_of({"calibrate", "--quiet", "--model", "zoo:digits-cnn", "--untrained", "--data", "digits",
           "--calibration-images", "16", "--test-images", "-1", "--hardware", "64x64:2b", "--precision",
           "W4A4P4", "--out", scratch.path("m.safetensors")});
  const Words words = {"simulate", "--quiet", "--model",  scratch.path("m.safetensors"),
                       "--data",   "digits",  "--images", "1"};
  EXPECT_LT(fastest_run(words), kSoon);
  int status = -1;
  const std::string loaded =
      shell_output("LD_DEBUG=files " BITLINE_PROGRAM " simulate --quiet --data digits --images 1 --model " +
                       scratch.path("m.safetensors") + " 2>&1",
                   status);
  EXPECT_EQ(status, 0);
  EXPECT_NE(loaded.find("libbitline_sim"), std::string::npos);
  EXPECT_NE(loaded.find("accuracy"), std::string::npos);
  EXPECT_EQ(loaded.find("torch"), std::string::npos);
}

// What bash offers for the last of the words.
std::string completions(const std::string& words, int last) {
  int status = -1;
  const std::string command = "bash -c 'source <(" BITLINE_PROGRAM " completion bash); COMP_WORDS=(" + words +
                              "); COMP_CWORD=" + std::to_string(last) +
                              "; _bitline; echo \"${COMPREPLY[@]}\"'";
  std::string out = shell_output(command, status);
  EXPECT_EQ(status, 0);
  return out;
}

TEST(Start, TheShellCompletesCommandsAndOptions) {
  EXPECT_EQ(completions("bitline cal", 1), "calibrate\n");
  EXPECT_EQ(completions("bitline simulate --chi", 2), "--chips\n");
  EXPECT_EQ(completions("bitline quantize --model x.onnx --gran", 4), "--granularity\n");
  EXPECT_EQ(completions("bitline train --chips", 2), "\n");
}

TEST(Start, HelpNamesEveryCommand) {
  const Outcome o = run_program({"--help"});
  EXPECT_EQ(o.exit_code, 0);
  for (const char* command :
       {"info", "train", "quantize", "calibrate", "simulate", "export", "run", "hardware"}) {
    EXPECT_NE(o.out.find(command), std::string::npos) << command;
    EXPECT_EQ(run_program({command, "--help"}).exit_code, 0) << command;
  }
}

}  // namespace
}  // namespace bitline::cli
