#include "bitline/app/hardware_report.h"

#include <algorithm>
#include <cmath>
#include <map>

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
using hardware::Mark;
using hardware::OptionalConstant;
using hardware::quantity_text;
using hardware::quantity_text_like;
using hardware::SectionForm;

constexpr double kMilli = 1e3, kSquareMillimetre = 1e6, kTera = 1e12, kNano = 1e9;
constexpr double kMebi = 1024.0 * 1024.0;

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::vector<Constant> constants_of(const HardwareSpec& spec) {
  HardwareSpec copy = spec;
  std::vector<Constant> out;
  for (const SectionForm& form : hardware::stated_forms(copy)) {
    for (const KeySlot& slot : form.keys) {
      if (const Constant* c = slot.stated()) out.push_back(*c);
    }
  }
  return out;
}

// Sources by number, so that a long one stands there once.
class SourceList {
 public:
  std::int64_t number_of(const std::string& cite) {
    const auto it = std::find(cites_.begin(), cites_.end(), cite);
    if (it != cites_.end()) return it - cites_.begin() + 1;
    cites_.push_back(cite);
    return std::ssize(cites_);
  }

  result::Table table() const {
    result::Table out{"sources", "Sources", {{"source", "source", 0}, {"cite", "cite", 0}}, {}};
    for (std::size_t i = 0; i < cites_.size(); ++i)
      out.rows.push_back({static_cast<std::int64_t>(i + 1), cites_[i]});
    return out;
  }

 private:
  std::vector<std::string> cites_;
};

void add_constant_tables(const HardwareSpec& spec, result::Record& record) {
  HardwareSpec copy = spec;
  SourceList sources;
  result::Table table{
      "constants",
      "Constants",
      {{"constant", "constant", 0}, {"value", "value", 0}, {"mark", "mark", 0}, {"source", "source", 0}},
      {}};
  for (const SectionForm& form : hardware::stated_forms(copy)) {
    for (const KeySlot& slot : form.keys) {
      const std::string name = form.name + "." + slot.name;
      if (slot.word != nullptr && !slot.word->empty())
        table.rows.push_back({name, *slot.word, std::string(), std::string()});
      const Constant* c = slot.stated();
      if (c == nullptr) continue;
      table.rows.push_back({name, c->text, mark_text(c->source.mark), sources.number_of(c->source.cite)});
    }
  }
  record.tables.push_back(std::move(table));
  record.tables.push_back(sources.table());
}

result::Value scaled(const std::optional<double>& value, double factor) {
  return value ? result::Value(*value * factor) : result::Value(std::string("not stated"));
}

result::Value percent(const std::optional<double>& part, double units, double whole) {
  if (!part || whole <= 0.0) return std::string();
  return 100.0 * *part * units / whole;
}

result::Table component_table(const RollUp& r) {
  result::Table table{"components",
                      "Components, of one macro, tile or chip",
                      {{"component", "component", 0},
                       {"instances", "instances", 2},
                       {"power", "power mW", 4},
                       {"area", "area mm2", 5},
                       {"units", "units on chip", 0},
                       {"power_share", "power %", 2},
                       {"area_share", "area %", 2}},
                      {}};
  for (const ComponentTotal& c : r.components)
    table.rows.push_back({c.name, c.instances, scaled(c.power, kMilli), scaled(c.area, kSquareMillimetre),
                          c.units, percent(c.power, c.units, r.chip().power),
                          percent(c.area, c.units, r.chip().area)});
  return table;
}

result::Table level_table(const HardwareSpec& spec, const RollUp& r) {
  result::Table table{"levels",
                      "Sums",
                      {{"level", "level", 0},
                       {"called", "called", 0},
                       {"units", "units on chip", 0},
                       {"power", "power mW", 3},
                       {"area", "area mm2", 5}},
                      {}};
  for (const estimate::LevelTotal& level : r.levels) {
    if (spec.is_digital() && &level != &r.chip()) continue;
    table.rows.push_back({std::string(level.name), called(spec, level.name), level.units,
                          level.power * kMilli, level.area * kSquareMillimetre});
  }
  return table;
}

result::Table published_table(const HardwareSpec& spec, const RollUp& r) {
  result::Table table{"published",
                      "Published totals against these sums",
                      {{"figure", "figure", 0},
                       {"published", "published", 0},
                       {"computed", "computed", 0},
                       {"gap", "gap %", 2},
                       {"mark", "mark", 0},
                       {"note", "note", 0}},
                      {}};
  for (const estimate::Comparison& c : compare(spec, r)) {
    const Dimension dimension = c.published.dimension;
    table.rows.push_back(
        {c.key, c.published.text,
         c.computed ? quantity_text_like(*c.computed, dimension, c.published.text) : std::string("not known"),
         c.computed ? result::Value(c.gap_percent()) : result::Value(std::string()),
         mark_text(c.published.source.mark), c.published.source.note});
  }
  return table;
}

