// Shell completion, made from the declared commands and options.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace bitline::app {

// A script for `source` in bash; zsh runs the same one through its bashcompinit.
std::string completion_script(const CLI::App& app, const std::string& shell);

}  // namespace bitline::app
