// One sub-command: its options and what it does. A command is one file and one line in catalog.cpp.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "bitline/app/session.h"

namespace CLI {
class App;
}

namespace bitline::app {

class Command {
 public:
  virtual ~Command() = default;
  virtual std::string name() const = 0;
  virtual std::string description() const = 0;
  virtual void declare(CLI::App& app) = 0;
  // Does the work. The record is what the caller prints and writes; its keys are documented in
  // docs/results.md.
  virtual result::Record run(Session& session) = 0;
};

struct CommandEntry {
  const char* name;
  std::unique_ptr<Command> (*make)();
  bool is_step = true;  // of recipes
};
std::span<const CommandEntry> commands();

std::unique_ptr<Command> make_info();
std::unique_ptr<Command> make_train();
std::unique_ptr<Command> make_quantize();
std::unique_ptr<Command> make_calibrate();
std::unique_ptr<Command> make_simulate();
std::unique_ptr<Command> make_export();
std::unique_ptr<Command> make_run();
std::unique_ptr<Command> make_hardware();
std::unique_ptr<Command> make_map();
std::unique_ptr<Command> make_estimate();

}  // namespace bitline::app
