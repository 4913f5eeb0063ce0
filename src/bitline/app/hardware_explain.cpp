#include "bitline/app/hardware_explain.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

#include "bitline/app/hardware_report.h"
#include "bitline/base/suggest.h"
#include "bitline/estimate/roll_up.h"
#include "bitline/hardware/designs.h"
#include "bitline/hardware/spec_keys.h"
#include "bitline/hardware/spec_reader.h"

namespace bitline::app {

namespace {

using estimate::ComponentTotal;
using estimate::RollUp;
using hardware::Constant;
using hardware::Dimension;
using hardware::HardwareSpec;
using hardware::KeySlot;
using hardware::quantity_text;
using hardware::SectionForm;

const SectionForm& find_part(const std::vector<SectionForm>& forms, const std::string& part) {
  std::vector<const SectionForm*> found;
  std::vector<std::string> names;
  for (const SectionForm& form : forms) {
    names.push_back(form.name);
    if (form.name == part) return form;
    if (form.name.ends_with("." + part)) found.push_back(&form);
  }
  if (found.size() == 1) return *found.front();
  if (found.size() > 1)
    throw Error(ErrorCode::kUsage, "'" + part + "' is at more than one level", {},
                "'" + found[0]->name + "' or '" + found[1]->name + "'?");
  throw Error(ErrorCode::kUsage, "the chip has no '" + part + "'", {}, suggestion(part, names));
}

std::string exact_text(double value) {
  std::array<char, 32> buffer{};
  constexpr int kDigits = 12;  // what a file states, without the last bits of its unit's factor
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::general, kDigits)
          .ptr;
  return {buffer.data(), end};
}

result::Table part_constants(const SectionForm& form) {
  result::Table table{"constants",
                      "Constants",
                      {{"constant", "constant", 0},
                       {"value", "value", 0},
                       {"si", "SI", 0},
                       {"unit", "unit", 0},
                       {"mark", "mark", 0},
                       {"meaning", "meaning", 0},
                       {"cite", "cite", 0},
                       {"note", "note", 0},
                       {"place", "place", 0}},
                      {}};
  for (const KeySlot& slot : form.keys) {
    const Constant* c = slot.stated();
    if (c == nullptr) continue;
    table.rows.push_back({std::string(slot.name), c->text, exact_text(c->value),
                          std::string(hardware::dimension_info(c->dimension).unit), mark_text(c->source.mark),
                          std::string(slot.meaning), c->source.cite, c->source.note, c->where.text()});
  }
  return table;
}

// "16 mW for all 8 = 16 mW in a macro, x 2016 = 32.26 W on the chip, 49 % of 65.81 W".
std::string share_text(const std::string& formula, double each, const ComponentTotal& c, double whole,
                       const std::string& level, Dimension dimension) {
  std::string out = formula + " = " + quantity_text(each, dimension);
  if (c.units > 1.0)
    out += " in one " + level + ", x " + quantity_text(c.units, Dimension::kNumber) + " = " +
           quantity_text(each * c.units, dimension) + " on the chip";
  if (whole <= 0.0) return out;
  return out + ", " + quantity_text(each * c.units / whole, Dimension::kFraction) + " of " +
         quantity_text(whole, dimension);
}

void add_energy(const HardwareSpec& spec, const RollUp& r, const ComponentTotal& c, result::Record& record) {
  std::optional<double> uses;  // a second, of one instance
  if (c.name == "adc" && spec.adc.rate) uses = spec.adc.rate->value;
  if ((c.name == "array" || c.name == "dac") && r.cycle) uses = 1.0 / *r.cycle;
  if (!uses || !c.power) return;
  *uses *= c.working;
  const double each = *c.power / c.instances;
  record.add("energy_formula", quantity_text(each, Dimension::kPower) + " / " +
                                   quantity_text(*uses, Dimension::kFrequency) + " = " +
                                   quantity_text(each / *uses, Dimension::kEnergy) + " a " +
                                   (c.name == "adc" ? "conversion" : "cycle") + " of one instance");
}

void add_shares(const HardwareSpec& spec, const RollUp& r, const std::string& name, result::Record& record) {
  const auto it = std::find_if(r.components.begin(), r.components.end(),
                               [&name](const ComponentTotal& c) { return c.name == name; });
  if (it == r.components.end()) return;
  const std::string level = called(spec, r.levels[it->level].name);
  const estimate::LevelTotal& chip = r.chip();
  record.add("instances", it->instances, "in one " + level, it->instances < 1.0 ? 2 : 0);
  record.add("power_formula",
             it->power ? share_text(it->power_formula, *it->power, *it, chip.power, level, Dimension::kPower)
                       : "not stated: the chip's power is a lower bound");
  record.add("area_formula",
             it->area ? share_text(it->area_formula, *it->area, *it, chip.area, level, Dimension::kArea)
                      : "not stated: the chip's area is a lower bound");
  add_energy(spec, r, *it, record);
}

// By its name, by its short name or, of a component, by its kind.
bool is_called(const SectionForm& form, const std::string& part) {
  const hardware::ComponentKind* kind = hardware::find_component_kind(part);
  return form.name == part || form.name.ends_with("." + part) ||
         (kind != nullptr && form.meaning == kind->meaning);
}

void add_rows(const std::string& design, const SectionForm& form, result::Table& table) {
  for (const KeySlot& slot : form.keys) {
    const Constant* c = slot.stated();
    if (c == nullptr) continue;
    table.rows.push_back({design, form.name, std::string(slot.name), c->text, mark_text(c->source.mark),
                          std::string(slot.meaning), c->source.cite});
  }
}

}  // namespace

