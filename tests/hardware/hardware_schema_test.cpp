// The committed JSON Schema is the library's, and the reader knows exactly its keys.
#include "bitline/hardware/hardware_schema.h"

#include <set>

#include "base/error_of.h"
#include "hardware/small_chip.h"
#include <gtest/gtest.h>

#include "bitline/hardware/designs.h"
#include "bitline/hardware/spec_keys.h"
#include "bitline/io/atomic_file.h"
#include "bitline/io/yaml.h"

namespace bitline::hardware {
namespace {

using io::Json;

const Json& schema() {
  static const Json value =
      io::parse_json(io::read_text(io::posix(), BITLINE_SOURCE_DIR "/specs/hardware.schema.json"), "schema");
  return value;
}

TEST(HardwareSchema, TheCommittedFileIsTheLibrarys) {
  const std::string committed = io::read_text(io::posix(), BITLINE_SOURCE_DIR "/specs/hardware.schema.json");
  EXPECT_TRUE(committed == hardware_schema().dump() + "\n")
      << "run: bitline hardware schema --out specs/hardware.schema.json";
}

std::set<std::string> keys_of(const Json& object) {
  std::set<std::string> out;
  for (const auto& [key, value] : object.at("properties").as_object()) out.insert(key);
  return out;
}

// The reader's own words: which keys it would have known.
std::set<std::string> keys_of_reader(const std::string& text) {
  const std::string error = error_of([&] { parse_small(text); });
  std::set<std::string> out;
  const std::size_t at = error.find("(known: ");
  EXPECT_NE(at, std::string::npos) << error;
  if (at == std::string::npos) return out;
  std::string word;
  for (const char c : error.substr(at + 8)) {
    if (c == ',' || c == ')') {
      out.insert(word);
      word.clear();
    } else if (c != ' ') {
      word += c;
    }
  }
  return out;
}

constexpr const char* kNoKey = "zzzzzzzzzzzz";

TEST(HardwareSchema, TheReaderKnowsTheKeysOfEverySectionAndNoOther) {
  const std::string start = "schema: bitline-hardware/1\nname: x\n";
  std::set<std::string> sections = keys_of(schema());
  EXPECT_EQ(keys_of_reader(start + kNoKey + ": 1\n"), sections);
  for (const char* key : {"schema", "name", "summary", "extends"}) sections.erase(key);
  for (const std::string& section : sections)
    EXPECT_EQ(keys_of_reader(start + section + ": {" + kNoKey + ": 1}\n"),
              keys_of(schema().at("properties").at(section)))
        << section;
}

TEST(HardwareSchema, TheReaderKnowsTheKeysOfEveryKindOfComponentAndNoOther) {
  const Json& component = schema().at("$defs").at("component");
  EXPECT_EQ(component.at("properties").at("kind").at("enum").as_array().size(), component_kinds().size());
  for (const Json& rule : component.at("allOf").as_array()) {
    const std::string kind = rule.at("if").at("properties").at("kind").at("const").as_text();
    std::set<std::string> allowed;
    for (const Json& key : rule.at("then").at("propertyNames").at("enum").as_array()) {
      allowed.insert(key.as_text());
      EXPECT_NE(component.at("properties").find(key.as_text()), nullptr) << key.as_text();
    }
    allowed.erase("kind");
    const std::string text =
        "schema: bitline-hardware/1\nname: x\nmacro: {components: {part: {kind: " + kind + ", " + kNoKey +
        ": 1}}}\n";
    EXPECT_EQ(keys_of_reader(text), allowed) << kind;
  }
}

// As a validator would: keys of a shipped file against the schema's properties, `$ref` and `anyOf` followed.
const Json* property_of(const Json& object, const std::string& key) {
  if (const Json* reference = object.find("$ref"))
    return property_of(schema().at("$defs").at(reference->as_text().substr(8)), key);
  if (const Json* choices = object.find("anyOf")) {
    for (const Json& choice : choices->as_array()) {
      if (const Json* found = property_of(choice, key)) return found;
    }
  }
  const Json* properties = object.find("properties");
  const Json* found = properties == nullptr ? nullptr : properties->find(key);
  return found != nullptr ? found : object.find("additionalProperties");
}

void expect_known(const io::YamlNode& node, const Json& object, const std::string& path) {
  for (const auto& [key, value] : node.entries) {
    const Json* property = property_of(object, key);
    const bool known = property != nullptr && property->is_object();
    EXPECT_TRUE(known) << path << "." << key;
    if (known) expect_known(value, *property, path + "." + key);
  }
}

TEST(HardwareSchema, EveryKeyOfTheShippedFilesIsInIt) {
  for (const Design& design : designs())
    expect_known(io::parse_yaml(shipped_text(design), shipped_path(design)), schema(), design.name);
}

}  // namespace
}  // namespace bitline::hardware
