#include "bitline/app/completion.h"

#include <CLI/CLI.hpp>

namespace bitline::app {

namespace {

std::string long_options(const CLI::App& app) {
  std::string out;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) out += (out.empty() ? "--" : " --") + name;
  }
  return out;
}

std::string command_names(const CLI::App& app) {
  std::string out;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    out += (out.empty() ? "" : " ") + sub->get_name();
  return out;
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  std::string out = shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "";
  out += "_bitline() {\n";
  out += "  local word=${COMP_WORDS[COMP_CWORD]} options\n";
  out += "  case ${COMP_CWORD}:${COMP_WORDS[1]} in\n";
  out += "    1:*) options=\"" + command_names(app) + " " + long_options(app) + "\" ;;\n";
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    out += "    *:" + sub->get_name() + ") options=\"" + long_options(*sub) + "\" ;;\n";
  out += "  esac\n";
  out += "  COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n";
  out += "}\n";
  out += "complete -o default -F _bitline bitline\n";
  return out;
}

}  // namespace bitline::app
