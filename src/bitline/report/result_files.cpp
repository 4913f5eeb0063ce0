#include "bitline/report/result_files.h"

#include <array>
#include <limits>
#include <utility>

#include <unistd.h>

#include "bitline/base/error.h"
#include "bitline/base/hash.h"
#include "bitline/io/atomic_file.h"
#include "bitline/report/json.h"

namespace bitline::report {

namespace {

io::Json json_of(const std::map<std::string, std::string>& entries) {
  io::JsonObject object;
  for (const auto& [key, text] : entries) object.emplace_back(key, text);
  return object;
}

io::Json json_of_seed(std::uint64_t seed) {
  constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (seed > kLargest) return std::to_string(seed);
  return static_cast<std::int64_t>(seed);
}

// A file that is whole on disk, but not yet under its name.
struct Staged {
  std::string staged;
  std::string final;
  std::string text;
};

void remove_quietly(io::FileSystem& fs, const std::string& path) noexcept {
  try {
    fs.remove(path);
  } catch (const Error&) {
    // The failure that brought us here is the one to report.
  }
}

void replace_in_order(io::FileSystem& fs, const std::array<Staged, 2>& files) {
  try {
    for (const Staged& file : files) io::write_atomically(fs, file.staged, file.text);
    for (const Staged& file : files) fs.rename(file.staged, file.final);
  } catch (...) {
    for (const Staged& file : files) remove_quietly(fs, file.staged);
    throw;
  }
}

}  // namespace

std::string file_hash(io::FileSystem& fs, const std::string& path) {
  return hash_text(hash_bytes(fs.read(path)));
}

io::Json to_json(const Manifest& manifest) {
  return io::JsonObject{{"version", manifest.version},
                        {"command_line", manifest.command_line},
                        {"seed", json_of_seed(manifest.seed)},
                        {"threads", manifest.threads},
                        {"cpu", manifest.cpu},
                        {"inputs", json_of(manifest.inputs)},
                        {"notes", json_of(manifest.notes)},
                        {"started_utc", manifest.started_utc},
                        {"seconds", manifest.seconds}};
}

void write_result(io::FileSystem& fs, const std::string& dir, const result::Record& record,
                  const Manifest& manifest) {
  const std::string folder = dir.empty() ? "." : dir;
  const std::string result_text = to_json(record).dump() + '\n';
  io::Json provenance = to_json(manifest);
  provenance.set("result_hash", hash_text(hash_bytes(result_text)));
  const std::string mark = "." + std::to_string(::getpid()) + ".new";
  const std::string result_path = folder + "/result.json";
  const std::string manifest_path = folder + "/manifest.json";
  replace_in_order(fs, {{{result_path + mark, result_path, result_text},
                         {manifest_path + mark, manifest_path, provenance.dump() + '\n'}}});
  fs.sync_directory(folder);
}

}  // namespace bitline::report
