// A file system with one file in it, so that a fuzzer reaches readers that open their files themselves.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "bitline/base/error.h"
#include "bitline/io/filesystem.h"

namespace bitline::fuzz {

// Every other path does not exist; all writing is a defect. `bytes` must outlive it.
class MemoryFile final : public io::FileSystem {
 public:
  MemoryFile(std::string path, std::span<const std::byte> bytes) : path_(std::move(path)), bytes_(bytes) {}

  std::unique_ptr<io::WritableFile> create(const std::string&) override { refuse(); }
  std::unique_ptr<io::WritableFile> append(const std::string&) override { refuse(); }
  void rename(const std::string&, const std::string&) override { refuse(); }
  void remove(const std::string&) override { refuse(); }
  void sync_directory(const std::string&) override { refuse(); }
  void make_directories(const std::string&) override { refuse(); }
  bool exists(const std::string& path) override { return path == path_; }
  std::vector<std::byte> read(const std::string& path) override {
    if (path != path_) bad_input("no such file", {path, 0, 0, {}});
    return {bytes_.begin(), bytes_.end()};
  }

 private:
  [[noreturn]] static void refuse() { internal_failure("a reader does not write", __FILE__, __LINE__); }

  std::string path_;
  std::span<const std::byte> bytes_;
};

}  // namespace bitline::fuzz
