#include "bitline/hardware/designs.h"

#include <algorithm>

#include "bitline/base/error.h"
#include "bitline/hardware/impl/shipped_files.h"
#include "bitline/io/yaml.h"

namespace bitline::hardware {

namespace {

constexpr std::string_view kList = "designs.yaml";

const ShippedFile& shipped_file(std::string_view name) {
  const auto files = shipped_files();
  const auto it =
      std::find_if(files.begin(), files.end(), [&](const ShippedFile& f) { return f.name == name; });
  BITLINE_CHECK(it != files.end());
  return *it;
}

std::vector<Design> read_list() {
  const io::YamlNode root = io::parse_yaml(shipped_file(kList).text, "specs/designs.yaml");
  std::vector<Design> out;
  for (const auto& [name, aliases] : root.entries) {
    out.push_back({name, {}});
    for (const io::YamlNode& alias : aliases.items) out.back().aliases.push_back(alias.as_text());
  }
  return out;
}

}  // namespace

std::span<const Design> designs() {
  static const std::vector<Design> list = read_list();
  return list;
}

const Design* find_design(std::string_view wanted) {
  for (const Design& design : designs()) {
    const auto& aliases = design.aliases;
    if (design.name == wanted || std::find(aliases.begin(), aliases.end(), wanted) != aliases.end())
      return &design;
  }
  return nullptr;
}

std::vector<std::string> design_names() {
  std::vector<std::string> out;
  for (const Design& design : designs()) {
    out.push_back(design.name);
    out.insert(out.end(), design.aliases.begin(), design.aliases.end());
  }
  return out;
}

std::string shipped_path(const Design& design) {
  return "specs/" + design.name + ".yaml";
}

std::string builtin_path(const Design& design) {
  return "builtin:" + shipped_path(design);
}

std::string_view builtin_text(std::string_view path) {
  for (const Design& design : designs())
    if (path == builtin_path(design)) return shipped_text(design);
  return {};
}

std::string_view shipped_text(const Design& design) {
  return shipped_file(design.name + ".yaml").text;
}

}  // namespace bitline::hardware
