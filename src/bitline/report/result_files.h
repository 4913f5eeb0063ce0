// The files a run leaves: result.json, what came out, and manifest.json, how it came about.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "bitline/io/filesystem.h"
#include "bitline/io/json.h"
#include "bitline/result/record.h"

namespace bitline::report {

struct Manifest {
  std::string version;
  std::string command_line;
  std::uint64_t seed = 0;
  int threads = 1;
  std::string cpu;
  std::map<std::string, std::string> inputs;  // path -> hash_text of the content
  std::map<std::string, std::string> notes;
  std::string started_utc;  // ISO 8601
  double seconds = 0;
};

// hash_text of the file's bytes. Throws Error{kBadInput} when it is missing.
std::string file_hash(io::FileSystem& fs, const std::string& path);

// The members above under their names. A seed of 2^63 or more is written as text: JSON integers end there.
io::Json to_json(const Manifest& manifest);

// Writes both files into the folder, made when missing; an empty `dir` is the current one. Both are whole on
// disk under other names before the first takes its place, so a full disk leaves the old pair. The manifest
// comes last and holds the result's hash ("result_hash"): a pair that a crash tore apart shows.
// Throws Error{kFailure} with the path, Error{kInternal} as to_json(Record) does.
void write_result(io::FileSystem& fs, const std::string& dir, const result::Record& record,
                  const Manifest& manifest);

}  // namespace bitline::report
