#include "bitline/app/session.h"

#include <chrono>
#include <ctime>
#include <iostream>
#include <utility>

#include "bitline/app/interrupt.h"
#include "bitline/base/cpu.h"
#include "bitline/base/hash.h"
#include "bitline/hardware/designs.h"
#include "bitline/report/json.h"
#include "bitline/report/text.h"

namespace bitline::app {

namespace {

std::string utc_text(double seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char buffer[32];
  const std::size_t n = std::strftime(buffer, sizeof(buffer), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {buffer, n};
}

}  // namespace

std::string version_text() {
  return "bitline " BITLINE_VERSION;
}

double unix_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Session::Session(RunOptions options, std::string command_line)
    : options_(std::move(options)), start_(unix_time()) {
  context_.threads = options_.threads > 0 ? options_.threads : hardware_threads();
  context_.seed = options_.seed;
  context_.cancel = &interrupt_token();
  context_.log = [this](LogLevel level, std::string_view text) {
    if (level != LogLevel::kDebug) note(std::string(text));
  };
  manifest_.version = version_text();
  manifest_.command_line = std::move(command_line);
  manifest_.seed = options_.seed;
  manifest_.threads = context_.threads;
  manifest_.cpu = cpu_features().text();
  manifest_.started_utc = utc_text(start_);
}

void Session::note(const std::string& line) const {
  if (!options_.quiet) std::cerr << line << "\n";
}

void Session::add_input(const std::string& path) {
  const std::optional<std::string> hash = input_hash(files(), path);
  if (!hash) return;
  manifest_.inputs[path] = *hash;
  new_inputs_.insert(path);
}

std::set<std::string> Session::take_inputs() {
  return std::exchange(new_inputs_, {});
}

std::optional<std::string> input_hash(io::FileSystem& fs, const std::string& path) {
  if (const std::string_view text = hardware::builtin_text(path); !text.empty())
    return hash_text(hash_bytes(text));
  if (!fs.exists(path)) return std::nullopt;
  return report::file_hash(fs, path);
}

void Session::show(const result::Record& record) const {
  std::cout << (options_.format == "json" ? report::to_json(record).dump() + "\n" : report::to_text(record))
            << std::flush;
}

report::Manifest Session::manifest() const {
  report::Manifest out = manifest_;
  out.seconds = unix_time() - start_;
  return out;
}

void Session::write(const std::string& folder, const result::Record& record) const {
  report::write_result(files(), folder, record, manifest());
}

}  // namespace bitline::app
