#include "bitline/io/atomic_file.h"

#include <memory>

#include <unistd.h>

#include "bitline/base/error.h"

namespace bitline::io {

namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A thread id is unique on the machine, so two writers never share a temporary file.
std::string temporary_name(const std::string& path) {
  return path + "." + std::to_string(::getpid()) + "-" + std::to_string(::gettid()) + ".tmp";
}

void write_whole(FileSystem& fs, const std::string& path, std::span<const std::byte> bytes) {
  const std::unique_ptr<WritableFile> file = fs.create(path);
  file->write(bytes);
  file->sync();
  file->close();
}

void remove_quietly(FileSystem& fs, const std::string& path) noexcept {
  try {
    fs.remove(path);
  } catch (const Error&) {
    // The failure that brought us here is the one to report.
  }
}

}  // namespace

void write_atomically(FileSystem& fs, const std::string& path, std::span<const std::byte> bytes) {
  const std::string folder = folder_of(path);
  const std::string temporary = temporary_name(path);
  fs.make_directories(folder);
  try {
    write_whole(fs, temporary, bytes);
    fs.rename(temporary, path);
  } catch (...) {
    remove_quietly(fs, temporary);
    throw;
  }
  fs.sync_directory(folder);
}

void write_atomically(FileSystem& fs, const std::string& path, std::string_view text) {
  write_atomically(fs, path, std::as_bytes(std::span(text.data(), text.size())));
}

std::string read_text(FileSystem& fs, const std::string& path) {
  const std::vector<std::byte> bytes = fs.read(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace bitline::io
