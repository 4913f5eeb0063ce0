// bitline run: the steps of a recipe, one after the other, and one table of what came out.
//
// Finished steps are kept in steps.json in the folder of the run; a run that was interrupted, or whose recipe
// grew, goes on where it stopped.
#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include <CLI/CLI.hpp>
#include <fnmatch.h>

#include "bitline/app/command.h"
#include "bitline/app/journal.h"
#include "bitline/app/options.h"
#include "bitline/app/recipe.h"
#include "bitline/app/run_summary.h"
#include "bitline/base/error.h"
#include "bitline/base/hash.h"
#include "bitline/base/suggest.h"
#include "bitline/base/units.h"
#include "bitline/hardware/array_spec.h"
#include "bitline/hardware/designs.h"

namespace bitline::app {

namespace {

// Options that name files which a step writes. What it reads, it tells the session.
constexpr std::array<std::string_view, 5> kOutputOptions = {"out", "picture", "gantt", "activity-out",
                                                            "logits"};

class RunCommand final : public Command {
 public:
  std::string name() const override { return "run"; }
  std::string description() const override { return "run the steps of a recipe"; }

  void declare(CLI::App& app) override {
    app.add_option("recipe", path_, "recipe file")->required();
    app.add_option("--out", out_, "folder of the run (default: the recipe's)");
    app.add_option("--set", overrides_, "KEY=VALUE for an option that steps of the recipe have");
    app.add_option("--only", only_,
                   "steps to run, by name ('*' is any text); of others what was measured before");
    app.add_flag("--fresh", fresh_, "do not take over finished steps of an earlier run");
  }

  result::Record run(Session& session) override {
    Recipe recipe = read_recipe(session.files(), path_, out_, overrides_);
    session.add_input(path_);
    for (const RecipeStep& step : recipe.steps) {  // what is wrong is found before the first step runs
      prepare(step);
      check_hardware(step, session.files());
    }
    check_only(recipe);
    session.files().make_directories(recipe.out);
    const std::string journal_path = recipe.out + "/steps.json";
    if (fresh_ && only_.empty()) session.files().remove(journal_path);
    Journal journal(session.files(), journal_path);
    const std::vector<result::Record> done = run_steps(recipe, session, journal);
    result::Record record;
    record.title = recipe.name;
    record.add("steps", static_cast<std::int64_t>(recipe.steps.size()));
    record.add("folder", recipe.out);
    add_summary(recipe, done, record);
    session.write(recipe.out, record);
    return record;
  }

 private:
  struct Prepared {
    std::unique_ptr<Command> command;
    std::unique_ptr<CLI::App> parser;
  };

  static std::unique_ptr<Command> make(const std::string& name) {
    for (const CommandEntry& entry : commands()) {
      if (name == entry.name) return entry.make();
    }
    return nullptr;
  }

  static void check_options(const RecipeStep& step, const CLI::App& parser) {
    std::vector<std::string> known;
    for (const CLI::Option* option : parser.get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back(name);
    }
    for (std::size_t i = 0; i < step.options.size(); ++i) {
      const auto& [key, values] = step.options[i];
      if (std::find(known.begin(), known.end(), key) == known.end())
        bad_input("'" + key + "' is not an option of " + step.command, step.option_places[i],
                  suggestion(key, known));
      if (parser.get_option("--" + key)->get_expected_max() == 0 && !values.empty())
        bad_input("'" + key + "' is '" + values.front() + "'", step.option_places[i],
                  "expected true or false");
    }
  }

  // Designs, files or arrays: all there are before the first step.
  static void check_hardware(const RecipeStep& step, io::FileSystem& files) {
    for (std::size_t i = 0; i < step.options.size(); ++i) {
      const auto& [key, values] = step.options[i];
      if (key != "hardware" && key != "vs") continue;
      for (const std::string& value : values) {
        for (const std::string& name : CLI::detail::split(value, ',')) {
          if (hardware::find_design(name) != nullptr || files.exists(name)) continue;
          try {
            hardware::open_array_spec(files, name);
          } catch (const Error& error) {
            bad_input(error.message(), step.option_places[i], error.hint());
          }
        }
      }
    }
  }

