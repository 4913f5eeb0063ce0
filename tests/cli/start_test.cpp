// How the program starts: fast, and without LibTorch.
#include <algorithm>
#include <cstdio>

#include "program.h"
#include <gtest/gtest.h>

namespace bitline::cli {
namespace {

TEST(Start, PrintsItsVersionInUnderFiftyMilliseconds) {
  std::vector<double> seconds;
  for (int i = 0; i < 9; ++i) {
    const Outcome o = run_program({"--version"});
    ASSERT_EQ(o.exit_code, 0);
    EXPECT_EQ(o.out, "bitline 0.1.0\n");
    seconds.push_back(o.seconds);
  }
  // The fastest: what the program needs, not what else the machine does.
  EXPECT_LT(*std::min_element(seconds.begin(), seconds.end()), 0.05);
}

TEST(Start, IsNotLinkedToLibTorch) {
  FILE* pipe = popen("ldd " BITLINE_PROGRAM, "r");
  ASSERT_NE(pipe, nullptr);
  std::string libraries;
  char buffer[512];
  while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) libraries += buffer;
  EXPECT_EQ(pclose(pipe), 0);
  EXPECT_NE(libraries.find("libbitline_sim"), std::string::npos);
  EXPECT_EQ(libraries.find("torch"), std::string::npos) << libraries;
}

TEST(Start, HelpNamesEveryCommand) {
  const Outcome o = run_program({"--help"});
  EXPECT_EQ(o.exit_code, 0);
  for (const char* command : {"info", "train", "quantize", "calibrate", "simulate", "run"}) {
    EXPECT_NE(o.out.find(command), std::string::npos) << command;
    EXPECT_EQ(run_program({command, "--help"}).exit_code, 0) << command;
  }
}

}  // namespace
}  // namespace bitline::cli
