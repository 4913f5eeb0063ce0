// The command line: parses, dispatches, and turns an Error into one line and its exit code.
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "bitline/app/command.h"
#include "bitline/app/completion.h"
#include "bitline/app/interrupt.h"
#include "bitline/base/error.h"
#include "bitline/base/suggest.h"

namespace bitline::app {

namespace {

std::string joined(int argc, char** argv) {
  std::string out;
  for (int i = 0; i < argc; ++i) out += (i == 0 ? "" : " ") + std::string(argv[i]);
  return out;
}

std::string first_unknown_option(const CLI::App& parser, int argc, char** argv) {
  std::vector<std::string> known;
  for (const CLI::Option* option : parser.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  for (int i = 2; i < argc; ++i) {
    const std::string word = std::string(argv[i]).substr(0, std::string_view(argv[i]).find('='));
    if (!word.starts_with("--") || std::find(known.begin(), known.end(), word) != known.end()) continue;
    return "unknown option '" + word + "' of " + parser.get_name() + " (" + suggestion(word, known) + ")";
  }
  return {};
}

// The parser misses what is required before it sees what is misspelt; a misspelling is the better answer.
std::string usage_error(const CLI::ParseError& error, const CLI::App& app, int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  std::vector<std::string> known;
  std::string found;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(sub->get_name());
    if (word == sub->get_name()) found = first_unknown_option(*sub, argc, argv);
  }
  const bool is_command = std::find(known.begin(), known.end(), word) != known.end();
  if (!word.empty() && !word.starts_with("-") && !is_command)
    found = "unknown command '" + word + "' (" + suggestion(word, known) + ")";
  return found.empty() ? std::string(error.what()) + " (bitline --help)" : found;
}

int report_failure(ErrorCode code, const std::string& line) {
  std::cerr << "bitline: " << line << "\n";
  return static_cast<int>(code);
}

struct SubCommand {
  std::unique_ptr<Command> command;
  CLI::App* parser;
};

// A negative number would wrap around to a huge one.
std::string no_sign(const std::string& text) {
  return text.starts_with("-") ? "a seed is a number from 0 to 2^64 - 1" : std::string();
}

std::vector<SubCommand> declare_commands(CLI::App& app, RunOptions& options, std::string& result_folder) {
  std::vector<SubCommand> out;
  for (const CommandEntry& entry : commands()) {
    SubCommand sub{entry.make(), nullptr};
    sub.parser = app.add_subcommand(sub.command->name(), sub.command->description());
    sub.command->declare(*sub.parser);
    sub.parser->add_option("--seed", options.seed, "seed of everything random")
        ->check(no_sign)
        ->capture_default_str();
    sub.parser
        ->add_option("--threads", options.threads, "worker threads, 0 = all cores; never changes a result")
        ->check(CLI::Range(0, 4096));
    sub.parser->add_option("--format", options.format, "text or json")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
    sub.parser->add_flag("--quiet", options.quiet, "no progress");
    if (entry.make != make_run)
      sub.parser->add_option("--result", result_folder, "folder for result.json and manifest.json");
    out.push_back(std::move(sub));
  }
  return out;
}

// `bitline completion SHELL` prints a script; it has no result and takes none of the common options.
const CLI::App* declare_completion(CLI::App& app, std::string& shell) {
  CLI::App* parser =
      app.add_subcommand("completion", "print a completion script: source <(bitline completion bash)");
  parser->add_option("shell", shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  return parser;
}

int run_program(int argc, char** argv) {
  CLI::App app("Train, quantize and simulate networks for compute-in-memory chips.", "bitline");
  app.set_version_flag("--version", version_text());
  app.require_subcommand(1);
  RunOptions options;
  std::string result_folder, shell;
  const std::vector<SubCommand> subs = declare_commands(app, options, result_folder);
  const CLI::App* completion = declare_completion(app, shell);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    return report_failure(ErrorCode::kUsage, usage_error(e, app, argc, argv));
  }
  if (completion->parsed()) std::cout << completion_script(app, shell);
  for (const SubCommand& sub : subs) {
    if (!sub.parser->parsed()) continue;
    Session session(options, joined(argc, argv));
    const result::Record record = sub.command->run(session);
    session.show(record);
    if (!result_folder.empty()) session.write(result_folder, record);
  }
  return 0;
}

}  // namespace

}  // namespace bitline::app

int main(int argc, char** argv) {
  bitline::app::watch_interrupts();
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
