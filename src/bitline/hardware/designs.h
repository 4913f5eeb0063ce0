// The hardware files that bitline ships: all of specs/, built into the library, under the names and aliases
// of specs/designs.yaml. So `--hardware isaac` works in any folder, and from an installed program.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitline::hardware {

struct Design {
  std::string name;  // author-venue-year: specs/NAME.yaml
  std::vector<std::string> aliases;
};

std::span<const Design> designs();
const Design* find_design(std::string_view name_or_alias);  // nullptr when there is none
std::vector<std::string> design_names();                    // aliases included

std::string shipped_path(const Design& design);  // "specs/NAME.yaml", for errors and lists
std::string_view shipped_text(const Design& design);

// How a HardwareSpec names a file that was not read from disk: "builtin:specs/NAME.yaml"; and its text, empty
// for any other path.
std::string builtin_path(const Design& design);
std::string_view builtin_text(std::string_view path);

}  // namespace bitline::hardware