  static Prepared prepare(const RecipeStep& step) {
    Prepared out{make(step.command), std::make_unique<CLI::App>()};
    out.parser->set_help_flag();  // a recipe has options only
    out.command->declare(*out.parser);
    check_options(step, *out.parser);
    std::vector<std::string> arguments;
    for (const auto& [key, values] : step.options) {
      arguments.push_back("--" + key);
      arguments.insert(arguments.end(), values.begin(), values.end());
    }
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    try {
      out.parser->parse(arguments);
    } catch (const CLI::ParseError& e) {
      bad_input(step.command + ": " + e.what(), step.where);
    } catch (const Error& e) {  // of an option that is more than text
      bad_input(step.command + ": " + e.message(), step.where, e.hint());
    }
    return out;
  }

  void check_only(const Recipe& recipe) const {
    std::vector<std::string> names;
    for (const RecipeStep& step : recipe.steps) names.push_back(step.name);
    for (const std::string& pattern : only_) {
      if (std::none_of(names.begin(), names.end(), [&](const auto& name) { return fits(pattern, name); }))
        throw Error(ErrorCode::kUsage, "--only: no step is '" + pattern + "'", {},
                    suggestion(pattern, names));
    }
  }

  static bool fits(const std::string& pattern, const std::string& name) {
    return pattern == name || fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  }

  bool is_to_run(const RecipeStep& step) const {
    return only_.empty() || std::any_of(only_.begin(), only_.end(),
                                        [&](const std::string& pattern) { return fits(pattern, step.name); });
  }

  // The record of each step. Steps that have none, neither of now nor of before, are taken out of the recipe.
  std::vector<result::Record> run_steps(Recipe& recipe, Session& session, Journal& journal) const {
    const std::vector<RecipeStep> steps = std::exchange(recipe.steps, {});
    std::vector<result::Record> done;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const std::string label = "[" + std::to_string(i + 1) + "/" + std::to_string(steps.size()) + "] " +
                                steps[i].command + ": " + steps[i].name;
      std::optional<result::Record> record = run_step(steps[i], label, session, journal);
      if (!record) continue;
      done.push_back(std::move(*record));
      recipe.steps.push_back(steps[i]);
    }
    return done;
  }

  static std::string key_of(const RecipeStep& step, const Session& session) {
    std::string text = step.command + "|" + std::to_string(session.options().seed);
    for (const auto& [key, values] : step.options) {
      text += "|" + key;
      for (const std::string& value : values) text += "=" + value;
    }
    return step.name + " " + hash_text(hash_bytes(std::string_view(text)));
  }

  static std::set<std::string> outputs_of(const RecipeStep& step) {
    std::set<std::string> out;
    for (const auto& [key, values] : step.options)
      if (std::find(kOutputOptions.begin(), kOutputOptions.end(), key) != kOutputOptions.end())
        out.insert(values.begin(), values.end());
    return out;
  }

  std::optional<result::Record> run_step(const RecipeStep& step, const std::string& label, Session& session,
                                         Journal& journal) const {
    const bool runs = is_to_run(step);
    const std::string key = key_of(step, session);
    const result::Record* before = runs ? (fresh_ ? nullptr : journal.find(key)) : journal.measured(key);
    if (before == nullptr) {
      session.note(label + (runs ? "" : "  (not run)"));
      return runs ? std::optional(execute(step, key, session, journal)) : std::nullopt;
    }
    if (runs) session.note(label + "  (done before)");
    const std::set<std::string> outputs = outputs_of(step);
    for (const std::string& file : journal.files(key))
      if (outputs.count(file) == 0) session.add_input(file);
    return *before;
  }

  static result::Record execute(const RecipeStep& step, const std::string& key, Session& session,
                                Journal& journal) {
    session.context().check_cancelled();
    const double start = unix_time();
    session.take_inputs();
    result::Record record = prepare(step).command->run(session);
    record.add("step_seconds", unix_time() - start, "s", 1);
    std::set<std::string> files = session.take_inputs();
    files.merge(outputs_of(step));
    journal.add(key, record, {files.begin(), files.end()});
    return record;
  }

  std::string path_, out_;
  std::vector<std::string> overrides_, only_;
  bool fresh_ = false;
};

}  // namespace

std::unique_ptr<Command> make_run() {
  return std::make_unique<RunCommand>();
}

}  // namespace bitline::app
