#include "bitline/hardware/quantity.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "bitline/base/suggest.h"
#include "bitline/base/units.h"

namespace bitline::hardware {

namespace {

using enum Dimension;

constexpr std::array<DimensionInfo, 19> kDimensions = {{
    {kCount, "count", "", "128"},
    {kNumber, "number", "", "0.5"},
    {kFraction, "fraction", "", "58 %"},
    {kTime, "time", "s", "100 ns"},
    {kFrequency, "frequency", "Hz", "1.2 GHz"},
    {kSampleRate, "sample rate", "S/s", "1.28 GS/s"},
    {kEnergy, "energy", "J", "1.56 pJ"},
    {kEnergyPerByte, "energy per byte", "J/B", "2.02 pJ/B"},
    {kPower, "power", "W", "2 mW"},
    {kArea, "area", "m2", "0.0012 mm2"},
    {kLength, "length", "m", "32 nm"},
    {kVoltage, "voltage", "V", "0.2 V"},
    {kResistance, "resistance", "ohm", "20 kohm"},
    {kCapacity, "capacity", "B", "64 KiB"},
    {kBandwidth, "bandwidth", "B/s", "25.6 GB/s"},
    {kOperationRate, "operation rate", "OPS", "41.3 TOPS"},
    {kOperationsPerJoule, "efficiency", "OPS/W", "627.5 GOPS/W"},
    {kOperationsPerArea, "density", "OPS/m2", "479 GOPS/mm2"},
    {kBytesPerArea, "storage density", "B/m2", "0.74 MiB/mm2"},
}};

constexpr double kSquareMillimetre = 1e-6;

struct Unit {
  std::string symbol;
  double factor;
  bool shown;  // quantity_text may choose it
};
using Units = std::vector<Unit>;

struct Prefix {
  char letter;
  double factor;
};
constexpr std::array<Prefix, 11> kPrefixes = {{{'a', 1e-18},
                                               {'f', 1e-15},
                                               {'p', 1e-12},
                                               {'n', 1e-9},
                                               {'u', 1e-6},
                                               {'m', 1e-3},
                                               {'k', 1e3},
                                               {'M', 1e6},
                                               {'G', 1e9},
                                               {'T', 1e12},
                                               {'P', 1e15}}};

// The bare unit and the unit with each of the prefixes.
Units prefixed(const std::string& base, std::string_view letters, bool squared = false) {
  Units out = {{base, 1.0, true}};
  for (const Prefix& prefix : kPrefixes) {
    if (letters.find(prefix.letter) == std::string_view::npos) continue;
    out.push_back({prefix.letter + base, squared ? prefix.factor * prefix.factor : prefix.factor, true});
  }
  return out;
}

Units per(const Units& above, const Units& below) {
  Units out;
  for (const Unit& a : above) {
    for (const Unit& b : below) {
      const bool shown = a.shown && b.shown;
      out.push_back({a.symbol + "/" + b.symbol, a.factor / b.factor, shown});
    }
  }
  return out;
}

Units only(const std::string& symbol, double factor) {
  return {{symbol, factor, true}};
}

Units areas() {
  Units out = prefixed("m2", "num", true);
  out.push_back({"cm2", 1e-4, false});
  return out;
}

Units capacities() {
  constexpr double kKibi = 1024.0;
  return {{"B", 1.0, true},
          {"KiB", kKibi, true},
          {"MiB", kKibi * kKibi, true},
          {"GiB", kKibi * kKibi * kKibi, true},
          {"kB", 1e3, false},
          {"MB", 1e6, false},
          {"GB", 1e9, false},
          {"b", 1.0 / 8, false},
          {"Kib", kKibi / 8, false},
          {"Mib", kKibi * kKibi / 8, false}};
}

Units bandwidths() {
  Units out = per(prefixed("B", "kMGT"), only("s", 1.0));
  for (const Unit& bits : per(prefixed("b", "kMGT"), only("s", 1.0)))
    out.push_back({bits.symbol, bits.factor / 8, false});
  return out;
}

Units byte_energies() {
  Units out = per(prefixed("J", "fpnum"), only("B", 1.0));
  for (const Unit& bits : per(prefixed("J", "fpnum"), only("b", 1.0 / 8)))
    out.push_back({bits.symbol, bits.factor, false});
  return out;
}

Units no_units() {
  return {};
}

// In the order of the dimensions.
constexpr std::array<Units (*)(), kDimensions.size()> kUnitTables = {{
    no_units,  // kCount
    no_units,  // kNumber
    [] { return only("%", 0.01); },
    [] { return prefixed("s", "fpnum"); },
    [] { return prefixed("Hz", "kMG"); },
    [] { return per(prefixed("S", "kMGT"), only("s", 1.0)); },
    [] { return prefixed("J", "afpnum"); },
    byte_energies,
    [] { return prefixed("W", "pnumk"); },
    areas,
    [] { return prefixed("m", "num"); },
    [] { return prefixed("V", "um"); },
    [] { return prefixed("ohm", "kMG"); },
    capacities,
    bandwidths,
    [] { return prefixed("OPS", "kMGTP"); },
    [] { return per(prefixed("OPS", "kMGTP"), only("W", 1.0)); },
    [] { return per(prefixed("OPS", "kMGTP"), only("mm2", kSquareMillimetre)); },
    [] { return per(capacities(), only("mm2", kSquareMillimetre)); },
}};

const Units& units_of(Dimension dimension) {
  static const std::vector<Units> table = [] {
    std::vector<Units> out;
    for (const auto make : kUnitTables) out.push_back(make());
    return out;
  }();
  return table[static_cast<std::size_t>(dimension)];
}

const Unit* find_unit(Dimension dimension, std::string_view symbol) {
  const Units& units = units_of(dimension);
  const auto it = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.symbol == symbol; });
  return it == units.end() ? nullptr : &*it;
}

