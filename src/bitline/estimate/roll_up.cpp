#include "bitline/estimate/roll_up.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "bitline/base/units.h"
#include "bitline/estimate/accumulation.h"
#include "bitline/estimate/technology.h"

namespace bitline::estimate {

namespace {

using hardware::Component;
using hardware::Dimension;
using hardware::HardwareSpec;
using hardware::OptionalConstant;
using hardware::quantity_text;
using hardware::value_or;

constexpr std::size_t kMacro = 0, kTile = 1, kChip = 2;
constexpr std::array<const char*, 3> kLevelNames = {"macro", "tile", "chip"};

double instances_of(const Component& c) {
  return value_or(c.count, 1.0) / value_or(c.shared_by, 1.0);
}

// A stated figure, as a total over the instances of one unit of the level.
double total_of(const Component& c, double figure) {
  const double instances = instances_of(c);
  return c.per == "group" ? figure / value_or(c.shared_by, 1.0) : figure * instances;
}

std::string count_text(double count) {
  return quantity_text(count, Dimension::kNumber);
}

std::string scaled_text(double factor) {
  return factor == 1.0 ? "" : " x " + quantity_text(factor, Dimension::kNumber) + " (scaled)";
}

std::string formula_of(const Component& c, const std::string& figure, bool of_group, double factor) {
  const double count = value_or(c.count, 1.0);
  std::string out = figure;
  if (count > 1.0) out += (of_group ? " for all " : " x ") + count_text(count);
  if (c.shared_by) out += " / " + c.shared_by->text + " that share it";
  return out + scaled_text(factor);
}

struct Factors {
  double power = 1.0;
  double area = 1.0;
};

// Uses a second of one instance, where energy alone is stated: a read each cycle, a conversion at the full
// rate. `share`: how much of that, or of the stated power, arrays at work need.
struct Use {
  std::optional<double> rate;
  std::string text;
  double share = 1.0;
};

constexpr double kNearlyAll = 1.0 - 1e-9;

double at_most_all(double share) {
  return share < kNearlyAll ? share : 1.0;
}

// Of the rows, those that are active take inputs in a cycle.
double dac_share(const HardwareSpec& spec) {
  if (!spec.dac.count || !spec.array.active_rows) return 1.0;
  const double rows = value_or(spec.array.count, 1.0) * spec.array.active_rows->value;
  return at_most_all(rows / instances_of(spec.dac));
}

// Of a cycle, the time in which an ADC converts its columns.
double adc_share(const HardwareSpec& spec, std::optional<double> cycle) {
  const std::optional<double> each = conversion_time(spec);
  if (!each || !cycle) return 1.0;
  std::optional<double> busy = conversion_cycle(spec);
  if (!busy && spec.adc.count)
    busy = value_or(spec.array.count, 1.0) * spec.array.columns->value / instances_of(spec.adc) * *each;
  return busy ? at_most_all(*busy / *cycle) : 1.0;
}

std::string working_text(const Use& use) {
  return use.share == 1.0 ? "" : " x " + quantity_text(use.share, Dimension::kFraction) + " at work";
}

void add_power(const Component& c, const Use& use, double factor, ComponentTotal& out) {
  const bool of_group = c.per == "group";
  std::string text;
  if (c.power) {
    out.work = total_of(c, c.power->value) * factor * use.share;
    text = formula_of(c, c.leakage ? "(" + c.power->text + " + " + c.leakage->text + ")" : c.power->text,
                      of_group, factor) +
           working_text(use);
  } else if (c.energy && use.rate) {
    out.work = c.energy->value * *use.rate * instances_of(c) * factor * use.share;
    text = formula_of(c, c.energy->text + use.text, false, factor) + working_text(use);
  }
  if (c.leakage) {
    out.leakage = total_of(c, c.leakage->value) * factor;
    if (!c.power) text += (text.empty() ? "" : " + ") + formula_of(c, c.leakage->text, of_group, factor);
  }
  if (out.work || c.leakage) out.power = out.work.value_or(0.0) + out.leakage;
  out.power_formula = text;
}

// A component that leaks and states an energy, but not how often it is used, has a power that is too low.
bool has_power(const ComponentTotal& c) {
  return c.power && (c.work || !c.component->energy);
}

ComponentTotal total(const Component& c, std::size_t level, const std::string& name, const Use& use,
                     const Factors& factors) {
  ComponentTotal out;
  out.component = &c;
  out.level = level;
  out.name = name;
  out.instances = instances_of(c);
  out.working = use.share;
  add_power(c, use, factors.power, out);
  if (c.area) {
    out.area = total_of(c, c.area->value) * factors.area;
    out.area_formula = formula_of(c, c.area->text, c.per == "group", factors.area);
  }
  return out;
}

std::optional<double> cycle_of(const HardwareSpec& spec) {
  std::optional<double> cycle;
  if (spec.array.cycle) cycle = spec.array.cycle->value;
  if (const auto conversions = conversion_cycle(spec)) cycle = std::max(*conversions, cycle.value_or(0.0));
  return cycle;
}

void add_components(const HardwareSpec& spec, RollUp& out) {
  const hardware::Technology& tech = spec.technology;
  const auto add = [&](const Component& c, std::size_t level, const std::string& name, const Use& use,
                       const AdcFactors& adc) {
    if (!c.stated) return;
    const Factors factors{energy_factor(tech, c) * adc.energy / adc.time, area_factor(tech, c) * adc.area};
    out.components.push_back(total(c, level, name, use, factors));
  };
  Use read;
  if (out.cycle) read = {1.0 / *out.cycle, " / " + quantity_text(*out.cycle, Dimension::kTime)};
  Use conversion;
  if (spec.adc.rate) conversion = {spec.adc.rate->value, " x " + spec.adc.rate->text};
  add(spec.array, kMacro, "array", read, {});
  Use rows = read;
  rows.share = dac_share(spec);
  conversion.share = adc_share(spec, out.cycle);
  add(spec.dac, kMacro, "dac", rows, {});
  add(spec.adc, kMacro, "adc", conversion, adc_factors(spec.adc));
  const std::array<const hardware::Level*, 3> levels = {&spec.macro, &spec.tile, &spec.chip};
  const double in_tile = value_or(spec.tile.members, 1.0);
  const std::array<double, 3> macros = {1.0, in_tile, in_tile * value_or(spec.chip.members, 1.0)};
  for (std::size_t level = kMacro; level <= kChip; ++level) {
    const std::string start = std::string(kLevelNames[level]) + ".";
    for (const Component& c : levels[level]->components) {
      Use sums;
      if (out.cycle && is_used_by_sums(c)) {
        const double rate = macros[level] * sum_rate(spec, *out.cycle) / instances_of(c);
        sums = {rate, " x " + quantity_text(rate, Dimension::kSampleRate)};
      }
      add(c, level, start + c.name, sums, {});
    }
  }
}

void add_levels(const HardwareSpec& spec, RollUp& out) {
  const double tiles = value_or(spec.chip.members, 1.0);
  const double macros = value_or(spec.tile.members, 1.0);
  const std::array<double, 3> units = {tiles * macros, tiles, 1.0};
  const std::array<double, 3> members = {0.0, macros, tiles};
  for (std::size_t level = kMacro; level <= kChip; ++level)
    out.levels.push_back({kLevelNames[level], units[level], 0.0, 0.0, {}, {}});
  for (std::size_t level = kMacro; level <= kChip; ++level) {
    LevelTotal& sum = out.levels[level];
    if (level > kMacro) {
      const LevelTotal& below = out.levels[level - 1];
      sum.power = members[level] * below.power;
      sum.area = members[level] * below.area;
      sum.no_power = below.no_power;
      sum.no_area = below.no_area;
    }
    for (ComponentTotal& c : out.components) {
      if (c.level != level) continue;
      c.units = sum.units;
      sum.power += c.power.value_or(0.0);
      sum.area += c.area.value_or(0.0);
      if (!has_power(c)) sum.no_power.push_back(c.name);
      if (!c.area) sum.no_area.push_back(c.name);
    }
  }
}

void add_peak(const HardwareSpec& spec, RollUp& out) {
  const hardware::Operands& operands = spec.operands;
  out.arrays = out.levels[kMacro].units * value_or(spec.array.count, 1.0);
  out.weight_bytes =
      out.arrays * spec.array.rows->value * spec.array.columns->value * spec.cell.bits->value / kBitsPerByte;
  if (!operands.weight_bits || !operands.input_bits) return;
  const double slices = std::ceil(operands.weight_bits->value / spec.cell.bits->value);
  const double digit = spec.cell.encoding == "differential" ? 2.0 : 1.0;
  const double ratio = spec.array.columns->value / (slices * digit);
  const double outputs = ratio >= 1.0 ? std::floor(ratio) : ratio;  // below one, a weight spans arrays
  const double input_bits = operands.input_bits->value;
  const double input_cycles = std::ceil(input_bits / value_or(spec.dac.bits, input_bits));
  const double rows = value_or(spec.array.active_rows, spec.array.rows->value);
  out.macs_per_cycle = rows * outputs / input_cycles;
  if (out.cycle) out.peak = 2.0 * *out.macs_per_cycle * out.arrays / *out.cycle;
}

void add_shares(RollUp& out) {
  const LevelTotal& tile = out.levels[kTile];
  for (const ComponentTotal& c : out.components) {
    if (c.name != "adc") continue;
    const double macros = c.units / tile.units;
    if (c.power && tile.no_power.empty()) out.adc_power_share = *c.power * macros / tile.power;
    if (c.area && tile.no_area.empty()) out.adc_area_share = *c.area * macros / tile.area;
  }
}

void add_efficiency(RollUp& out) {
  const LevelTotal& chip = out.chip();
  const bool all_power = chip.power > 0.0 && chip.no_power.empty();
  const bool has_area = chip.area > 0.0 && chip.no_area.empty();
  if (out.peak && all_power) out.power_efficiency = *out.peak / chip.power;
  if (out.peak && has_area) out.area_efficiency = *out.peak / chip.area;
  if (out.weight_bytes > 0.0 && has_area) out.storage_density = out.weight_bytes / chip.area;
}

// Units beside memory: their peak, and components of the chip alone.
RollUp digital_of(const HardwareSpec& spec) {
  const hardware::Accelerator& d = spec.accelerator;
  RollUp out;
  add_components(spec, out);
  add_levels(spec, out);
  const double macs = d.units->value * d.inputs->value * d.outputs->value;
  out.peak = 2.0 * macs * spec.technology.clock->value;
  out.weight_bytes = d.memory->value;
  add_efficiency(out);
  return out;
}

RollUp roofline_of(const HardwareSpec& spec) {
  const hardware::Roofline& roofline = spec.roofline;
  RollUp out;
  out.levels = {{"chip", 1.0, value_or(roofline.power, 0.0), value_or(roofline.area, 0.0), {}, {}}};
  if (!roofline.power) out.levels.back().no_power.push_back("roofline");
  if (!roofline.area) out.levels.back().no_area.push_back("roofline");
  out.peak = roofline.peak->value;
  add_efficiency(out);
  return out;
}

std::optional<double> complete(const RollUp& r, std::size_t level, double LevelTotal::*figure,
                               std::vector<std::string> LevelTotal::*missing) {
  if (level >= r.levels.size() || !(r.levels[level].*missing).empty()) return std::nullopt;
  return r.levels[level].*figure;
}

}  // namespace

RollUp roll_up(const HardwareSpec& spec) {
  if (spec.accelerator.stated) return digital_of(spec);
  if (spec.is_digital()) return roofline_of(spec);
  RollUp out;
  out.cycle = cycle_of(spec);
  add_components(spec, out);
  add_levels(spec, out);
  add_peak(spec, out);
  add_shares(out);
  add_efficiency(out);
  return out;
}

double Comparison::gap_percent() const {
  return computed ? 100.0 * (*computed - published.value) / published.value : 0.0;
}

std::vector<Comparison> compare(const HardwareSpec& spec, const RollUp& r) {
  const hardware::Published& p = spec.published;
  std::vector<Comparison> out;
  const auto add = [&out](const char* key, const OptionalConstant& published,
                          std::optional<double> computed) {
    if (published) out.push_back({key, *published, computed});
  };
  const auto power = [&r](std::size_t level) {
    return complete(r, level, &LevelTotal::power, &LevelTotal::no_power);
  };
  const auto area = [&r](std::size_t level) {
    return complete(r, level, &LevelTotal::area, &LevelTotal::no_area);
  };
  add("macro_power", p.macro_power, power(kMacro));
  add("macro_area", p.macro_area, area(kMacro));
  add("tile_power", p.tile_power, power(kTile));
  add("tile_area", p.tile_area, area(kTile));
  add("chip_power", p.chip_power, power(kChip));
  add("chip_area", p.chip_area, area(kChip));
  add("peak", p.peak, r.peak);
  add("power_efficiency", p.power_efficiency, r.power_efficiency);
  add("area_efficiency", p.area_efficiency, r.area_efficiency);
  add("storage_density", p.storage_density, r.storage_density);
  add("adc_power_share", p.adc_power_share, r.adc_power_share);
  add("adc_area_share", p.adc_area_share, r.adc_area_share);
  return out;
}

}  // namespace bitline::estimate
