#include "bitline/io/filesystem.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/error_of.h"
#include "scratch_folder.h"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bitline/io/atomic_file.h"

namespace bitline::io {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(Posix, CreateTruncatesAndAppendAdds) {
  const ScratchFolder folder;
  const std::string path = folder / "file";
  posix().create(path)->write(bytes_of("first and long"));
  posix().create(path)->write(bytes_of("second"));
  auto file = posix().append(path);
  file->write(bytes_of(" third"));
  file->sync();
  file->close();
  EXPECT_EQ(read_text(posix(), path), "second third");
}

TEST(Posix, RenameRemoveExists) {
  const ScratchFolder folder;
  posix().create(folder / "a")->close();
  EXPECT_TRUE(posix().exists(folder / "a"));
  posix().rename(folder / "a", folder / "b");
  EXPECT_FALSE(posix().exists(folder / "a"));
  EXPECT_TRUE(posix().exists(folder / "b"));
  posix().remove(folder / "b");
  EXPECT_FALSE(posix().exists(folder / "b"));
  EXPECT_NO_THROW(posix().remove(folder / "b"));
}

TEST(Posix, AMissingInputIsBadInputAndNamesTheNearestFile) {
  const ScratchFolder folder;
  posix().create(folder / "hardware.yaml")->close();
  EXPECT_EQ(error_of([&] { posix().read(folder / "hardwear.yaml"); }),
            folder / "hardwear.yaml: cannot read: No such file or directory (did you mean 'hardware.yaml'?)");
  EXPECT_EQ(error_of([&] { posix().read("/nowhere/at/all/file.yaml"); }),
            "/nowhere/at/all/file.yaml: cannot read: No such file or directory");
}

TEST(Posix, AFolderIsNoInput) {
  const ScratchFolder folder;
  EXPECT_EQ(error_of([&] { posix().read(folder.path()); }), folder.path() + ": cannot read: Is a directory");
}

TEST(Posix, FailuresNameActionPathAndReason) {
  const std::string path = "/nowhere/file";
  const auto failure = [](const std::function<void()>& call) { return error_of(call, ErrorCode::kFailure); };
  EXPECT_EQ(failure([&] { posix().create(path); }),
            "/nowhere/file: cannot open for writing: No such file or directory");
  EXPECT_EQ(failure([&] { posix().rename(path, "/nowhere/else"); }),
            "/nowhere/else: cannot rename '/nowhere/file' to this: No such file or directory");
  EXPECT_EQ(failure([&] { posix().sync_directory("/nowhere"); }),
            "/nowhere: cannot open folder: No such file or directory");
  EXPECT_EQ(failure([&] { posix().make_directories("/dev/null/x"); }),
            "/dev/null/x: cannot make folder: Not a directory");
}

TEST(Posix, AFullDiskIsAFailure) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  const auto file = posix().append("/dev/full");
  EXPECT_EQ(error_of([&] { file->write(bytes_of("x")); }, ErrorCode::kFailure),
            "/dev/full: cannot write: No space left on device");
}

TEST(Posix, ReadsAFileWhoseSizeIsNotKnownBeforehand) {
  if (!std::filesystem::exists("/proc/self/maps")) GTEST_SKIP() << "no /proc here";
  EXPECT_GT(posix().read("/proc/self/maps").size(), 500u);
}

std::atomic<int> signals_seen{0};

// Through a pipe with a slow partner, and signals that do not restart system calls: reads and writes come
// back short or interrupted all the time.
class Interrupted : public testing::Test {
 protected:
  void SetUp() override {
    struct sigaction action {};
    action.sa_handler = [](int) { ++signals_seen; };
    ASSERT_EQ(::sigaction(SIGUSR1, &action, &previous_), 0);
    ASSERT_EQ(::mkfifo(pipe_.c_str(), 0600), 0);
    signals_seen = 0;
  }
  void TearDown() override { ::sigaction(SIGUSR1, &previous_, nullptr); }

  // Runs `work` on this thread while another one sends it signals.
  template <typename Work>
  void under_signals(Work work) {
    std::atomic<bool> done{false};
    std::thread pest([&done, target = ::pthread_self()] {
      while (!done) {
        ::pthread_kill(target, SIGUSR1);
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
    });
    work();
    done = true;
    pest.join();
  }

  static std::string long_text() {
    std::string text;
    for (int i = 0; i < 200'000; ++i) text += std::to_string(i) + ' ';
    return text;
  }

  ScratchFolder folder_;
  std::string pipe_ = folder_ / "pipe";
  struct sigaction previous_ {};
};

TEST_F(Interrupted, WritesAreWhole) {
  const std::string sent = long_text();
  std::string received;
  std::thread slow_reader([&] {
    const int fd = ::open(pipe_.c_str(), O_RDONLY);
    std::array<char, 10'007> part{};
    for (ssize_t n = 0; (n = ::read(fd, part.data(), part.size())) > 0;) {
      received.append(part.data(), static_cast<std::size_t>(n));
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    ::close(fd);
  });
  under_signals([&] {
    const auto file = posix().append(pipe_);
    file->write(bytes_of(sent));
    file->close();
  });
  slow_reader.join();
  EXPECT_GT(signals_seen, 10);
  EXPECT_TRUE(received == sent) << received.size() << " of " << sent.size() << " bytes";
}

TEST_F(Interrupted, ReadsAreWhole) {
  const std::string sent = long_text();
  std::thread slow_writer([&] {
    const int fd = ::open(pipe_.c_str(), O_WRONLY);
    for (std::size_t i = 0; i < sent.size(); i += 9'973) {
      const std::size_t n = std::min<std::size_t>(9'973, sent.size() - i);
      if (::write(fd, sent.data() + i, n) != static_cast<ssize_t>(n)) break;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    ::close(fd);
  });
  std::string received;
  under_signals([&] { received = read_text(posix(), pipe_); });
  slow_writer.join();
  EXPECT_GT(signals_seen, 10);
  EXPECT_TRUE(received == sent) << received.size() << " of " << sent.size() << " bytes";
}

}  // namespace
}  // namespace bitline::io
