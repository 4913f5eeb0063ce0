// bitline hardware: the shipped chip descriptions, one chip with its sums, a check of a file, one component.
#include <array>

#include <CLI/CLI.hpp>

#include "bitline/app/command.h"
#include "bitline/app/hardware_explain.h"
#include "bitline/app/hardware_report.h"
#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/hardware/array_spec.h"
#include "bitline/hardware/designs.h"
#include "bitline/hardware/hardware_schema.h"
#include "bitline/hardware/spec_reader.h"
#include "bitline/io/atomic_file.h"

namespace bitline::app {

namespace {

constexpr const char* kFooter =
    "list                      the shipped designs\n"
    "show NAME                 sums, components, constants and sources of a design or a file\n"
    "check FILE                read a file and say what is in it; exit code 3 when it is wrong\n"
    "explain NAME COMPONENT    one component: constants, formulas, share\n"
    "explain COMPONENT         the same component in all shipped designs\n"
    "schema --out FILE         write the JSON Schema of hardware files";

class HardwareCommand final : public Command {
 public:
  std::string name() const override { return "hardware"; }
  std::string description() const override {
    return "chip descriptions: list, show NAME, check FILE, explain NAME COMPONENT, schema";
  }

  void declare(CLI::App& app) override {
    app.add_option("action", action_, "list, show, check, explain or schema")->required();
    app.add_option("words", words_, "a design or a file, and for explain a component")->expected(0, 2);
    app.add_option("--out", out_, "schema: the file to write");
    app.footer(kFooter);
  }

  result::Record run(Session& session) override {
    struct Action {
      const char* name;
      std::size_t least, most;  // words
      result::Record (HardwareCommand::*run)(Session&) const;
    };
    static constexpr std::array<Action, 5> kActions = {{{"list", 0, 0, &HardwareCommand::list},
                                                        {"show", 1, 1, &HardwareCommand::show},
                                                        {"check", 1, 1, &HardwareCommand::check},
                                                        {"explain", 1, 2, &HardwareCommand::explain},
                                                        {"schema", 0, 0, &HardwareCommand::schema}}};
    std::vector<std::string> names;
    for (const Action& action : kActions) {
      names.emplace_back(action.name);
      if (action_ != action.name) continue;
      if (words_.size() < action.least || words_.size() > action.most)
        throw Error(ErrorCode::kUsage,
                    "hardware " + action_ + " takes " + words_text(action.least, action.most) + ", not " +
                        std::to_string(words_.size()),
                    {}, "bitline hardware --help");
      return (this->*action.run)(session);
    }
    throw Error(ErrorCode::kUsage, "'" + action_ + "' is no action of hardware", {},
                suggestion(action_, names));
  }

 private:
  static std::string words_text(std::size_t least, std::size_t most) {
    const std::string text = least == most ? "" : std::to_string(least) + " or ";
    return text + std::to_string(most) + " more words";
  }

  result::Record list(Session&) const { return hardware_list(); }

  static hardware::HardwareSpec open(Session& session, const std::string& text) {
    hardware::HardwareSpec spec = hardware::open_hardware(session.files(), text);
    for (const std::string& file : spec.files) session.add_input(file);
    return spec;
  }

  result::Record show(Session& session) const { return hardware_show(open(session, words_[0])); }

  result::Record explain(Session& session) const {
    if (words_.size() == 1) return hardware_explain_in_designs(words_[0]);
    return hardware_explain(open(session, words_[0]), words_[1]);
  }

  // An array description is a good hardware file, too.
  result::Record check(Session& session) const {
    const std::string& path = words_[0];
    const hardware::Design* design = session.files().exists(path) ? nullptr : hardware::find_design(path);
    const io::YamlNode root =
        design == nullptr ? io::read_yaml(session.files(), path)
                          : io::parse_yaml(hardware::shipped_text(*design), hardware::shipped_path(*design));
    session.add_input(path);
    result::Record record;
    record.title = path;
    const io::YamlNode* schema = root.find("schema");
    record.add("checked_file", path);
    record.add("schema", schema == nullptr ? std::string() : schema->scalar);
    if (schema != nullptr && schema->scalar == hardware::kArraySchema) {
      record.add("hardware_name", hardware::parse_array_spec(root).name);
      return record;
    }
    const hardware::HardwareSpec spec = design == nullptr ? hardware::read_hardware(session.files(), path)
                                                          : hardware::open_hardware(session.files(), path);
    record.add("hardware_name", spec.name);
    record.add("hardware_files", static_cast<std::int64_t>(spec.files.size()));
    record.add("constants", constant_count(spec));
    record.add("marks", marks_text(spec));
    return record;
  }

  result::Record schema(Session& session) const {
    if (out_.empty())
      throw Error(ErrorCode::kUsage, "hardware schema needs --out", {},
                  "for example --out hardware.schema.json");
    io::write_atomically(session.files(), out_, hardware::hardware_schema().dump() + "\n");
    result::Record record;
    record.title = "JSON Schema of hardware files";
    record.add("schema_file", out_);
    return record;
  }

  std::string action_, out_;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Command> make_hardware() {
  return std::make_unique<HardwareCommand>();
}

}  // namespace bitline::app