result::Record hardware_explain(const HardwareSpec& spec, const std::string& part) {
  HardwareSpec copy = spec;
  const std::vector<SectionForm> forms = hardware::stated_forms(copy);
  const SectionForm& form = find_part(forms, part);
  result::Record record;
  record.title = spec.name + ": " + form.name;
  record.add("part", form.name);
  record.add("meaning", form.meaning);
  for (const KeySlot& slot : form.keys) {
    if (slot.word != nullptr && !slot.word->empty() && slot.name != std::string_view("per"))
      record.add(slot.name == std::string_view("kind") ? "kind" : slot.name, *slot.word);
  }
  const RollUp r = estimate::roll_up(copy);
  add_shares(copy, r, form.name, record);
  if (!form.section->source.note.empty()) record.add("note", form.section->source.note);
  record.tables.push_back(part_constants(form));
  return record;
}

result::Record hardware_explain_in_designs(const std::string& part) {
  result::Table table{"constants",
                      "What designs state of it",
                      {{"design", "design", 0},
                       {"part", "part", 0},
                       {"constant", "constant", 0},
                       {"value", "value", 0},
                       {"mark", "mark", 0},
                       {"meaning", "meaning", 0},
                       {"cite", "cite", 0}},
                      {}};
  std::set<std::string> meanings, names;
  for (const hardware::Design& design : hardware::designs()) {
    HardwareSpec spec = hardware::shipped_hardware(design);
    for (const SectionForm& form : hardware::stated_forms(spec)) {
      names.insert(form.name);
      if (!is_called(form, part)) continue;
      meanings.insert(form.meaning);
      add_rows(design.name, form, table);
    }
  }
  if (table.rows.empty())
    throw Error(ErrorCode::kUsage, "no design has '" + part + "'", {},
                suggestion(part, std::vector<std::string>(names.begin(), names.end())) +
                    "; of one chip: bitline hardware explain NAME COMPONENT");
  result::Record record;
  record.title = part;
  record.add("part", part);
  std::string text;
  for (const std::string& meaning : meanings) text += (text.empty() ? "" : "; ") + meaning;
  record.add("meaning", text);
  if (const auto* kind = hardware::find_component_kind(part))
    record.add("energy_formula", std::string("of one use: ") + kind->energy);
  record.tables.push_back(std::move(table));
  return record;
}

}  // namespace bitline::app