// Both code points of the micro sign, the superscript two and the ohm sign, in UTF-8.
std::string plain_symbol(std::string_view symbol) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kSpellings = {
      {{"\xC2\xB5", "u"},
       {"\xCE\xBC", "u"},
       {"\xC2\xB2", "2"},
       {"\xCE\xA9", "ohm"},
       {"\xE2\x84\xA6", "ohm"}}};
  std::string out(symbol);
  for (const auto& [from, to] : kSpellings) {
    for (std::size_t at = out.find(from); at != std::string::npos; at = out.find(from, at + to.size()))
      out.replace(at, from.size(), to);
  }
  return out;
}

std::string with_article(const std::string& name) {
  return (std::string_view("aeo").find(name.front()) == std::string_view::npos ? "a " : "an ") + name;
}

std::string expected(const DimensionInfo& info) {
  return with_article(info.name) + " such as '" + info.example + "'";
}

[[noreturn]] void refuse_unit(std::string_view text, const std::string& symbol, const DimensionInfo& info,
                              const Where& where) {
  const std::string quoted = "'" + std::string(text) + "'";
  if (symbol.empty()) bad_input(quoted + " has no unit", where, "expected " + expected(info));
  for (const DimensionInfo& other : kDimensions) {
    if (find_unit(other.dimension, symbol) == nullptr) continue;
    bad_input(quoted + " is " + with_article(other.name), where, "expected " + expected(info));
  }
  const std::string near = nearest(symbol, unit_symbols(info.dimension));
  bad_input("unknown unit '" + symbol + "'", where,
            near.empty() ? "expected " + expected(info) : "did you mean '" + near + "'?");
}

std::string rounded_text(double number) {
  std::array<char, 64> buffer{};
  const bool plain = std::abs(number) >= 999.95 && std::abs(number) < 1e15;
  if (plain) return fixed_text(number, 0);
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::general, 4).ptr;
  return {buffer.data(), end};
}

}  // namespace

std::span<const DimensionInfo> dimensions() {
  return kDimensions;
}

const DimensionInfo& dimension_info(Dimension dimension) {
  return kDimensions[static_cast<std::size_t>(dimension)];
}

std::vector<std::string> unit_symbols(Dimension dimension) {
  std::vector<std::string> out;
  for (const Unit& unit : units_of(dimension)) out.push_back(unit.symbol);
  return out;
}

double parse_quantity(std::string_view text, Dimension dimension, const Where& where) {
  const DimensionInfo& info = dimension_info(dimension);
  double number = 0.0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || !std::isfinite(number))
    bad_input("'" + std::string(text) + "' is not a number with a unit", where, "expected " + expected(info));
  std::string_view rest(stop, static_cast<std::size_t>(end - stop));
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  const std::string symbol = plain_symbol(rest);
  const bool bare = dimension == kCount || dimension == kNumber || dimension == kFraction;
  if (symbol.empty() && bare) return number;
  const Unit* unit = find_unit(dimension, symbol);
  if (unit == nullptr) refuse_unit(text, symbol, info, where);
  // Dividing by the exact power of ten keeps "0.0096 mm2" the double nearest to it.
  return unit->factor < 1.0 ? number / std::round(1.0 / unit->factor) : number * unit->factor;
}

std::string quantity_text_like(double value, Dimension dimension, std::string_view like) {
  for (const Unit& unit : units_of(dimension)) {
    const std::string plain = plain_symbol(like);
    if (plain.ends_with(" " + unit.symbol)) return rounded_text(value / unit.factor) + " " + unit.symbol;
  }
  return quantity_text(value, dimension);
}

std::string quantity_text(double value, Dimension dimension) {
  if (dimension == kFraction) return rounded_text(100.0 * value) + " %";
  const double least = dimension == kArea ? 0.001 : 0.9995;  // areas: 0.0096 mm2, not 9600 um2
  const Unit* best = nullptr;
  for (const Unit& unit : units_of(dimension)) {
    if (!unit.shown) continue;
    if (best == nullptr) best = &unit;
    const bool fits = std::abs(value) >= least * unit.factor;
    const bool best_fits = std::abs(value) >= least * best->factor;
    if (fits ? (!best_fits || unit.factor > best->factor) : (!best_fits && unit.factor < best->factor))
      best = &unit;
  }
  if (best == nullptr) return rounded_text(value);
  if (value == 0.0) return std::string("0 ") + dimension_info(dimension).unit;
  return rounded_text(value / best->factor) + " " + best->symbol;
}

}  // namespace bitline::hardware
