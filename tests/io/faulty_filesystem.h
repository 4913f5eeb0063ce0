// A file system that fails on purpose: the k-th call through it, counted over the file system and all files
// opened by it, throws Error{kFailure} instead of doing its work.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bitline/io/filesystem.h"

namespace bitline::io {

struct Fault {
  int at_call = 0;          // counted from 1; 0 never fails
  bool half_write = false;  // a failing write first writes half of its bytes, as a full disk does
  bool lasting = false;     // every later call fails, too
};

class FaultyFileSystem final : public FileSystem {
 public:
  FaultyFileSystem(FileSystem& real, Fault fault) : real_(real), fault_(fault) {}

  std::unique_ptr<WritableFile> create(const std::string& path) override;
  std::unique_ptr<WritableFile> append(const std::string& path) override;
  std::vector<std::byte> read(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  void remove(const std::string& path) override;
  void sync_directory(const std::string& path) override;
  void make_directories(const std::string& path) override;
  bool exists(const std::string& path) override;

  int calls() const { return calls_; }
  // The name of the call that failed first, empty when none did.
  const std::string& failed_call() const { return failed_call_; }

 private:
  friend class FaultyFile;

  bool strikes(const char* call);  // counts the call, says whether it must fail
  void count(const char* call);    // counts the call and throws when it must fail

  FileSystem& real_;
  Fault fault_;
  int calls_ = 0;
  std::string failed_call_;
};

}  // namespace bitline::io
