#include "bitline/io/filesystem.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"

namespace bitline::io {

namespace {

constexpr std::size_t kReadStep = std::size_t{1} << 20;
constexpr mode_t kNewFileMode = 0666;  // the umask narrows it

[[noreturn]] void fail(const std::string& action, const std::string& path, int reason) {
  throw Error(ErrorCode::kFailure, "cannot " + action + ": " + std::generic_category().message(reason),
              Where{path, 0, 0, {}});
}

// The call again for as long as a signal interrupts it.
template <typename Call>
auto retry(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

int open_file(const std::string& path, int flags) {
  return retry([&] { return ::open(path.c_str(), flags | O_CLOEXEC, kNewFileMode); });
}

class PosixFile final : public WritableFile {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  void write(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = retry([&] { return ::write(fd_.get(), bytes.data(), bytes.size()); });
      if (n < 0) fail("write", path_, errno);
      if (n == 0) fail("write", path_, ENOSPC);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
  }

  void sync() override {
    if (retry([&] { return ::fsync(fd_.get()); }) != 0) fail("sync", path_, errno);
  }

  void close() override {
    // Linux closes the descriptor even when a signal interrupts the call, so it must not be tried again.
    const int fd = fd_.release();
    if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) fail("close", path_, errno);
  }

 private:
  Descriptor fd_;
  std::string path_;
};

std::vector<std::string> names_beside(const std::filesystem::path& path) {
  std::vector<std::string> names;
  std::error_code ec;
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  for (std::filesystem::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    names.push_back(it->path().filename().string());
  }
  return names;
}

[[noreturn]] void fail_to_read(const std::string& path, int reason) {
  if (reason != ENOENT && reason != ENOTDIR && reason != EISDIR) fail("read", path, reason);
  std::string hint;
  if (reason == ENOENT) {
    const std::string near = nearest(std::filesystem::path(path).filename().string(), names_beside(path));
    if (!near.empty()) hint = "did you mean '" + near + "'?";
  }
  bad_input("cannot read: " + std::generic_category().message(reason), Where{path, 0, 0, {}}, hint);
}

// Reads to the end; the size is only a first guess, since pipes and /proc files say 0.
std::vector<std::byte> read_all(int fd, std::size_t size_guess, const std::string& path) {
  std::vector<std::byte> bytes(size_guess + 1);
  std::size_t used = 0;
  while (true) {
    if (used == bytes.size()) bytes.resize(used + std::max(used, kReadStep));
    const ssize_t n = retry([&] { return ::read(fd, bytes.data() + used, bytes.size() - used); });
    if (n < 0) fail_to_read(path, errno);
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
  }
  bytes.resize(used);
  return bytes;
}

class Posix final : public FileSystem {
 public:
  std::unique_ptr<WritableFile> create(const std::string& path) override {
    return open_to_write(path, O_WRONLY | O_CREAT | O_TRUNC);
  }

  std::unique_ptr<WritableFile> append(const std::string& path) override {
    return open_to_write(path, O_WRONLY | O_CREAT | O_APPEND);
  }

  std::vector<std::byte> read(const std::string& path) override {
    const Descriptor fd(open_file(path, O_RDONLY));
    if (fd.get() < 0) fail_to_read(path, errno);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) fail_to_read(path, errno);
    return read_all(fd.get(), S_ISREG(info.st_mode) ? static_cast<std::size_t>(info.st_size) : 0, path);
  }

  void rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) fail("rename '" + from + "' to this", to, errno);
  }

  void remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail("remove", path, errno);
  }

  void sync_directory(const std::string& path) override {
    const Descriptor fd(open_file(path, O_RDONLY | O_DIRECTORY));
    if (fd.get() < 0) fail("open folder", path, errno);
    // Some file systems cannot sync a folder and say EINVAL; there is nothing more to be done there.
    if (retry([&] { return ::fsync(fd.get()); }) != 0 && errno != EINVAL) fail("sync folder", path, errno);
  }

  void make_directories(const std::string& path) override {
    std::error_code ec;
    std::filesystem::create_directories(path, ec);
    if (ec) fail("make folder", path, ec.value());
  }

  bool exists(const std::string& path) override {
    std::error_code ec;
    const bool found = std::filesystem::exists(path, ec);
    if (ec) fail("look for", path, ec.value());
    return found;
  }

 private:
  static std::unique_ptr<WritableFile> open_to_write(const std::string& path, int flags) {
    const int fd = open_file(path, flags);
    if (fd < 0) fail("open for writing", path, errno);
    return std::make_unique<PosixFile>(fd, path);
  }
};

}  // namespace

FileSystem& posix() {
  static Posix instance;
  return instance;
}

}  // namespace bitline::io
