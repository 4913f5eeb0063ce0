#include "bitline/hardware/hardware_schema.h"

#include <algorithm>

#include "bitline/hardware/spec_keys.h"
#include "bitline/hardware/spec_reader.h"

namespace bitline::hardware {

namespace {

using io::Json;
using io::JsonArray;
using io::JsonObject;

constexpr const char* kNumberPattern = "^-?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?";

Json text_of(const char* description) {
  return JsonObject{{"type", "string"}, {"description", description}};
}

Json reference(const std::string& name) {
  return JsonObject{{"$ref", "#/$defs/" + name}};
}

Json closed_object(JsonObject properties, JsonArray required) {
  JsonObject out = {
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) out.emplace_back("required", std::move(required));
  return out;
}

JsonObject source_properties() {
  return {{"cite", reference("cite")}, {"mark", reference("mark")}, {"note", reference("note")}};
}

// "value" or {value, cite, mark, note}.
Json with_source(const Json& value) {
  JsonObject properties = {{"value", value}};
  for (auto& [key, property] : source_properties()) properties.emplace_back(key, property);
  return JsonObject{{"anyOf", JsonArray{value, closed_object(std::move(properties), JsonArray{"value"})}}};
}

// An identifier for $defs: "energy per byte" -> "energy_per_byte".
std::string definition_name(const DimensionInfo& info) {
  std::string out = info.name;
  std::replace(out.begin(), out.end(), ' ', '_');
  return out;
}

Json quantity_value(const DimensionInfo& info) {
  std::string units;
  for (const std::string& symbol : unit_symbols(info.dimension)) units += (units.empty() ? "" : "|") + symbol;
  Json text = JsonObject{{"type", "string"}, {"pattern", std::string(kNumberPattern) + " ?(" + units + ")$"}};
  if (info.dimension == Dimension::kFraction)
    text = JsonObject{{"anyOf", JsonArray{JsonObject{{"type", "number"}}, text}}};
  text.set("description", std::string(info.name) + ", such as " + info.example);
  return text;
}

Json whole_number(const KeyRange& range) {
  return JsonObject{{"type", "integer"},
                    {"minimum", static_cast<std::int64_t>(range.low)},
                    {"maximum", static_cast<std::int64_t>(range.high)}};
}

Json real_number(const KeyRange& range) {
  return JsonObject{{"type", "number"}, {"minimum", range.low}, {"maximum", range.high}};
}

Json slot_schema(const KeySlot& slot) {
  Json out;
  if (slot.word != nullptr) {
    out = JsonObject{{"type", "string"}};
    JsonArray choices;
    for (const std::string& choice : slot.choices) choices.emplace_back(choice);
    if (!choices.empty()) out.set("enum", std::move(choices));
  } else if (slot.dimension == Dimension::kCount) {
    out = with_source(whole_number(slot.range));
  } else if (slot.dimension == Dimension::kNumber) {
    out = with_source(real_number(slot.range));
  } else {
    out = reference(definition_name(dimension_info(slot.dimension)));
  }
  out.set("description", slot.meaning);
  return out;
}

Json section_schema(const SectionForm& form) {
  JsonObject properties;
  for (const KeySlot& slot : form.keys) properties.emplace_back(slot.name, slot_schema(slot));
  if (form.level != nullptr) properties.emplace_back("components", reference("components"));
  for (auto& [key, property] : source_properties()) properties.emplace_back(key, property);
  Json out = closed_object(std::move(properties), {});
  out.set("description", form.meaning);
  return out;
}

// Which keys a component may have when its kind is this one.
Json kind_rule(const ComponentKind& kind, const SectionForm& form) {
  JsonArray names = {"kind", "cite", "mark", "note"};
  for (const KeySlot& slot : form.keys) names.emplace_back(slot.name);
  const Json is_kind = JsonObject{{"properties", JsonObject{{"kind", JsonObject{{"const", kind.name}}}}},
                                  {"required", JsonArray{"kind"}}};
  const Json then = JsonObject{{"propertyNames", JsonObject{{"enum", std::move(names)}}}};
  return JsonObject{{"description", std::string(kind.meaning) + "; one use is " + kind.energy},
                    {"if", is_kind},
                    {"then", then}};
}

Json component_schema() {
  JsonArray kinds, rules;
  Json properties = JsonObject{};
  for (const ComponentKind& kind : component_kinds()) {
    Component component;
    component.kind = kind.name;
    const SectionForm form = component_form("macro", component);
    for (const KeySlot& slot : form.keys) properties.set(slot.name, slot_schema(slot));
    kinds.emplace_back(kind.name);
    rules.push_back(kind_rule(kind, form));
  }
  properties.set("kind", JsonObject{{"type", "string"}, {"enum", std::move(kinds)}});
  for (auto& [key, property] : source_properties()) properties.set(key, property);
  Json out = closed_object(properties.as_object(), {});
  out.set("type", JsonArray{"object", "null"});
  out.set("allOf", std::move(rules));
  return out;
}

Json definitions() {
  JsonArray marks;
  for (const Mark mark : {Mark::kSourced, Mark::kDerived, Mark::kReconstructed, Mark::kMemory, Mark::kAssumed,
                          Mark::kCalibrated})
    marks.emplace_back(mark_name(mark));
  Json out = JsonObject{
      {"cite",
       JsonObject{{"type", "string"}, {"minLength", 1}, {"description", "the source of the constants"}}},
      {"mark",
       JsonObject{{"enum", std::move(marks)}, {"description", "how good the source is; SOURCED if absent"}}},
      {"note", text_of("what a reader should know")}};
  for (const DimensionInfo& info : dimensions()) {
    if (info.dimension == Dimension::kCount || info.dimension == Dimension::kNumber) continue;
    out.set(definition_name(info), with_source(quantity_value(info)));
  }
  out.set("component", component_schema());
  out.set("components", JsonObject{{"type", "object"},
                                   {"propertyNames", JsonObject{{"pattern", "^[a-z0-9_]+$"}}},
                                   {"additionalProperties", reference("component")}});
  return out;
}

}  // namespace

Json hardware_schema() {
  HardwareSpec spec;
  JsonObject properties = {
      {"schema", JsonObject{{"const", kHardwareSchema}}},
      {"name", text_of("of the chip")},
      {"summary", text_of("one line about it")},
      {"extends", text_of("a file beside this one, or a shipped design, whose constants this file changes")}};
  for (const SectionForm& form : section_forms(spec))
    properties.emplace_back(form.name, section_schema(form));
  Json out = JsonObject{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                        {"title", "bitline hardware description"}};
  const Json body = closed_object(std::move(properties), JsonArray{"schema", "name"});
  for (const auto& [key, value] : body.as_object()) out.set(key, value);
  out.set("$defs", definitions());
  return out;
}

}  // namespace bitline::hardware
