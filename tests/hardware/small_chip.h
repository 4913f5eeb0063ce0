// A small, complete chip for tests: 21 lines, every one of which an error can be put in.
#pragma once

#include <string>
#include <vector>

#include "bitline/hardware/spec_reader.h"

namespace bitline::hardware {

inline constexpr const char* kSmallChip = R"(schema: bitline-hardware/1
name: small
summary: a chip for tests
technology: {node: 32 nm, cite: a}
operands: {weight_bits: 4, input_bits: 4, cite: a}
cell: {kind: rram, bits: 2, cite: b}
array:
  rows: 64
  columns: 64
  active_rows: 32
  column_mux: 8
  cycle: 10 ns
  count: 2
  per: instance
  power: 1 mW
  area: 100 um2
  cite: b
dac: {bits: 1, count: 128, per: group, power: 2 mW, area: 50 um2, cite: b}
adc: {kind: sar, bits: 8, rate: 1 GS/s, count: 16, per: instance, power: 2 mW, area: 0.001 mm2, cite: c}
macro:
  components:
    shift_add: {kind: shift-add, power: 1 mW, area: 10 um2, cite: d}
tile:
  macros: 4
  cite: d
  components:
    router: {kind: router, shared_by: 2, power: 10 mW, area: 0.02 mm2, cite: d}
chip: {tiles: 3, cite: d}
)";

inline HardwareSpec parse_small(const std::string& text = kSmallChip) {
  return parse_hardware(text, "chip.yaml");
}

// The small chip with the first `from` replaced.
inline std::string changed(const std::string& from, const std::string& to) {
  std::string text = kSmallChip;
  const std::size_t at = text.find(from);
  return at == std::string::npos ? std::string() : text.replace(at, from.size(), to);
}

}  // namespace bitline::hardware
