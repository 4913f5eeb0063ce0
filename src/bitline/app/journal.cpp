#include "bitline/app/journal.h"

#include <algorithm>
#include <utility>

#include "bitline/app/session.h"
#include "bitline/io/atomic_file.h"
#include "bitline/report/json.h"
#include "bitline/report/result_files.h"

namespace bitline::app {

namespace {

constexpr std::string_view kFiles = "files";

io::Json record_of(const io::Json& entry) {
  io::JsonObject record;
  for (const auto& [key, value] : entry.as_object()) {
    if (key != kFiles) record.emplace_back(key, value);
  }
  return record;
}

}  // namespace

Journal::Journal(io::FileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {
  if (!fs_.exists(path_)) return;
  const io::Json json = io::parse_json(io::read_text(fs_, path_), path_);
  for (const auto& [key, saved] : json.as_object()) {
    Entry entry{report::record_from_json(record_of(saved)), {}};
    if (const io::Json* files = saved.find(kFiles)) {
      for (const auto& [file, hash] : files->as_object()) entry.files[file] = hash.as_text();
    }
    entries_.emplace(key, std::move(entry));
  }
}

// keeps(hash now, hash then) of every file.
template <class Keeps>
const result::Record* Journal::find_if(const std::string& key, Keeps keeps) const {
  const auto it = entries_.find(key);
  if (it == entries_.end()) return nullptr;
  const auto& files = it->second.files;
  const bool stands = std::all_of(files.begin(), files.end(), [&](const auto& file) {
    return keeps(input_hash(fs_, file.first), file.second);
  });
  return stands ? &it->second.record : nullptr;
}

const result::Record* Journal::find(const std::string& key) const {
  return find_if(key, [](const auto& now, const std::string& then) { return now == then; });
}

const result::Record* Journal::measured(const std::string& key) const {
  return find_if(key, [](const auto& now, const std::string& then) { return !now || now == then; });
}

std::vector<std::string> Journal::files(const std::string& key) const {
  std::vector<std::string> out;
  if (const auto it = entries_.find(key); it != entries_.end())
    for (const auto& [file, hash] : it->second.files) out.push_back(file);
  return out;
}

void Journal::add(const std::string& key, const result::Record& record,
                  const std::vector<std::string>& files) {
  Entry entry{record, {}};
  for (const std::string& file : files) {
    if (const auto hash = input_hash(fs_, file)) entry.files[file] = *hash;
  }
  entries_.insert_or_assign(key, std::move(entry));
  save();
}

void Journal::save() const {
  io::JsonObject all;
  for (const auto& [key, entry] : entries_) {
    io::Json saved = report::to_json(entry.record);
    io::JsonObject files;
    for (const auto& [file, hash] : entry.files) files.emplace_back(file, hash);
    saved.set(kFiles, std::move(files));
    all.emplace_back(key, std::move(saved));
  }
  io::write_atomically(fs_, path_, io::Json(std::move(all)).dump(0) + "\n");
}

}  // namespace bitline::app
