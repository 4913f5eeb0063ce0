#include "digits.h"

#include <sstream>

#include "bitline/io/json.h"
#include "bitline/report/json.h"

namespace bitline::cli {

namespace {

const Words kBudget = {"--data",   "digits", "--train-images",      "512", "--epochs", "3", "--batch", "32",
                       "--shards", "2",      "--epoch-test-images", "64",  "--quiet"};

}  // namespace

Words joined(Words first, const Words& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Words train_words(const Scratch& scratch, const std::string& out) {
  return joined({"train", "--model", "zoo:digits-cnn", "--out", scratch.path(out)}, kBudget);
}

Words quantize_words(const Scratch& scratch, const std::string& from, const std::string& out) {
  return joined({"quantize", "--model", scratch.path(from), "--out", scratch.path(out), "--hardware",
                 "64x64:1b", "--precision", "W3A4P2", "--lr", "0.02"},
                kBudget);
}

Outcome train(const Scratch& scratch, const std::string& out, const Words& more) {
  return run_program(joined(train_words(scratch, out), more));
}

Outcome quantize(const Scratch& scratch, const std::string& from, const std::string& out, const Words& more) {
  return run_program(joined(quantize_words(scratch, from, out), more));
}

result::Record record_of(const std::string& json) {
  return report::record_from_json(io::parse_json(json, "stdout"));
}

std::string shown_figure(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key + " ")) return line.substr(line.find_first_not_of(' ', key.size()));
  }
  return {};
}

}  // namespace bitline::cli