// A figure that may be tiny or huge, with four digits that count.
void add_figure(result::Record& record, const char* key, double value, const char* unit) {
  int decimals = 0;
  for (double next = std::abs(value); next > 0.0 && next < 1000.0 && decimals < 12; next *= 10.0) ++decimals;
  record.add(key, value, unit, decimals);
}

void add_optional(result::Record& record, const char* key, const std::optional<double>& value, double factor,
                  const char* unit) {
  if (value) add_figure(record, key, *value * factor, unit);
}

// A sum without the components of `missing` is a lower bound, and said to be one.
void add_sum(result::Record& record, const std::string& key, double value, const char* unit,
             const std::vector<std::string>& missing) {
  if (value > 0.0) add_figure(record, key.c_str(), value, unit);
  if (!missing.empty()) record.add("not_in_" + key, join(missing));
}

void add_totals(const HardwareSpec& spec, const RollUp& r, result::Record& record) {
  const estimate::LevelTotal& chip = r.chip();
  if (!spec.is_digital()) {
    record.add("chip_arrays", r.arrays, "", 0);
    add_figure(record, "weight_capacity", r.weight_bytes / kMebi, "MiB");
  }
  add_optional(record, "array_cycle", r.cycle, kNano, "ns");
  add_optional(record, "macs_per_array_cycle", r.macs_per_cycle, 1.0, "");
  add_sum(record, "chip_power", chip.power, "W", chip.no_power);
  add_sum(record, "chip_area", chip.area * kSquareMillimetre, "mm2", chip.no_area);
  add_optional(record, "peak", r.peak, 1.0 / kTera, "TOPS");
  add_optional(record, "power_efficiency", r.power_efficiency, 1.0 / kTera, "TOPS/W");
  add_optional(record, "area_efficiency", r.area_efficiency, 1.0 / (kTera * kSquareMillimetre), "TOPS/mm2");
  if (!r.peak || !spec.operands.weight_bits || !spec.operands.input_bits) return;
  record.add("operation", "a multiply-accumulate is two; " + spec.operands.weight_bits->text +
                              "-bit weights, " + spec.operands.input_bits->text +
                              "-bit inputs, skipped ones not counted");
}

}  // namespace

std::string called(const HardwareSpec& spec, const std::string& level) {
  const std::string& name =
      level == "macro" ? spec.macro.called : (level == "tile" ? spec.tile.called : spec.chip.called);
  return name.empty() ? level : name;
}

std::string mark_text(hardware::Mark mark) {
  const std::string name = hardware::mark_name(mark);
  return mark == Mark::kMemory ? name + " (unverified)" : name;
}

std::string marks_text(const HardwareSpec& spec) {
  std::map<Mark, int> counts;
  for (const Constant& c : constants_of(spec)) ++counts[c.source.mark];
  std::vector<std::string> words;
  for (const auto& [mark, count] : counts) words.push_back(std::to_string(count) + " " + mark_text(mark));
  return join(words);
}

std::int64_t constant_count(const HardwareSpec& spec) {
  return std::ssize(constants_of(spec));
}

result::Record hardware_list() {
  result::Record record;
  record.title = "hardware";
  result::Table table{
      "designs",
      "Designs",
      {{"design", "design", 0}, {"aliases", "aliases", 0}, {"node", "node", 0}, {"summary", "summary", 0}},
      {}};
  for (const hardware::Design& design : hardware::designs()) {
    const HardwareSpec spec = hardware::shipped_hardware(design);
    table.rows.push_back({design.name, join(design.aliases),
                          spec.technology.node ? spec.technology.node->text : std::string(), spec.summary});
  }
  record.add("designs", std::ssize(table.rows));
  record.tables.push_back(std::move(table));
  return record;
}

result::Record hardware_show(const HardwareSpec& spec) {
  const RollUp r = estimate::roll_up(spec);
  result::Record record;
  record.title = spec.name;
  if (!spec.summary.empty()) record.add("hardware_summary", spec.summary);
  record.add("hardware_files", join(spec.files));
  record.add("constants", constant_count(spec));
  record.add("marks", marks_text(spec));
  add_totals(spec, r, record);
  record.tables.push_back(level_table(spec, r));
  if (!r.components.empty()) record.tables.push_back(component_table(r));
  if (spec.published.stated) record.tables.push_back(published_table(spec, r));
  add_constant_tables(spec, record);
  return record;
}

}  // namespace bitline::app
