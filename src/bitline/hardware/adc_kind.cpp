#include "bitline/hardware/adc_kind.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace bitline::hardware {

namespace {

double sar_cost(double bits, double stated, double share) {
  return share * bits / stated + (1.0 - share) * std::exp2(bits - stated);
}

double flash_cost(double bits, double stated, double) {
  return (std::exp2(bits) - 1.0) / (std::exp2(stated) - 1.0);
}

double ramp_energy(double bits, double stated, double) {
  return std::exp2(bits - stated);
}

double ramp_area(double bits, double stated, double) {
  return bits / stated;
}

double ramp_time(double bits, double stated) {
  return std::exp2(bits - stated);
}

double same_time(double, double) {
  return 1.0;
}

constexpr std::array<AdcKind, 3> kKinds = {
    {{"sar", "s b/b0 + (1 - s) 2^(b - b0)", sar_cost, sar_cost, same_time},
     {"flash", "(2^b - 1) / (2^b0 - 1)", flash_cost, flash_cost, same_time},
     {"ramp", "2^(b - b0)", ramp_energy, ramp_area, ramp_time}}};

}  // namespace

std::span<const AdcKind> adc_kinds() {
  return kKinds;
}

const AdcKind* find_adc_kind(std::string_view name) {
  const auto it =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const AdcKind& k) { return k.name == name; });
  return it == kKinds.end() ? nullptr : &*it;
}

}  // namespace bitline::hardware
