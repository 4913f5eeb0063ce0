// Every kind of bad hardware file, with the exact place and text of its error.
#include <string>
#include <vector>

#include "base/error_of.h"
#include "hardware/small_chip.h"
#include <gtest/gtest.h>

namespace bitline::hardware {
namespace {

struct Case {
  const char* from;  // in the small chip
  const char* to;
  const char* error;
};

void expect_errors(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const std::string text = changed(c.from, c.to);
    ASSERT_NE(text, "") << c.from;
    EXPECT_EQ(error_of([&] { parse_small(text); }), c.error) << c.to;
  }
}

TEST(SpecErrors, UnknownKeys) {
  expect_errors(
      {{"operands:", "operand:", "chip.yaml:5:1: unknown key 'operand' (did you mean 'operands'?)"},
       {"  rows: 64", "  rowz: 64", "chip.yaml:8:3: unknown key 'rowz' of 'array' (did you mean 'rows'?)"},
       {"shared_by: 2", "shard_by: 2",
        "chip.yaml:27:28: unknown key 'shard_by' of 'tile.router' (did you mean 'shared_by'?)"},
       {"power: 1 mW, area: 10 um2", "capacity: 1 KiB",
        "chip.yaml:22:34: unknown key 'capacity' of 'macro.shift_add' (known: bits, clock, count, per, "
        "shared_by, "
        "power, leakage, energy, area, stated_node, idle, cite, mark, note)"},
       {"rows: 64", "rows: {value: 64, unit: 1}",
        "chip.yaml:8:21: unknown key 'unit' (known: cite, mark, note, value)"},
       {"kind: router", "kind: rooter",
        "chip.yaml:27:20: 'rooter' is no kind of component (did you mean 'router'?)"},
       {"kind: sar", "kind: saar", "chip.yaml:19:13: 'saar' is no kind (did you mean 'sar'?)"},
       {"kind: rram", "kind: [rram]", "chip.yaml:6:14: expected text, got a sequence"},
       {"per: group", "per: all", "chip.yaml:18:33: 'all' is no per (known: instance, group)"},
       {"shift_add:", "adc:",
        "chip.yaml:22:5: 'adc' is no name for a component (lower case letters, digits and '_'; array, dac "
        "and adc "
        "have sections of their own)"},
       {"shift_add: {kind: shift-add, ", "shift_add: {",
        "chip.yaml:22:16: component 'shift_add' has no 'kind' (for example 'kind: buffer')"}});
}

TEST(SpecErrors, UnitsAndDimensions) {
  expect_errors(
      {{"cycle: 10 ns", "cycle: 10", "chip.yaml:12:10: '10' has no unit (expected a time such as '100 ns')"},
       {"cycle: 10 ns", "cycle: 10 mm2",
        "chip.yaml:12:10: '10 mm2' is an area (expected a time such as '100 ns')"},
       {"rate: 1 GS/s", "rate: 1 GHz",
        "chip.yaml:19:33: '1 GHz' is a frequency (expected a sample rate such as '1.28 GS/s')"},
       {"power: 1 mW", "power: 1 mWatt",
        "chip.yaml:15:10: unknown unit 'mWatt' (expected a power such as '2 mW')"},
       {"node: 32 nm", "node: ~", "chip.yaml:4:14: expected text, got nothing"},
       {"rows: 64", "rows: 64 b", "chip.yaml:8:9: expected an integer from 1 to 65536, got '64 b'"}});
}

TEST(SpecErrors, Sources) {
  expect_errors({{"bits: 2, cite: b", "bits: 2",
                  "chip.yaml:6:26: 'bits' has no source (add 'cite:' to it or to 'cell')"},
                 {"area: 10 um2, cite: d", "area: 10 um2",
                  "chip.yaml:22:41: 'power' has no source (add 'cite:' to it or to 'macro.shift_add')"},
                 {"bits: 2, cite: b", "bits: {value: 2, mark: MEMORY}",
                  "chip.yaml:6:26: 'bits' has no source (add 'cite:' to it or to 'cell')"},
                 {"bits: 2, cite: b", "bits: 2, cite: ''",
                  "chip.yaml:6:35: 'cite' is empty (name the paper and the table)"},
                 {"bits: 2, cite: b", "bits: 2, cite: b, mark: MEMORI",
                  "chip.yaml:6:44: 'MEMORI' is not a mark (did you mean 'MEMORY'?)"},
                 {"bits: 2, cite: b", "bits: {cite: b}", "chip.yaml:6:26: required key 'value' is missing"}});
}

TEST(SpecErrors, RangesAndSigns) {
  expect_errors(
      {{"rate: 1 GS/s", "rate: 0 GS/s",
        "chip.yaml:19:33: 'rate' is out of range: 0 GS/s (expected more than 0 S/s)"},
       {"power: 1 mW", "power: -1 mW",
        "chip.yaml:15:10: 'power' is out of range: -1 mW (expected at least 0 W)"},
       {"power: 1 mW", "energy: -1 pJ",
        "chip.yaml:15:11: 'energy' is out of range: -1 pJ (expected at least 0 J)"},
       {"kind: sar, bits: 8", "kind: sar, bits: 17",
        "chip.yaml:19:24: expected an integer from 1 to 16, got '17'"},
       {"kind: sar, bits: 8", "kind: sar, bits: 0",
        "chip.yaml:19:24: expected an integer from 1 to 16, got '0'"},
       {"node: 32 nm", "node: 32 mm",
        "chip.yaml:4:20: 'node' is out of range: 32 mm (expected at least 1 nm and at most 10 um)"},
       {"node: 32 nm", "node: 32 nm, area_exponent: 5",
        "chip.yaml:4:42: 'area_exponent' is out of range: 5 (expected at least -4 and at most 4)"},
       {"bits: 2, cite", "bits: 2, stuck_on: 101 %, cite",
        "chip.yaml:6:39: 'stuck_on' is out of range: 101 % (expected at least 0 % and at most 100 %)"},
       {"tiles: 3", "tiles: 0", "chip.yaml:28:15: expected an integer from 1 to 1000000000, got '0'"}});
}

TEST(SpecErrors, Contradictions) {
  expect_errors(
      {{"active_rows: 32", "active_rows: 65",
        "chip.yaml:10:16: more rows are active than there are: 65 of 64 (active_rows is at most rows)"},
       {"column_mux: 8", "column_mux: 65",
        "chip.yaml:11:15: an ADC serves more columns than there are: 65 of 64 (column_mux is at most "
        "columns)"},
       {"column_mux: 8", "column_mux: 16",
        "chip.yaml:19:48: the ADCs do not fit the column multiplexer: 16 ADCs, but the columns need 8 "
        "(adc.count = "
        "array.count x ceil(columns / column_mux))"},
       {"bits: 2, cite", "bits: 2, resistance_on: 20 kohm, resistance_off: 2 kohm, cite",
        "chip.yaml:6:44: the on state resists more than the off state: 20 kohm of 2 kohm (exchange "
        "resistance_on and "
        "resistance_off?)"},
       {"bits: 2, cite", "bits: 2, stuck_on: 60 %, stuck_off: 50 %, cite",
        "chip.yaml:6:56: more than all cells are stuck (stuck_on and stuck_off are shares of all cells)"},
       {"dac: {bits: 1", "dac: {bits: 5",
        "chip.yaml:18:13: the DAC takes more bits than an input has: 5 of 4 (dac.bits is at most "
        "operands.input_bits)"},
       {"dac: {bits: 1, count: 128", "dac: {bits: 1, count: 31",
        "chip.yaml:10:16: more rows are active than DACs drive: 32 of 31 (dac.count is at least "
        "array.active_rows)"},
       {"per: group, ", "",
        "chip.yaml:18:35: 'dac' has 128 instances, and nothing says of how many this is (add 'per: instance' "
        "or 'per: "
        "group')"},
       {"rate: 1 GS/s", "rate: 1 GS/s, energy: 3 pJ",
        "chip.yaml:19:49: the power of an ADC is 2 mW, but its energy times its rate is 3 mW (leave one of "
        "power, "
        "energy and rate out)"},
       {"chip: {tiles", "roofline: {peak: 1 TOPS, cite: e}\nchip: {tiles",
        "chip.yaml:28:11: a chip has either arrays or a roofline (describe the digital comparator in a file "
        "of its "
        "own)"}});
}

TEST(SpecErrors, EmptySectionsAreNoSections) {
  for (const char* section : {"accumulation:", "roofline: ~", "published: null"}) {
    const std::string text = std::string(section) + "\nmacro:\n";
    const std::string error = error_of([&] { parse_small(changed("macro:\n", text)); });
    EXPECT_EQ(error.substr(0, 13), "chip.yaml:20:") << section;
    EXPECT_NE(error.find("expected a map, got nothing"), std::string::npos) << error;
  }
}

TEST(SpecErrors, OnlyAcceleratorsHaveIdleParts) {
  expect_errors(
      {{"shared_by: 2,", "shared_by: 2, idle: gated,",
        "chip.yaml:27:13: 'router' states 'idle', but no accelerator waits (leave 'idle' out: parts "
        "beside arrays draw power while these work)"}});
}

TEST(SpecErrors, AccumulationAndDigitalUnits) {
  expect_errors(
      {{"macro:\n", "accumulation: {cycles: 4, columns: 2, cite: e}\nmacro:\n",
        "chip.yaml:20:15: 'accumulation' is not complete (it states cycles, columns and conversions)"},
       {"macro:\n", "accumulation: {cycles: 4, columns: 65, conversions: 1, cite: e}\nmacro:\n",
        "chip.yaml:20:36: more columns are added up than there are: 65 of 64 (accumulation.columns is at "
        "most "
        "array.columns)"},
       {"macro:\n", "accumulation: {cycles: 4, columns: 2, conversions: 9, cite: e}\nmacro:\n",
        "chip.yaml:20:52: more conversions than sums: 9 (accumulation.conversions is at most cycles x "
        "columns)"},
       {"kind: sar, bits: 8", "kind: sar, bits: 8, low_bits: 9",
        "chip.yaml:19:37: the lowest resolution is above the highest: 9 of 8 (adc.low_bits is at most "
        "adc.bits)"},
       {"chip: {tiles", "accelerator: {units: 1, cite: e}\nchip: {tiles",
        "chip.yaml:28:14: a chip has either arrays, an accelerator or a roofline (describe the digital "
        "comparator in "
        "a file of its own)"}});
  const std::string start = "schema: bitline-hardware/1\nname: x\n";
  const auto error = [&](const std::string& rest) { return error_of([&] { parse_small(start + rest); }); };
  EXPECT_EQ(error("accelerator: {units: 1, inputs: 2, outputs: 2, cite: a}\n"),
            "chip.yaml:3:14: 'accelerator' has no 'memory' (a digital accelerator states units, inputs, "
            "outputs and "
            "memory)");
  EXPECT_EQ(error("accelerator: {units: 1, inputs: 2, outputs: 2, memory: 1 KiB, cite: a}\n"),
            "chip.yaml:3:14: digital units have no clock (add 'technology: {clock: ..., cite: ...}')");
  EXPECT_EQ(error("accelerator: {weights: twice, cite: a}\n"),
            "chip.yaml:3:24: 'twice' is no weights (known: once, copied)");
}

TEST(SpecErrors, WhatIsMissing) {
  expect_errors(
      {{"schema: bitline-hardware/1\n", "", "chip.yaml:1:1: required key 'schema' is missing"},
       {"hardware/1", "hardware/2",
        "chip.yaml:1:9: schema 'bitline-hardware/2' is not known (expected bitline-hardware/1)"},
       {"name: small\n", "", "chip.yaml:1:1: required key 'name' is missing"},
       {"  rows: 64\n", "",
        "chip.yaml:8:3: the array has no 'rows' (every chip with arrays states it, in its file or in the one "
        "it "
        "extends)"},
       {"bits: 2, ", "", "chip.yaml:6:7: the cell has no 'bits' (add 'cell: {bits: ..., cite: ...}')"}});
  EXPECT_EQ(
      error_of([] { parse_small("schema: bitline-hardware/1\nname: x\n"); }),
      "chip.yaml:1:1: neither 'array', 'accelerator' nor 'roofline' is described (a compute-in-memory chip "
      "has an array, a "
      "digital comparator an accelerator or a roofline)");
  EXPECT_EQ(
      error_of([] { parse_small("schema: bitline-hardware/1\nname: x\nroofline: {power: 1 W, cite: a}\n"); }),
      "chip.yaml:3:11: the roofline has no 'peak' (every chip with arrays states it, in its file or in "
      "the one "
      "it extends)");
}

TEST(SpecErrors, WhatYamlWouldAllow) {
  expect_errors(
      {{"  rows: 64", "  rows: 64\n  rows: 128", "chip.yaml:9:3: duplicate key 'rows'"},
       {"node: 32 nm", "node: &n 32 nm",
        "chip.yaml:4:20: anchors (&name) are not supported (write the value out)"},
       {"rows: 64", "rows: 064",
        "chip.yaml:8:9: expected an integer from 1 to 65536, got '064' (write the number without leading "
        "zeros)"},
       {"array:\n", "array: 3\narray_:\n", "chip.yaml:7:8: expected a map, got '3'"}});
}

}  // namespace
}  // namespace bitline::hardware
