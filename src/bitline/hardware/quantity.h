// Numbers with units, as hardware files write them: "1.28 GS/s", "2 mW", "0.0012 mm2", "64 KiB", "58 %".
//
// Inside the program every value is in the un-prefixed unit of its dimension (s, Hz, S/s, J, W, m2, B, ...).
// A sample (S) is one conversion. An operation (OP) is a multiplication or an addition: a multiply-accumulate
// is two. A capacity is in bytes; KiB is 1024 B and kB is 1000 B.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bitline/base/error.h"

namespace bitline::hardware {

enum class Dimension {
  kCount,   // a whole number: rows, bits, instances
  kNumber,  // a ratio or an exponent
  kFraction,
  kTime,
  kFrequency,
  kSampleRate,
  kEnergy,
  kEnergyPerByte,
  kPower,
  kArea,
  kLength,
  kVoltage,
  kResistance,
  kCapacity,
  kBandwidth,
  kOperationRate,
  kOperationsPerJoule,
  kOperationsPerArea,
  kBytesPerArea,
};

struct DimensionInfo {
  Dimension dimension;
  const char* name;     // "power"
  const char* unit;     // "W"; empty without one
  const char* example;  // "2 mW"
};

std::span<const DimensionInfo> dimensions();
const DimensionInfo& dimension_info(Dimension dimension);

// Unit symbols that files may use for the dimension, "mW" and the like; none for counts and numbers.
std::vector<std::string> unit_symbols(Dimension dimension);

// The value in the un-prefixed unit. "µ" reads as "u", "²" as "2" and "Ω" as "ohm". Throws Error{kBadInput}
// with the place: not a number, no unit, a unit of another dimension (named), an unknown unit (with the
// nearest).
double parse_quantity(std::string_view text, Dimension dimension, const Where& where);

// For people: four significant digits and a prefix that suits, "2 mW".
std::string quantity_text(double value, Dimension dimension);

// The same in the unit that `like` ends with, to be read beside it.
std::string quantity_text_like(double value, Dimension dimension, std::string_view like);

}  // namespace bitline::hardware
