// The command line: parses, dispatches, and turns an Error into one line and its exit code.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "bitline/app/command.h"
#include "bitline/base/error.h"

namespace bitline::app {

namespace {

std::string joined(int argc, char** argv) {
  std::string out;
  for (int i = 0; i < argc; ++i) out += (i == 0 ? "" : " ") + std::string(argv[i]);
  return out;
}

int report_failure(ErrorCode code, const std::string& line) {
  std::cerr << "bitline: " << line << "\n";
  return static_cast<int>(code);
}

struct SubCommand {
  std::unique_ptr<Command> command;
  CLI::App* parser;
};

std::vector<SubCommand> declare_commands(CLI::App& app, RunOptions& common, std::string& result_folder) {
  std::vector<SubCommand> out;
  for (const CommandEntry& entry : commands()) {
    SubCommand sub{entry.make(), nullptr};
    sub.parser = app.add_subcommand(sub.command->name(), sub.command->description());
    sub.command->declare(*sub.parser);
    sub.parser->add_option("--seed", common.seed, "seed of everything random")->capture_default_str();
    sub.parser
        ->add_option("--threads", common.threads, "worker threads, 0 = all cores; never changes a result")
        ->check(CLI::Range(0, 4096));
    sub.parser->add_option("--format", common.format, "text or json")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
    sub.parser->add_flag("--quiet", common.quiet, "no progress");
    if (entry.make != make_run)
      sub.parser->add_option("--result", result_folder, "folder for result.json and manifest.json");
    out.push_back(std::move(sub));
  }
  return out;
}

int run_program(int argc, char** argv) {
  CLI::App app("Train, quantize and simulate networks for compute-in-memory chips.", "bitline");
  app.set_version_flag("--version", version_text());
  app.require_subcommand(1);
  RunOptions common;
  std::string result_folder;
  const std::vector<SubCommand> subs = declare_commands(app, common, result_folder);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    return report_failure(ErrorCode::kUsage, std::string(e.what()) + " (bitline --help)");
  }
  for (const SubCommand& sub : subs) {
    if (!sub.parser->parsed()) continue;
    Session session(common, joined(argc, argv));
    const result::Record record = sub.command->run(session);
    session.show(record);
    if (!result_folder.empty()) session.write(result_folder, record);
  }
  return 0;
}

}  // namespace

}  // namespace bitline::app

int main(int argc, char** argv) {
  try {
    return bitline::app::run_program(argc, argv);
  } catch (const bitline::Error& e) {
    return bitline::app::report_failure(e.code(), e.what());
  } catch (const std::bad_alloc&) {
    return bitline::app::report_failure(bitline::ErrorCode::kFailure, "out of memory");
  } catch (const std::exception& e) {
    return bitline::app::report_failure(bitline::ErrorCode::kInternal, e.what());
  }
}
