#include "bitline/hardware/board.h"

#include <string>

namespace bitline::hardware {

namespace {

void multiply(OptionalConstant& constant, double factor) {
  if (constant) constant->value *= factor;
}

// Figures of a group are multiplied; those of one instance, or of the only one, get more instances.
void multiply(Component& component, const Constant& chips) {
  if (component.per == "group") {
    for (OptionalConstant* figure : {&component.power, &component.leakage, &component.area})
      multiply(*figure, chips.value);
  } else {
    component.per = "instance";
  }
  if (component.count) {
    multiply(component.count, chips.value);
  } else {
    component.count = chips;
  }
}

}  // namespace

HardwareSpec board_of(HardwareSpec spec, std::int64_t chips) {
  if (chips < 1) bad_input("a board has at least one chip");
  if (chips == 1) return spec;
  Constant count;
  count.value = static_cast<double>(chips);
  count.text = std::to_string(chips);
  count.source = {"a choice of the user", Mark::kAssumed, {}};
  spec.chips = chips;
  spec.name += " x " + count.text;
  spec.published = {};
  if (!spec.chip.members)
    spec.chip.members = count;
  else
    multiply(spec.chip.members, count.value);
  for (Component& component : spec.chip.components) multiply(component, count);
  Roofline& r = spec.roofline;
  for (OptionalConstant* figure : {&r.peak, &r.bandwidth, &r.memory, &r.power, &r.area})
    multiply(*figure, count.value);
  multiply(spec.weights.bandwidth, count.value);
  multiply(spec.accelerator.units, count.value);
  multiply(spec.accelerator.memory, count.value);
  return spec;
}

}  // namespace bitline::hardware
