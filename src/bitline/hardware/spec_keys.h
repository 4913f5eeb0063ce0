// The one table of keys of hardware files. The reader, the JSON Schema, `bitline hardware show` and the tests
// all walk it, so a key is declared once: name, meaning, dimension, range and where its value lives.
//
// To add a key: a member in hardware_spec.h and a line here. To add a kind of component: a line in the table
// of component kinds.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bitline/hardware/hardware_spec.h"

namespace bitline::hardware {

// From `low` to `high`; `above` leaves `low` itself out.
struct KeyRange {
  double low = 0.0;
  double high = std::numeric_limits<double>::infinity();
  bool above = false;
};

// A key of a section: a number with a source, or a word.
struct KeySlot {
  const char* name;
  const char* meaning;
  Dimension dimension = Dimension::kCount;
  KeyRange range;
  OptionalConstant* number = nullptr;
  std::string* word = nullptr;
  std::vector<std::string> choices;  // of a word; empty: any text

  const Constant* stated() const { return number != nullptr && *number ? &**number : nullptr; }
};

struct SectionForm {
  std::string name;  // "adc", "macro.shift_add"
  const char* meaning;
  Section* section;
  Level* level = nullptr;  // of a level, whose `components` is a key, too
  std::vector<KeySlot> keys;
};

struct ComponentKind {
  const char* name;
  const char* meaning;
  const char* energy;             // what one use is
  std::vector<std::string> keys;  // beyond those that every component has
};
std::span<const ComponentKind> component_kinds();
const ComponentKind* find_component_kind(std::string_view name);  // nullptr when there is none

// All sections but the components of the levels, in the order of the documentation. The slots point into
// `spec`.
std::vector<SectionForm> section_forms(HardwareSpec& spec);

// The keys of a named component. Its kind must be known.
SectionForm component_form(const std::string& level, Component& component);

// Sections and components that the spec states, in order. The slots point into `spec`.
std::vector<SectionForm> stated_forms(HardwareSpec& spec);

}  // namespace bitline::hardware
