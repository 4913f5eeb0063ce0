#include "bitline/io/atomic_file.h"

#include <chrono>
#include <thread>

#include "base/error_of.h"
#include "faulty_filesystem.h"
#include "scratch_folder.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bitline::io {
namespace {

using testing::ElementsAre;

const std::string kOld = "the old content";
const std::string kNew = "the new content, which is longer than the old one";

TEST(WriteAtomically, MakesFoldersAndReplacesContent) {
  const ScratchFolder folder;
  const std::string path = folder / "a/b/file.txt";
  write_atomically(posix(), path, kOld);
  EXPECT_EQ(read_text(posix(), path), kOld);
  write_atomically(posix(), path, kNew);
  EXPECT_EQ(read_text(posix(), path), kNew);
}

TEST(WriteAtomically, EmptyContentIsContent) {
  const ScratchFolder folder;
  write_atomically(posix(), folder / "empty", "");
  EXPECT_EQ(read_text(posix(), folder / "empty"), "");
}

TEST(WriteAtomically, ContentIsOnDiskBeforeItIsNamed) {
  const ScratchFolder folder;
  // The calls in order; a fault at each names it.
  std::vector<std::string> order;
  for (int call = 1; call <= 7; ++call) {
    FaultyFileSystem faulty(posix(), {call, false, false});
    EXPECT_THROW(write_atomically(faulty, folder / "f", kNew), Error);
    order.push_back(faulty.failed_call());
  }
  EXPECT_THAT(
      order, ElementsAre("make_directories", "create", "write", "sync", "close", "rename", "sync_directory"));
}

// The property of the module: whichever call fails, and however, the file is whole and nothing else is there.
class OneFault : public testing::TestWithParam<bool> {};

TEST_P(OneFault, LeavesTheOldContentWholeAndNothingBeside) {
  int call = 1;
  for (bool failed = true; failed; ++call) {
    SCOPED_TRACE("fault at call " + std::to_string(call));
    const ScratchFolder folder;
    write_atomically(posix(), folder / "file", kOld);
    FaultyFileSystem faulty(posix(), {call, GetParam(), false});
    failed = false;
    try {
      write_atomically(faulty, folder / "file", kNew);
    } catch (const Error& e) {
      failed = true;
      EXPECT_EQ(e.message(), "fault on purpose in " + faulty.failed_call());
    }
    // The folder's fsync comes after the rename: by then the new content is in place.
    const bool replaced = !failed || faulty.failed_call() == "sync_directory";
    EXPECT_EQ(read_text(posix(), folder / "file"), replaced ? kNew : kOld);
    EXPECT_THAT(folder.names(), ElementsAre("file"));
  }
  EXPECT_EQ(call, 9) << "seven calls fail, the eighth round goes through";
}

INSTANTIATE_TEST_SUITE_P(WholeAndHalfWrites, OneFault, testing::Bool());

TEST(WriteAtomically, ALastingFaultStillLeavesTheOldContentWhole) {
  for (int call = 1; call <= 6; ++call) {
    SCOPED_TRACE("faults from call " + std::to_string(call));
    const ScratchFolder folder;
    write_atomically(posix(), folder / "file", kOld);
    FaultyFileSystem faulty(posix(), {call, true, true});
    EXPECT_THROW(write_atomically(faulty, folder / "file", kNew), Error);
    EXPECT_EQ(read_text(posix(), folder / "file"), kOld);
  }
}

TEST(WriteAtomically, AFolderInTheWayIsAFailureThatLeavesNothing) {
  const ScratchFolder folder;
  posix().make_directories(folder / "target/inside");
  error_of([&] { write_atomically(posix(), folder / "target", kNew); }, ErrorCode::kFailure);
  EXPECT_THAT(folder.names(), ElementsAre("target"));
}

// Content that shows whether it is whole: one letter, repeated a number of times that the letter fixes.
std::string letters(int round) {
  const int letter = round % 26;
  return std::string(static_cast<std::size_t>(1 + letter) * 30'011, static_cast<char>('a' + letter));
}

[[noreturn]] void write_for_ever(const std::string& path) {
  for (int round = 1;; ++round) write_atomically(posix(), path, letters(round));
}

void kill_a_writer_after(const std::string& path, std::chrono::microseconds delay) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) write_for_ever(path);
  std::this_thread::sleep_for(delay);
  ::kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself";
}

TEST(WriteAtomically, AKilledWriterLeavesAWholeFile) {
  constexpr int kKills = 40;
  const ScratchFolder folder;
  const std::string path = folder / "file";
  write_atomically(posix(), path, letters(0));
  int rounds_seen = 0;
  for (int i = 0; i < kKills; ++i) {
    const std::string before = read_text(posix(), path);
    kill_a_writer_after(path, std::chrono::microseconds(2'000 + 731 * i));
    const std::string after = read_text(posix(), path);
    ASSERT_FALSE(after.empty());
    ASSERT_EQ(after, letters(after[0] - 'a')) << "torn after kill " << i;
    rounds_seen += after != before;
  }
  EXPECT_GT(rounds_seen, 0) << "no writer ever finished a round: the test saw nothing";
}

TEST(WriteAtomically, AReaderNeverSeesAHalfWrittenFile) {
  constexpr int kChanges = 50;
  const ScratchFolder folder;
  const std::string path = folder / "file";
  write_atomically(posix(), path, letters(0));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) write_for_ever(path);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::string before = letters(0);
  int changes = 0;
  while (changes < kChanges && std::chrono::steady_clock::now() < deadline) {
    std::string text = read_text(posix(), path);
    EXPECT_TRUE(!text.empty() && text == letters(text[0] - 'a')) << "torn after change " << changes;
    changes += text != before;
    before = std::move(text);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(changes, kChanges) << "the writer was too slow for the test to see anything";
}

}  // namespace
}  // namespace bitline::io
