// The one seam through which bitline touches the file system. Production code uses the POSIX implementation;
// tests put a FaultyFileSystem around it that fails at the k-th call, and check that nothing is lost.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace bitline::io {

class WritableFile {
 public:
  virtual ~WritableFile() = default;  // closes without syncing
  virtual void write(std::span<const std::byte> bytes) = 0;
  virtual void sync() = 0;  // fsync
  virtual void close() = 0;
};

// Every method throws Error{kFailure} (or kBadInput for a missing input file) with the path and the reason.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual std::unique_ptr<WritableFile> create(const std::string& path) = 0;  // truncates
  virtual std::unique_ptr<WritableFile> append(const std::string& path) = 0;
  virtual std::vector<std::byte> read(const std::string& path) = 0;  // the whole file
  virtual void rename(const std::string& from, const std::string& to) = 0;
  virtual void remove(const std::string& path) = 0;  // absent is not an error
  virtual void sync_directory(const std::string& path) = 0;
  virtual void make_directories(const std::string& path) = 0;
  virtual bool exists(const std::string& path) = 0;
};

FileSystem& posix();  // stateless, shared

}  // namespace bitline::io
