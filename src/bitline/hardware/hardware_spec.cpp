#include "bitline/hardware/hardware_spec.h"

#include <array>
#include <charconv>

namespace bitline::hardware {

namespace {

int whole(const OptionalConstant& constant, int fallback) {
  return constant ? static_cast<int>(constant->value) : fallback;
}

std::string shortest_text(double value) {
  std::array<char, 32> buffer{};
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

// "lognormal:0.1+saf0:0.01", as simulation takes it; "none" when nothing is stated.
std::string variation_text(const Cell& cell) {
  std::string out;
  const auto add = [&out](const char* model, const OptionalConstant& amount) {
    if (amount) out += (out.empty() ? "" : "+") + std::string(model) + ":" + shortest_text(amount->value);
  };
  add("lognormal", cell.variation);
  add("saf0", cell.stuck_off);
  add("saf1", cell.stuck_on);
  return out.empty() ? "none" : out;
}

}  // namespace

double value_or(const OptionalConstant& constant, double fallback) {
  return constant ? constant->value : fallback;
}

ArraySpec array_of(const HardwareSpec& spec) {
  if (spec.is_digital())
    unsupported("'" + spec.name + "' has no arrays: it is a digital comparator",
                spec.accelerator.stated ? spec.accelerator.where : spec.roofline.where,
                "choose a compute-in-memory chip");
  ArraySpec out;
  out.name = spec.name;
  out.rows = whole(spec.array.active_rows ? spec.array.active_rows : spec.array.rows, out.rows);
  out.columns = whole(spec.array.columns, out.columns);
  out.cell_bits = whole(spec.cell.bits, out.cell_bits);
  if (!spec.cell.encoding.empty()) out.encoding = spec.cell.encoding;
  out.dac_bits = whole(spec.dac.bits, out.dac_bits);
  if (spec.adc.bits) out.adc_bits = spec.adc.bits->text;
  out.variation = variation_text(spec.cell);
  out.files = spec.files;
  return out;
}

}  // namespace bitline::hardware
