#include "bitline/estimate/option_checks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"

namespace bitline::estimate {

namespace {

void require_share(const std::string& what, double share) {
  if (share >= 0.0 && share <= 1.0) return;
  bad_input("the " + what + " density is not in 0 to 1", {}, "a share of ones, for example 0.3");
}

void check_chip(const mapping::Chip& mapped, const mapping::Chip& chip) {
  struct Key {
    const char* name;
    std::int64_t mapping::Chip::*member;
  };
  static constexpr std::array<Key, 6> kKeys = {{{"array.rows", &mapping::Chip::rows},
                                                {"array.columns", &mapping::Chip::columns},
                                                {"array.active_rows", &mapping::Chip::active_rows},
                                                {"array.count", &mapping::Chip::arrays_per_macro},
                                                {"tile.macros", &mapping::Chip::macros_per_tile},
                                                {"chip.tiles", &mapping::Chip::tiles}}};
  const auto refuse = [&](const char* key, std::int64_t a, std::int64_t b) {
    bad_input("the mapping is for another chip: " + std::string(key) + " is " + std::to_string(a) +
                  " there and " + std::to_string(b) + " in " + chip.name,
              {}, "map the network on this hardware");
  };
  for (const Key& key : kKeys) {
    if (mapped.*key.member != chip.*key.member) refuse(key.name, mapped.*key.member, chip.*key.member);
  }
  if (mapped.cell_bits != chip.cell_bits) refuse("cell.bits", mapped.cell_bits, chip.cell_bits);
}

}  // namespace

void check_options(const mapping::Mapping& mapping, const hardware::HardwareSpec& spec,
                   const EstimateOptions& options) {
  check_chip(mapping.chip, mapping::chip_of(spec));
  if (options.batch < 1) bad_input("a batch has at least one picture");
  require_share("input", options.density.input);
  require_share("weight", options.density.weight);
  std::vector<std::string> nodes;
  for (const mapping::MappedLayer& layer : mapping.layers) nodes.push_back(layer.node);
  for (const auto& [node, density] : options.layers) {
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end())
      bad_input("densities are given for '" + node + "', which is not on arrays", {},
                suggestion(node, nodes));
    require_share("input", density.input);
    require_share("weight", density.weight);
  }
  for (const auto& [node, bits] : options.adc_bits) {
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end())
      bad_input("an ADC resolution is given for '" + node + "', which is not on arrays", {},
                suggestion(node, nodes));
    if (!(bits > 0.0)) bad_input("the ADC resolution of '" + node + "' is not above zero");
  }
  BITLINE_CHECK(options.flow.layers.empty() || options.flow.layers.size() == nodes.size());
}

std::vector<LesserConverter> lesser_converters(const mapping::Mapping& mapping,
                                               const hardware::HardwareSpec& spec, const Dataflow& flow) {
  std::int64_t inputs = 0, sums = 0;
  for (std::size_t l = 0; l < flow.layers.size(); ++l) {
    const LayerData& layer = flow.layers[l];
    if (spec.dac.bits) inputs += mapping.layers[l].input_cycles * spec.dac.bits->value < layer.input_bits;
    if (spec.adc.bits) sums += layer.adc_levels > std::exp2(spec.adc.bits->value);
  }
  std::vector<LesserConverter> out;
  if (inputs > 0)
    out.push_back(
        {"dac.bits: " + std::to_string(inputs) + " layers are for DACs of more bits a cycle", true});
  if (sums > 0)
    out.push_back({"adc.bits: " + std::to_string(sums) + " layers are for ADCs of more bits", false});
  return out;
}

}  // namespace bitline::estimate
