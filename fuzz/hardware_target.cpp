#include "fuzz/hardware_target.h"

#include <cmath>
#include <optional>
#include <string>

#include "bitline/base/error.h"
#include "bitline/hardware/spec_keys.h"
#include "bitline/hardware/spec_reader.h"

namespace bitline::fuzz {

namespace {

using hardware::HardwareSpec;

std::optional<HardwareSpec> parse(const std::string& text) {
  try {
    return hardware::parse_hardware(text, "fuzz.yaml");
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kBadInput) throw;
    return std::nullopt;
  }
}

void check_form(const hardware::SectionForm& form) {
  for (const hardware::KeySlot& slot : form.keys) {
    if (slot.number == nullptr || !*slot.number) continue;
    const hardware::Constant& c = **slot.number;
    BITLINE_CHECK(std::isfinite(c.value) && c.value >= slot.range.low && c.value <= slot.range.high);
    BITLINE_CHECK(!c.source.cite.empty());
    BITLINE_CHECK(c.dimension == slot.dimension);
    BITLINE_CHECK(hardware::parse_quantity(c.text, c.dimension, c.where) == c.value);
  }
}

}  // namespace

bool try_hardware(std::span<const std::byte> bytes) {
  std::optional<HardwareSpec> spec = parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!spec) return false;
  for (const hardware::SectionForm& form : hardware::section_forms(*spec)) check_form(form);
  for (hardware::Level* level : {&spec->macro, &spec->tile, &spec->chip}) {
    for (hardware::Component& c : level->components) check_form(hardware::component_form("level", c));
  }
  return true;
}

}  // namespace bitline::fuzz
