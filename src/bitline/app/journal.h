// Finished steps of a run: steps.json in the folder of the run.
//
// An entry is a step's record and, under "files", the hashes of the files it read and wrote, data sets apart.
// A step whose files are gone or have changed since is not finished: what follows from it would be stale.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bitline/io/filesystem.h"
#include "bitline/result/record.h"

namespace bitline::app {

class Journal {
 public:
  // Reads the file when it is there. Error{kBadInput} with its place when it is damaged.
  Journal(io::FileSystem& fs, std::string path);

  // The record of a finished step; nullptr when the step must run.
  const result::Record* find(const std::string& key) const;
  // The same, also when files are gone: what it measured, but not a step to go on from.
  const result::Record* measured(const std::string& key) const;
  std::vector<std::string> files(const std::string& key) const;  // of a finished step
  // Remembers a step and replaces the file. `files`: paths it read or wrote; the missing ones are left out.
  void add(const std::string& key, const result::Record& record, const std::vector<std::string>& files);

 private:
  struct Entry {
    result::Record record;
    std::map<std::string, std::string> files;  // path -> hash
  };
  template <class Keeps>
  const result::Record* find_if(const std::string& key, Keeps keeps) const;
  void save() const;

  io::FileSystem& fs_;
  std::string path_;
  std::map<std::string, Entry> entries_;
};

}  // namespace bitline::app
