#include "faulty_filesystem.h"

#include <utility>

#include "bitline/base/error.h"

namespace bitline::io {

namespace {

[[noreturn]] void fail(const std::string& call) {
  throw Error(ErrorCode::kFailure, "fault on purpose in " + call);
}

}  // namespace

class FaultyFile final : public WritableFile {
 public:
  FaultyFile(FaultyFileSystem& owner, std::unique_ptr<WritableFile> real)
      : owner_(owner), real_(std::move(real)) {}

  void write(std::span<const std::byte> bytes) override {
    if (owner_.strikes("write")) {
      if (owner_.fault_.half_write) real_->write(bytes.first(bytes.size() / 2));
      fail("write");
    }
    real_->write(bytes);
  }
  void sync() override {
    owner_.count("sync");
    real_->sync();
  }
  void close() override {
    owner_.count("close");
    real_->close();
  }

 private:
  FaultyFileSystem& owner_;
  std::unique_ptr<WritableFile> real_;
};

bool FaultyFileSystem::strikes(const char* call) {
  ++calls_;
  const bool now =
      calls_ == fault_.at_call || (fault_.lasting && fault_.at_call > 0 && calls_ > fault_.at_call);
  if (now && failed_call_.empty()) failed_call_ = call;
  return now;
}

void FaultyFileSystem::count(const char* call) {
  if (strikes(call)) fail(call);
}

std::unique_ptr<WritableFile> FaultyFileSystem::create(const std::string& path) {
  count("create");
  return std::make_unique<FaultyFile>(*this, real_.create(path));
}

std::unique_ptr<WritableFile> FaultyFileSystem::append(const std::string& path) {
  count("append");
  return std::make_unique<FaultyFile>(*this, real_.append(path));
}

std::vector<std::byte> FaultyFileSystem::read(const std::string& path) {
  count("read");
  return real_.read(path);
}

void FaultyFileSystem::rename(const std::string& from, const std::string& to) {
  count("rename");
  real_.rename(from, to);
}

void FaultyFileSystem::remove(const std::string& path) {
  count("remove");
  real_.remove(path);
}

void FaultyFileSystem::sync_directory(const std::string& path) {
  count("sync_directory");
  real_.sync_directory(path);
}

void FaultyFileSystem::make_directories(const std::string& path) {
  count("make_directories");
  real_.make_directories(path);
}

bool FaultyFileSystem::exists(const std::string& path) {
  count("exists");
  return real_.exists(path);
}

}  // namespace bitline::io
