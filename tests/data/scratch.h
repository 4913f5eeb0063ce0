// What the tests of the data room share: a folder that goes away, an error's text, the sample data.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include <unistd.h>

#include "bitline/base/error.h"
#include "bitline/io/atomic_file.h"

namespace bitline::data {

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bitline-data-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no scratch folder");
    path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  void write(const std::string& name, std::string_view bytes) const {
    io::write_atomically(io::posix(), path_ + "/" + name, bytes);
  }

 private:
  std::string path_;
};

// The text of the Error{kBadInput} that `action` throws; empty when it throws none.
inline std::string bad_input_text(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code() == ErrorCode::kBadInput ? error.what() : "wrong code: " + std::string(error.what());
  }
  return {};
}

// $BITLINE_DATA/name if it is there, else empty.
inline std::string sample_path(const std::string& name) {
  const char* root = std::getenv("BITLINE_DATA");
  if (root == nullptr) return {};
  const std::string path = std::string(root) + "/" + name;
  return std::filesystem::exists(path) ? path : "";
}

}  // namespace bitline::data
