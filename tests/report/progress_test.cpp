#include "bitline/report/progress.h"

#include <sstream>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace bitline::report {
namespace {

// A bar on a clock that the test sets.
struct Bench {
  double now = 1000;
  std::ostringstream out;

  ProgressStyle style(bool terminal) {
    ProgressStyle s;
    s.label = "evaluate";
    s.terminal = terminal;
    s.clock = [this] { return now; };
    return s;
  }
};

TEST(ProgressInAPipe, WritesALineNowAndThenAndOneAtTheEnd) {
  Bench bench;
  ProgressBar bar(bench.out, 1000, bench.style(false));
  for (int second = 1; second <= 25; ++second) {
    bench.now = 1000 + second;
    bar.update(second * 40);
  }
  bar.finish();
  EXPECT_EQ(bench.out.str(),
            "evaluate   40 %  400/1000 images  40.0 images/s  ETA 15.0 s\n"
            "evaluate   80 %  800/1000 images  40.0 images/s  ETA 5.0 s\n"
            "evaluate  100 %  1000/1000 images  40.0 images/s  in 25.0 s\n");
}

TEST(ProgressInAPipe, AShortJobIsOneLine) {
  Bench bench;
  ProgressBar bar(bench.out, 2, bench.style(false));
  bar.update(1);
  bench.now += 0.5;
  bar.update(2);
  bar.finish();
  bar.finish();
  bar.update(3);
  EXPECT_EQ(bench.out.str(), "evaluate  100 %  2/2 images  4.0 images/s  in 500 ms\n");
}

TEST(ProgressInAPipe, WithoutATotalThereIsNoPercentAndNoEta) {
  Bench bench;
  {
    ProgressBar bar(bench.out, 0, bench.style(false));
    bench.now += 10;
    bar.update(20000);
  }
  EXPECT_EQ(bench.out.str(), "evaluate  20000 images  2.0 K images/s\n");
}

TEST(ProgressOnATerminal, RewritesOneLineAndErasesTheLongerOneBefore) {
  Bench bench;
  ProgressBar bar(bench.out, 100, bench.style(true));
  bar.update(0);
  bench.now += 0.05;
  bar.update(1);  // too soon to be drawn
  bench.now += 0.95;
  bar.update(50);
  bench.now += 1;
  bar.finish();
  const std::string first = "evaluate    0 %  0/100 images";
  const std::string second = "evaluate   50 %  50/100 images  50.0 images/s  ETA 1.0 s";
  const std::string third = "evaluate   50 %  50/100 images  25.0 images/s  in 2.0 s";
  EXPECT_EQ(bench.out.str(), "\r" + first + "\r" + second + "\r" + third + " \n");
}

TEST(ProgressOnATerminal, StaysInsideTheWidth) {
  Bench bench;
  ProgressStyle style = bench.style(true);
  style.width = 20;
  ProgressBar bar(bench.out, 100, style);
  bench.now += 1;
  bar.update(50);
  EXPECT_EQ(bench.out.str(), "\revaluate   50 %  50");
}

TEST(ProgressOnATerminal, AnAbandonedLineIsEnded) {
  Bench bench;
  { ProgressBar bar(bench.out, 100, bench.style(true)); }
  EXPECT_EQ(bench.out.str(), "") << "nothing drawn, nothing to end";
  {
    ProgressBar bar(bench.out, 100, bench.style(true));
    bar.update(0);
  }
  EXPECT_EQ(bench.out.str(), "\revaluate    0 %  0/100 images\n");
  bench.out.str("");
  {
    ProgressBar bar(bench.out, 100, bench.style(true));
    bar.update(0);
    bar.finish();
  }
  EXPECT_TRUE(bench.out.str().ends_with("in 0 ms\n")) << "a finished line is ended once";
}

TEST(Progress, NeverGoesBackAndNeverSaysDoneTooSoon) {
  Bench bench;
  ProgressStyle style = bench.style(false);
  style.line_seconds = 0;
  ProgressBar bar(bench.out, 1000, style);
  bench.now += 100;
  bar.update(999);
  bar.update(5);
  EXPECT_EQ(bench.out.str(),
            "evaluate   99 %  999/1000 images  10.0 images/s  ETA 100 ms\n"
            "evaluate   99 %  999/1000 images  10.0 images/s  ETA 100 ms\n");
}

TEST(Progress, AnEndlessEtaIsNotShown) {
  Bench bench;
  ProgressStyle style = bench.style(false);
  ProgressBar bar(bench.out, std::int64_t{1} << 62, style);
  bench.now += 100;
  bar.update(1);
  EXPECT_EQ(bench.out.str(), "evaluate    0 %  1/4611686018427387904 images  0.01 images/s\n");
}

TEST(Progress, SeveralThreadsMayReport) {
  constexpr int kThreads = 4, kSteps = 500;
  std::ostringstream out;
  ProgressStyle style;
  style.label = "run";
  style.line_seconds = 0;
  ProgressBar bar(out, kThreads * kSteps, style);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&bar, t] {
      for (int i = 1; i <= kSteps; ++i) bar.update(i * kThreads - t);
    });
  }
  for (std::thread& thread : threads) thread.join();
  bar.finish();
  std::istringstream lines(out.str());
  int count = 0;
  std::string last;
  for (std::string line; std::getline(lines, line); last = line) {
    EXPECT_TRUE(line.starts_with("run  ")) << "a torn line: " << line;
    ++count;
  }
  EXPECT_EQ(count, kThreads * kSteps + 1);
  EXPECT_TRUE(last.starts_with("run  100 %  2000/2000 images")) << last;
}

TEST(IsTerminal, TellsAPipeFromATerminal) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_FALSE(is_terminal(ends[0]));
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_FALSE(is_terminal(-1));
  const int terminal = ::open("/dev/ptmx", O_RDWR | O_NOCTTY);
  if (terminal < 0) GTEST_SKIP() << "no pseudo-terminal here";
  EXPECT_TRUE(is_terminal(terminal));
  ::close(terminal);
}

}  // namespace
}  // namespace bitline::report
