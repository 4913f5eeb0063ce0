#include "fuzz/mapping_target.h"

#include <optional>

#include "tests/mapping/mapped_net.h"

#include "bitline/base/error.h"
#include "bitline/mapping/mapping_json.h"
#include "bitline/mapping/usage.h"
#include "bitline/mapping/verify_mapping.h"

namespace bitline::fuzz {

namespace {

mapping::Chip chip() {
  mapping::Chip chip = mapping::small_chip(32, 16, 2, 3);
  chip.active_rows = 18;
  return chip;
}

const quant::QuantizedModel& network() {
  static const quant::QuantizedModel model =
      mapping::chain({{4, 4, 3, 1, 2}, {4, 8, 3, 2, 1}}, 6, mapping::config_for(chip(), 3, "differential"));
  return model;
}

std::optional<mapping::Mapping> parse(const std::string& text) {
  try {
    return mapping::mapping_from_json(text, "fuzz.json");
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kBadInput) throw;
    return std::nullopt;
  }
}

}  // namespace

MappingOutcome try_mapping(std::span<const std::byte> bytes) {
  const auto mapping = parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!mapping) return MappingOutcome::kRefused;
  BITLINE_CHECK(parse(mapping::to_json_text(*mapping)) == mapping);
  const auto found = mapping::verify_mapping(*mapping, network());
  for (const mapping::Violation& violation : found)
    BITLINE_CHECK(!violation.name.empty() && !violation.text.empty());
  if (!found.empty()) return MappingOutcome::kDoesNotHold;
  const mapping::Usage usage = mapping::usage_of(*mapping);
  std::int64_t cells = 0;
  for (const mapping::MappedLayer& layer : mapping->layers) cells += layer.cells() * layer.replicas;
  BITLINE_CHECK(usage.arrays == mapping->arrays && usage.cells == cells);
  return MappingOutcome::kHolds;
}

std::string mapping_seed() {
  mapping::MappingOptions options;
  options.packing = mapping::Packing::kStacked;
  return mapping::to_json_text(mapping::map_network(network(), chip(), options));
}

}  // namespace bitline::fuzz
