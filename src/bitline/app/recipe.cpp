#include "bitline/app/recipe.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "bitline/app/command.h"
#include "bitline/base/suggest.h"

namespace bitline::app {

namespace {

constexpr const char* kSchema = "bitline-recipe/1";

using Variables = std::map<std::string, std::string>;
using Overrides = std::map<std::string, std::string>;

Variables folders(const std::string& out) {
  Variables variables = {{"out", out}};
  if (const char* data = std::getenv("BITLINE_DATA"); data != nullptr) variables["data"] = data;
  return variables;
}

std::string with_dashes(std::string text) {
  std::replace(text.begin(), text.end(), '/', '-');
  return text;
}

std::string expand(const std::string& text, const Variables& variables, const Where& where) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t end = text[i] == '{' ? text.find('}', i) : std::string::npos;
    if (end == std::string::npos) {
      out += text[i];
      continue;
    }
    std::string key = text.substr(i + 1, end - i - 1);
    const bool file_name = key.ends_with('/');
    if (file_name) key.pop_back();
    const auto it = variables.find(key);
    if (it == variables.end()) {
      if (key == "data") bad_input("'{data}' is $BITLINE_DATA, which is not set", where);
      std::vector<std::string> known;
      for (const auto& [name, value] : variables) known.push_back(name);
      bad_input("nothing is called '{" + key + "}' here", where, suggestion(key, known));
    }
    out += file_name ? with_dashes(it->second) : it->second;
    i = end;
  }
  return out;
}

std::vector<std::string> values_of(const io::YamlNode& node, const Variables& variables) {
  std::vector<std::string> out;
  if (node.kind != io::YamlNode::Kind::kSequence) return {expand(node.as_text(), variables, node.where)};
  for (const io::YamlNode& item : node.items) out.push_back(expand(item.as_text(), variables, item.where));
  return out;
}

// One value of a loop: text for its key, or a map of names that change together.
Variables with_value(Variables variables, const std::string& key, const io::YamlNode& value) {
  if (value.kind != io::YamlNode::Kind::kMap) {
    variables[key] = expand(value.as_text(), variables, value.where);
    return variables;
  }
  if (value.entries.empty()) bad_input("a value of '" + key + "' names nothing", value.where);
  for (const auto& [name, each] : value.entries)
    variables[name] = expand(each.as_text(), variables, each.where);
  return variables;
}

std::vector<Variables> combinations(const io::YamlNode* loop, const Variables& base) {
  std::vector<Variables> out = {base};
  if (loop == nullptr) return out;
  if (loop->kind != io::YamlNode::Kind::kMap || loop->entries.empty())
    bad_input("'for' is a map of a name to a list of values", loop->where);
  for (const auto& [key, list] : loop->entries) {
    const bool many = list.kind == io::YamlNode::Kind::kSequence;
    const std::vector<io::YamlNode> values = many ? list.items : std::vector<io::YamlNode>{list};
    if (values.empty()) bad_input("'" + key + "' has no value to go through", list.where);
    std::vector<Variables> next;
    for (const Variables& before : out) {
      for (const io::YamlNode& value : values) next.push_back(with_value(before, key, value));
    }
    out = std::move(next);
  }
  return out;
}

const std::vector<std::string>& step_commands() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const CommandEntry& entry : commands()) {
      if (entry.is_step) out.emplace_back(entry.name);
    }
    return out;
  }();
  return names;
}

struct CommandKey {
  std::string name;
  const io::YamlNode* options;
  Where where;
};

CommandKey command_of(const io::YamlNode& step) {
  CommandKey found{{}, nullptr, step.where};
  for (std::size_t i = 0; i < step.entries.size(); ++i) {
    const std::string& key = step.entries[i].first;
    if (key == "name" || key == "for") continue;
    const std::vector<std::string>& known = step_commands();
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      bad_input("'" + key + "' is not a step", step.key_places[i], suggestion(key, known));
    }
    if (found.options != nullptr)
      bad_input("a step has one command, this one has '" + found.name + "' and '" + key + "'",
                step.key_places[i]);
    found = {key, &step.entries[i].second, step.key_places[i]};
  }
  if (found.options == nullptr)
    bad_input("a step needs a command", step.where, suggestion("", step_commands()));
  return found;
}

RecipeStep make_step(const io::YamlNode& node, const Variables& variables, Overrides& overrides,
                     std::set<std::string>& used) {
  const CommandKey command = command_of(node);
  RecipeStep step;
  step.command = command.name;
  step.where = command.where;
  const io::YamlNode* name = node.find("name");
  step.name = name == nullptr ? command.name : expand(name->as_text(), variables, name->where);
  if (command.options->kind != io::YamlNode::Kind::kMap)
    bad_input("the options of a step are a map", command.where);
  for (std::size_t i = 0; i < command.options->entries.size(); ++i) {
    const auto& [key, value] = command.options->entries[i];
    std::vector<std::string> values = values_of(value, variables);
    if (const auto it = overrides.find(key); it != overrides.end()) {
      values = {it->second};
      used.insert(key);
    }
    if (values == std::vector<std::string>{"false"}) continue;
    if (values == std::vector<std::string>{"true"}) values.clear();
    step.options.emplace_back(key, std::move(values));
    step.option_places.push_back(command.options->key_places[i]);
  }
  return step;
}

Overrides parse_overrides(const std::vector<std::string>& texts) {
  Overrides out;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      throw Error(ErrorCode::kUsage, "'" + text + "' is not KEY=VALUE");
    out[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return out;
}

}  // namespace

Recipe read_recipe(io::FileSystem& fs, const std::string& path, const std::string& out,
                   const std::vector<std::string>& override_texts) {
  const io::YamlNode root = io::read_yaml(fs, path);
  io::YamlMapReader map(root);
  const io::YamlNode& schema = map.required("schema");
  if (schema.as_text() != kSchema)
    bad_input("schema '" + schema.as_text() + "' is not known", schema.where,
              std::string("expected ") + kSchema);
  Recipe recipe;
  recipe.name = map.required("name").as_text();
  recipe.out = map.text("out", "runs/" + with_dashes(recipe.name));
  if (!out.empty()) recipe.out = out;
  const io::YamlNode& steps = map.required("steps");
  map.finish();
  if (steps.kind != io::YamlNode::Kind::kSequence || steps.items.empty())
    bad_input("'steps' is a list of at least one step", steps.where);
  Overrides overrides = parse_overrides(override_texts);
  std::set<std::string> used;
  for (const io::YamlNode& step : steps.items) {
    for (const Variables& variables : combinations(step.find("for"), folders(recipe.out))) {
      recipe.steps.push_back(make_step(step, variables, overrides, used));
    }
  }
  for (const auto& [key, value] : overrides) {
    if (used.count(key) == 0)
      throw Error(ErrorCode::kUsage, "--set " + key + ": no step of the recipe has this option");
  }
  return recipe;
}

}  // namespace bitline::app
