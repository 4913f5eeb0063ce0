#include "bitline/hardware/spec_checks.h"

#include <cmath>

namespace bitline::hardware {

namespace {

constexpr double kPowerTolerance = 0.05;

void require(const OptionalConstant& constant, const Section& section, const char* section_name,
             const char* key) {
  if (constant) return;
  bad_input(std::string(section_name) + " has no '" + key + "'", section.where,
            "every chip with arrays states it, in its file or in the one it extends");
}

// `hint` answers what to do about a > b.
void refuse_more(const OptionalConstant& a, const OptionalConstant& b, const std::string& message,
                 const std::string& hint) {
  if (a && b && a->value > b->value) bad_input(message + ": " + a->text + " of " + b->text, a->where, hint);
}

// Digital units, and nothing else that multiplies.
void check_accelerator(const HardwareSpec& spec) {
  const Accelerator& d = spec.accelerator;
  if (spec.array.stated || spec.roofline.stated)
    bad_input("a chip has either arrays, an accelerator or a roofline", d.where,
              "describe the digital comparator in a file of its own");
  struct Needed {
    const char* key;
    const OptionalConstant& constant;
  };
  for (const Needed& needed : {Needed{"units", d.units}, Needed{"inputs", d.inputs},
                               Needed{"outputs", d.outputs}, Needed{"memory", d.memory}}) {
    if (!needed.constant)
      bad_input(std::string("'accelerator' has no '") + needed.key + "'", d.where,
                "a digital accelerator states units, inputs, outputs and memory");
  }
  if (!spec.technology.clock)
    bad_input("digital units have no clock", d.where, "add 'technology: {clock: ..., cite: ...}'");
}

void check_accumulation(const HardwareSpec& spec) {
  const Accumulation& a = spec.accumulation;
  if (!a.stated) return;
  if (!a.cycles || !a.columns || !a.conversions)
    bad_input("'accumulation' is not complete", a.where, "it states cycles, columns and conversions");
  refuse_more(a.columns, spec.array.columns, "more columns are added up than there are",
              "accumulation.columns is at most array.columns");
  if (a.conversions->value > a.cycles->value * a.columns->value)
    bad_input("more conversions than sums: " + a.conversions->text, a.conversions->where,
              "accumulation.conversions is at most cycles x columns");
}

void check_completeness(const HardwareSpec& spec) {
  if (spec.accelerator.stated) {
    check_accelerator(spec);
    return;
  }
  if (spec.is_digital()) {
    require(spec.roofline.peak, spec.roofline, "the roofline", "peak");
    if (spec.array.stated)
      bad_input("a chip has either arrays or a roofline", spec.roofline.where,
                "describe the digital comparator in a file of its own");
    return;
  }
  if (!spec.array.stated) {
    bad_input("neither 'array', 'accelerator' nor 'roofline' is described",
              spec.files.empty() ? Where{} : Where{spec.files.back(), 1, 1, {}},
              "a compute-in-memory chip has an array, a digital comparator an accelerator or a roofline");
  }
  require(spec.array.rows, spec.array, "the array", "rows");
  require(spec.array.columns, spec.array, "the array", "columns");
  if (!spec.cell.bits)
    bad_input("the cell has no 'bits'", spec.cell.stated ? spec.cell.where : spec.array.where,
              "add 'cell: {bits: ..., cite: ...}'");
}

void check_cell(const Cell& cell) {
  refuse_more(cell.resistance_on, cell.resistance_off, "the on state resists more than the off state",
              "exchange resistance_on and resistance_off?");
  if (value_or(cell.stuck_on, 0.0) + value_or(cell.stuck_off, 0.0) > 1.0)
    bad_input("more than all cells are stuck", (cell.stuck_off ? cell.stuck_off : cell.stuck_on)->where,
              "stuck_on and stuck_off are shares of all cells");
}

void check_counts(const Component& component, const std::string& name) {
  const double count = value_or(component.count, 1.0);
  for (const OptionalConstant* figure : {&component.power, &component.leakage, &component.area}) {
    if (!*figure || count <= 1.0 || !component.per.empty()) continue;
    bad_input(
        "'" + name + "' has " + component.count->text + " instances, and nothing says of how many this is",
        (*figure)->where, "add 'per: instance' or 'per: group'");
  }
}

void check_converters(const HardwareSpec& spec) {
  const Array& array = spec.array;
  const Adc& adc = spec.adc;
  refuse_more(array.active_rows, array.rows, "more rows are active than there are",
              "active_rows is at most rows");
  refuse_more(spec.dac.bits, spec.operands.input_bits, "the DAC takes more bits than an input has",
              "dac.bits is at most operands.input_bits");
  refuse_more(array.column_mux, array.columns, "an ADC serves more columns than there are",
              "column_mux is at most columns");
  refuse_more(array.active_rows ? array.active_rows : array.rows, spec.dac.count,
              "more rows are active than DACs drive", "dac.count is at least array.active_rows");
  refuse_more(adc.low_bits, adc.bits, "the lowest resolution is above the highest",
              "adc.low_bits is at most adc.bits");
  if (array.column_mux && adc.count) {
    const double arrays = value_or(array.count, 1.0);
    const double needed = std::ceil(array.columns->value / array.column_mux->value) * arrays;
    if (needed != adc.count->value)
      bad_input("the ADCs do not fit the column multiplexer: " + adc.count->text +
                    " ADCs, but the columns need " + std::to_string(static_cast<std::int64_t>(needed)),
                adc.count->where, "adc.count = array.count x ceil(columns / column_mux)");
  }
  if (adc.energy && adc.rate && adc.power) {
    const double each = adc.per == "group" ? value_or(adc.count, 1.0) : 1.0;
    const double stated = adc.power->value / each;
    const double product = adc.energy->value * adc.rate->value;
    if (std::abs(stated - product) > kPowerTolerance * stated)
      bad_input("the power of an ADC is " + quantity_text(stated, Dimension::kPower) +
                    ", but its energy times its rate is " + quantity_text(product, Dimension::kPower),
                adc.energy->where, "leave one of power, energy and rate out");
  }
}

// A MAC is two operations.
void check_digital_unit(const Component& c) {
  if (c.kind != "digital" || !c.energy || !c.peak || !c.power) return;
  const double each = c.per == "group" ? value_or(c.count, 1.0) : 1.0;
  const double stated = c.power->value / each;
  const double product = c.energy->value * c.peak->value / 2.0;
  if (std::abs(stated - product) <= kPowerTolerance * stated) return;
  bad_input("the power of '" + c.name + "' is " + quantity_text(stated, Dimension::kPower) +
                ", but the energy of its MACs at its peak is " + quantity_text(product, Dimension::kPower),
            c.energy->where, "leave one of power, energy and peak out");
}

// Arrays rest when they do not work; only accelerators wait for links.
void check_idle(const Component& c, const HardwareSpec& spec) {
  if (c.idle.empty() || spec.accelerator.stated) return;
  bad_input("'" + c.name + "' states 'idle', but no accelerator waits", c.where,
            "leave 'idle' out: parts beside arrays draw power while these work");
}

void check_level(const Level& level, const HardwareSpec& spec) {
  for (const Component& component : level.components) {
    check_counts(component, component.name);
    check_digital_unit(component);
    check_idle(component, spec);
  }
}

}  // namespace

void check_hardware(const HardwareSpec& spec) {
  check_completeness(spec);
  check_cell(spec.cell);
  check_converters(spec);
  check_accumulation(spec);
  check_counts(spec.array, "array");
  check_counts(spec.dac, "dac");
  check_counts(spec.adc, "adc");
  check_level(spec.macro, spec);
  check_level(spec.tile, spec);
  check_level(spec.chip, spec);
}

}  // namespace bitline::hardware
