#include "bitline/hardware/spec_keys.h"

#include <algorithm>

#include "bitline/hardware/adc_kind.h"

namespace bitline::hardware {

namespace {

using enum Dimension;

constexpr KeyRange kPositive{.above = true};
constexpr KeyRange kNotNegative{};
constexpr KeyRange kShare{.high = 1.0};
constexpr KeyRange kExponent{.low = -4.0, .high = 4.0};
constexpr KeyRange kOperandBits{.low = 1, .high = 32};
constexpr KeyRange kLines{.low = 1, .high = 65536};
constexpr KeyRange kInstances{.low = 1, .high = 1e9};

KeySlot number(const char* name, OptionalConstant& slot, Dimension dimension, KeyRange range,
               const char* meaning) {
  return {name, meaning, dimension, range, &slot, nullptr, {}};
}

KeySlot word(const char* name, std::string& slot, std::vector<std::string> choices, const char* meaning) {
  return {name, meaning, kCount, {}, nullptr, &slot, std::move(choices)};
}

std::vector<KeySlot> technology_keys(Technology& t) {
  return {number("node", t.node, kLength, {.low = 1e-9, .high = 1e-5}, "feature size"),
          number("supply", t.supply, kVoltage, kPositive, "supply voltage"),
          number("clock", t.clock, kFrequency, kPositive, "clock of the digital part"),
          number("area_exponent", t.area_exponent, kNumber, kExponent,
                 "area ~ feature size to this power; 2 if absent"),
          number("energy_exponent", t.energy_exponent, kNumber, kExponent,
                 "energy ~ feature size to this power; 1 if absent")};
}

std::vector<KeySlot> operand_keys(Operands& o) {
  return {number("weight_bits", o.weight_bits, kCount, kOperandBits, "bits of a weight"),
          number("input_bits", o.input_bits, kCount, kOperandBits, "bits of an input")};
}

std::vector<KeySlot> cell_keys(Cell& c) {
  return {word("kind", c.kind, {"rram", "sram", "pcm", "mram", "fefet", "flash", "dram"}, "device"),
          number("bits", c.bits, kCount, {.low = 1, .high = 8}, "bits a cell holds"),
          word("encoding", c.encoding, {"twos-complement", "differential"}, "signed weights in cells"),
          number("resistance_on", c.resistance_on, kResistance, kPositive, "of the conducting state"),
          number("resistance_off", c.resistance_off, kResistance, kPositive, "of the blocking state"),
          number("read_voltage", c.read_voltage, kVoltage, kPositive, "on a wordline while reading"),
          number("variation", c.variation, kFraction, {.high = 2.0}, "sigma of the log-normal conductance"),
          number("stuck_on", c.stuck_on, kFraction, kShare, "share of cells that always conduct (SAF-1)"),
          number("stuck_off", c.stuck_off, kFraction, kShare, "share of cells that never conduct (SAF-0)"),
          number("write_energy", c.write_energy, kEnergy, kNotNegative, "of writing one cell"),
          number("write_time", c.write_time, kTime, kPositive,
                 "of writing one row of an array, all of its cells at once")};
}

// What every component has.
std::vector<KeySlot> cost_keys(Component& c) {
  return {number("count", c.count, kCount, kInstances, "instances in one unit of the level; 1 if absent"),
          word("per", c.per, {"instance", "group"},
               "whether power, leakage and area are of one instance or of all together"),
          number("shared_by", c.shared_by, kCount, kInstances, "units of the level that share it"),
          number("power", c.power, kPower, kNotNegative, "while it works"),
          number("leakage", c.leakage, kPower, kNotNegative, "static power, on top"),
          number("energy", c.energy, kEnergy, kNotNegative, "of one use of one instance"),
          number("area", c.area, kArea, kNotNegative, "silicon"),
          number("stated_node", c.stated_node, kLength, {.low = 1e-9, .high = 1e-5},
                 "feature size these figures are for; the chip's if absent")};
}

// What some kinds have.
std::vector<KeySlot> special_keys(Component& c) {
  return {number("bits", c.bits, kCount, {.low = 1, .high = 32}, "word length"),
          number("capacity", c.capacity, kCapacity, kPositive, "bytes it holds"),
          number("width", c.width, kCount, {.low = 1, .high = 65536}, "bits or wires side by side"),
          number("ports", c.ports, kCount, {.low = 1, .high = 1024}, "ports"),
          number("bandwidth", c.bandwidth, kBandwidth, kPositive, "bytes a second"),
          number("clock", c.clock, kFrequency, kPositive, "its clock"),
          number("latency", c.latency, kTime, kPositive, "of one use"),
          number("peak", c.peak, kOperationRate, kPositive, "operations a second of one instance"),
          word("holds", c.holds, {"inputs", "outputs"}, "what of a layer it holds; both if absent")};
}

void append(std::vector<KeySlot>& keys, std::vector<KeySlot> more) {
  keys.insert(keys.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::vector<KeySlot> array_keys(Array& a) {
  std::vector<KeySlot> keys = {
      number("rows", a.rows, kCount, kLines, "wordlines"),
      number("columns", a.columns, kCount, kLines, "bitlines"),
      number("active_rows", a.active_rows, kCount, kLines, "rows activated at once; all if absent"),
      number("column_mux", a.column_mux, kCount, kLines, "columns that share one ADC"),
      number("cycle", a.cycle, kTime, kPositive, "time of one analog read of the array")};
  append(keys, cost_keys(a));
  return keys;
}

std::vector<KeySlot> dac_keys(Component& d) {
  std::vector<KeySlot> keys = {number("bits", d.bits, kCount, {.low = 1, .high = 8}, "input bits a cycle")};
  append(keys, cost_keys(d));
  return keys;
}

std::vector<std::string> adc_kind_names() {
  std::vector<std::string> names;
  for (const AdcKind& kind : adc_kinds()) names.emplace_back(kind.name);
  return names;
}

std::vector<KeySlot> adc_keys(Adc& a) {
  constexpr KeyRange kResolution{.low = 1, .high = 16};
  std::vector<KeySlot> keys = {
      word("kind", a.type, adc_kind_names(), "sets how cost follows the resolution"),
      number("bits", a.bits, kCount, kResolution, "resolution"),
      number("rate", a.rate, kSampleRate, kPositive, "conversions a second"),
      number("stated_bits", a.stated_bits, kCount, kResolution,
             "resolution these figures are for; bits if absent"),
      number("linear_share", a.linear_share, kFraction, kShare,
             "sar: share of the cost that grows linearly with bits; 50 % if absent"),
      number("low_bits", a.low_bits, kCount, kResolution,
             "conversions are spread evenly from this resolution to `bits`; `bits` if absent")};
  append(keys, cost_keys(a));
  return keys;
}

std::vector<KeySlot> accumulation_keys(Accumulation& a) {
  return {number("cycles", a.cycles, kCount, {.low = 1, .high = 32}, "input cycles that are added up"),
          number("columns", a.columns, kCount, kLines, "neighbouring columns that are added up"),
          number("conversions", a.conversions, kCount, kLines, "A/D conversions for all of these together")};
}

std::vector<KeySlot> level_keys(Level& level, const char* members, const char* meaning) {
  std::vector<KeySlot> keys = {word("called", level.called, {}, "what the paper calls it")};
  if (members != nullptr) keys.push_back(number(members, level.members, kCount, kInstances, meaning));
  return keys;
}

std::vector<KeySlot> weight_keys(WeightLoading& w) {
  return {word("loading", w.loading, {"resident", "reloaded"},
               "whether all weights stay in the arrays or are written again and again"),
          number("bandwidth", w.bandwidth, kBandwidth, kPositive, "of loading weights"),
          number("energy", w.energy, kEnergyPerByte, kNotNegative, "of loading weights")};
}

std::vector<KeySlot> accelerator_keys(Accelerator& d) {
  return {
      word("weights", d.weights, {"once", "copied"},
           "each weight on one chip of a board, or kernels of convolutions on all of them; once if absent"),
      number("units", d.units, kCount, kInstances, "arithmetic units on a chip"),
      number("inputs", d.inputs, kCount, kLines, "values a unit takes in a clock"),
      number("outputs", d.outputs, kCount, kLines, "neurons it adds them to"),
      number("memory", d.memory, kCapacity, kPositive, "for weights, of a chip"),
      number("links", d.links, kCount, {.low = 1, .high = 64},
             "links of the chip of a board that has the fewest; 1 if absent"),
      number("link_bandwidth", d.link_bandwidth, kBandwidth, kPositive, "of one link, in one direction")};
}

std::vector<KeySlot> roofline_keys(Roofline& r) {
  return {number("peak", r.peak, kOperationRate, kPositive, "operations a second for the stated operands"),
          number("bandwidth", r.bandwidth, kBandwidth, kPositive, "of its memory"),
          number("memory", r.memory, kCapacity, kPositive, "capacity"),
          number("power", r.power, kPower, kPositive, "of the board under load"),
          number("area", r.area, kArea, kPositive, "of the die")};
}

std::vector<KeySlot> published_keys(Published& p) {
  return {number("macro_power", p.macro_power, kPower, kPositive, "of one macro"),
          number("macro_area", p.macro_area, kArea, kPositive, "of one macro"),
          number("tile_power", p.tile_power, kPower, kPositive, "of one tile"),
          number("tile_area", p.tile_area, kArea, kPositive, "of one tile"),
          number("chip_power", p.chip_power, kPower, kPositive, "of the chip"),
          number("chip_area", p.chip_area, kArea, kPositive, "of the chip"),
          number("peak", p.peak, kOperationRate, kPositive, "peak throughput of the chip"),
          number("power_efficiency", p.power_efficiency, kOperationsPerJoule, kPositive, "peak over power"),
          number("area_efficiency", p.area_efficiency, kOperationsPerArea, kPositive, "peak over area"),
          number("storage_density", p.storage_density, kBytesPerArea, kPositive, "cells over area"),
          number("adc_power_share", p.adc_power_share, kFraction, kShare, "ADCs in the power of a tile"),
          number("adc_area_share", p.adc_area_share, kFraction, kShare, "ADCs in the area of a tile")};
}

}  // namespace

std::span<const ComponentKind> component_kinds() {
  static const std::vector<ComponentKind> table = {
      {"sample-hold", "keeps a column's sum until it is converted", "one sample", {}},
      {"shift-add", "adds digits of weights and inputs at their place", "one addition", {"bits", "clock"}},
      {"amplifier", "turns a bitline current into a voltage, or sums voltages", "one bitline sum", {}},
      {"analog-buffer", "keeps bitline sums between input cycles and adds them up", "one bitline sum", {}},
      {"buffer",
       "memory for activations",
       "one access of `width` bits",
       {"capacity", "width", "bandwidth", "latency", "holds"}},
      {"register",
       "small memory beside the arrays",
       "one access of `width` bits",
       {"capacity", "width", "holds"}},
      {"bus", "wires inside a tile", "one transfer of `width` bits", {"width", "clock", "bandwidth"}},
      {"router",
       "node of the network between tiles",
       "one flit of `width` bits, one hop",
       {"width", "ports", "clock", "latency"}},
      {"link", "connection off the chip", "one byte", {"bandwidth", "clock"}},
      {"activation", "non-linear function", "one value", {"clock"}},
      {"pooling", "maximum or mean of a window", "one value", {"clock"}},
      {"alu", "digital arithmetic on vectors", "one operation", {"width", "clock"}},
      {"digital", "multiplies and adds for layers beside the arrays", "one MAC", {"bits", "clock", "peak"}},
      {"controller", "instructions, sequencing", "one instruction", {"capacity", "clock"}}};
  return table;
}

const ComponentKind* find_component_kind(std::string_view name) {
  const auto kinds = component_kinds();
  const auto it =
      std::find_if(kinds.begin(), kinds.end(), [&](const ComponentKind& k) { return k.name == name; });
  return it == kinds.end() ? nullptr : &*it;
}

std::vector<SectionForm> section_forms(HardwareSpec& s) {
  return {{"technology", "process and digital clock", &s.technology, nullptr, technology_keys(s.technology)},
          {"operands", "what the peak figures are for", &s.operands, nullptr, operand_keys(s.operands)},
          {"cell", "one memory cell", &s.cell, nullptr, cell_keys(s.cell)},
          {"array", "the arrays of a macro", &s.array, nullptr, array_keys(s.array)},
          {"dac", "the wordline drivers of a macro", &s.dac, nullptr, dac_keys(s.dac)},
          {"adc", "the ADCs of a macro", &s.adc, nullptr, adc_keys(s.adc)},
          {"accumulation", "analog accumulation before the ADCs", &s.accumulation, nullptr,
           accumulation_keys(s.accumulation)},
          {"macro", "arrays and their periphery", &s.macro, &s.macro, level_keys(s.macro, nullptr, nullptr)},
          {"tile", "macros, buffers and a bus", &s.tile, &s.tile,
           level_keys(s.tile, "macros", "macros in a tile; 1 if absent")},
          {"chip", "tiles and what is there once", &s.chip, &s.chip,
           level_keys(s.chip, "tiles", "tiles on the chip; 1 if absent")},
          {"weights", "how weights come into the arrays", &s.weights, nullptr, weight_keys(s.weights)},
          {"accelerator", "a digital accelerator", &s.accelerator, nullptr, accelerator_keys(s.accelerator)},
          {"roofline", "a digital comparator", &s.roofline, nullptr, roofline_keys(s.roofline)},
          {"published", "totals of the source, to compare with", &s.published, nullptr,
           published_keys(s.published)}};
}

SectionForm component_form(const std::string& level, Component& component) {
  const ComponentKind* kind = find_component_kind(component.kind);
  BITLINE_CHECK(kind != nullptr);
  SectionForm form{level + "." + component.name, kind->meaning, &component, nullptr, {}};
  for (KeySlot& slot : special_keys(component)) {
    const auto& names = kind->keys;
    if (std::find(names.begin(), names.end(), slot.name) != names.end()) form.keys.push_back(std::move(slot));
  }
  append(form.keys, cost_keys(component));
  form.keys.push_back(word("idle", component.idle, {"powered", "gated"},
                           "of a digital accelerator: its power while units wait; powered if absent"));
  return form;
}

std::vector<SectionForm> stated_forms(HardwareSpec& spec) {
  std::vector<SectionForm> out;
  for (SectionForm& form : section_forms(spec)) {
    Level* level = form.level;
    const std::string name = form.name;
    if (form.section->stated) out.push_back(std::move(form));
    if (level == nullptr) continue;
    for (Component& c : level->components) out.push_back(component_form(name, c));
  }
  return out;
}

}  // namespace bitline::hardware
