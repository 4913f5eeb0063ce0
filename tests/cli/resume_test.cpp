// A run that is killed or stopped ends, when started again, with the bytes of an uninterrupted one.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "digits.h"
#include <gtest/gtest.h>

namespace bitline::cli {
namespace {

Words with_checkpoint(const Scratch& s) {
  return {"--checkpoint", s.path("checkpoint"), "--checkpoint-steps", "2"};
}

TEST(Resume, TrainKilledAfterACheckpoint) {
  const Scratch s;
  ASSERT_EQ(train(s, "whole.safetensors").exit_code, 0);
  const Words words = joined(train_words(s, "resumed.safetensors"), with_checkpoint(s));
  const Outcome killed = signal_when(words, s.path("checkpoint"), SIGKILL);
  ASSERT_EQ(killed.exit_code, -1) << "the run ended before it could be killed";
  EXPECT_EQ(s.read("resumed.safetensors"), "");
  const Outcome o = run_program(words);
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(s.read("resumed.safetensors"), s.read("whole.safetensors"));
  EXPECT_EQ(s.read("resumed.last.safetensors"), s.read("whole.last.safetensors"));
}

TEST(Resume, QuantizeKilledAfterACheckpoint) {
  const Scratch s;
  ASSERT_EQ(train(s, "float.safetensors").exit_code, 0);
  ASSERT_EQ(quantize(s, "float.safetensors", "whole.safetensors").exit_code, 0);
  const Words words =
      joined(quantize_words(s, "float.safetensors", "resumed.safetensors"), with_checkpoint(s));
  ASSERT_EQ(signal_when(words, s.path("checkpoint"), SIGKILL).exit_code, -1);
  EXPECT_EQ(s.read("resumed.safetensors"), "");
  const Outcome o = run_program(words);
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(s.read("resumed.safetensors"), s.read("whole.safetensors"));
}

// The signals that the line "NAME:" of a thread's status has, as bits from SIGHUP.
std::uint64_t signals_of(const std::filesystem::path& status, const std::string& name) {
  std::ifstream file(status);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1), nullptr, 16);
  return 0;
}

// A handler would run on the stack of the thread that the signal finds, which generated kernels do without.
void expect_no_thread_is_interrupted(int process) {
  constexpr std::uint64_t kSignals = 1ull << (SIGINT - 1) | 1ull << (SIGTERM - 1);
  const std::filesystem::path root = "/proc/" + std::to_string(process);
  EXPECT_EQ(signals_of(root / "status", "SigCgt") & kSignals, 0u);
  int threads = 0, takers = 0;
  for (const auto& thread : std::filesystem::directory_iterator(root / "task")) {
    ++threads;
    takers += (signals_of(thread.path() / "status", "SigBlk") & kSignals) != kSignals;
  }
  EXPECT_GE(threads, 2);
  EXPECT_LE(takers, 1);
}

TEST(Resume, TrainAskedToStop) {
  const Scratch s;
  ASSERT_EQ(train(s, "whole.safetensors").exit_code, 0);
  const Words words = joined(train_words(s, "resumed.safetensors"), with_checkpoint(s));
  for (const int signal : {SIGTERM, SIGINT}) {
    if (s.exists("checkpoint")) s.remove("checkpoint");
    const Outcome asked = signal_when(words, s.path("checkpoint"), signal, expect_no_thread_is_interrupted);
    ASSERT_EQ(asked.exit_code, 130) << asked.err;
    EXPECT_NE(asked.err.find("cancelled after step"), std::string::npos) << asked.err;
    EXPECT_NE(asked.err.find("goes on from " + s.path("checkpoint")), std::string::npos) << asked.err;
  }
  const Outcome o = run_program(words);
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(s.read("resumed.safetensors"), s.read("whole.safetensors"));
  EXPECT_EQ(s.read("resumed.last.safetensors"), s.read("whole.last.safetensors"));
}

// As a shell starts what runs in the background of a script.
TEST(Resume, AnIgnoredSignalStaysIgnored) {
  const Scratch s;
  const Words words = joined(train_words(s, "out.safetensors"), with_checkpoint(s));
  const auto before = std::signal(SIGINT, SIG_IGN);
  const Outcome o = signal_when(words, s.path("checkpoint"), SIGINT);
  std::signal(SIGINT, before);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_NE(s.read("out.safetensors"), "");
}

TEST(Resume, TwoStagesStoppedInEachStage) {
  const Scratch s;
  ASSERT_EQ(train(s, "float.safetensors").exit_code, 0);
  const Words two = {"--stages", "2", "--psum-quantizer", "minmax"};
  ASSERT_EQ(quantize(s, "float.safetensors", "whole.safetensors", two).exit_code, 0);
  const Words words = joined(joined(two, with_checkpoint(s)), {"--stop-after-steps", "11"});
  int stops = 0;
  while (stops < 10) {
    const Outcome o = quantize(s, "float.safetensors", "resumed.safetensors", words);
    if (o.exit_code == 0) break;
    ASSERT_EQ(o.exit_code, 130) << o.err;
    ++stops;
  }
  EXPECT_GE(stops, 3);  // 48 steps, 11 at a time, in two stages
  EXPECT_EQ(s.read("resumed.safetensors"), s.read("whole.safetensors"));
}

TEST(Resume, AnotherRunsCheckpointIsRefused) {
  const Scratch s;
  ASSERT_EQ(train(s, "a.safetensors", with_checkpoint(s)).exit_code, 0);
  const Outcome o = train(s, "b.safetensors", joined(with_checkpoint(s), {"--lr", "0.01"}));
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_NE(o.err.find("the checkpoint belongs to a run with other options"), std::string::npos) << o.err;
  EXPECT_EQ(s.read("b.safetensors"), "");
}

}  // namespace
}  // namespace bitline::cli
