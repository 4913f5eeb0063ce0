#include "fuzz/mapping_target.h"

#include <map>
#include <memory>
#include <optional>

#include "tests/mapping/mapped_net.h"

#include "bitline/base/error.h"
#include "bitline/mapping/mapping_json.h"
#include "bitline/mapping/usage.h"
#include "bitline/mapping/verify_mapping.h"
#include "bitline/sim/mapped_network.h"

namespace bitline::fuzz {

namespace {

constexpr std::int64_t kSize = 6;  // of pictures

mapping::Chip chip() {
  mapping::Chip chip = mapping::small_chip(32, 16, 2, 3);
  chip.active_rows = 18;
  return chip;
}

// Tensors of a repeating pattern: no two neighbours are the same.
ir::Tensor pattern(const ir::Shape& shape) {
  ir::Tensor out(shape);
  for (std::size_t i = 0; i < out.data.size(); ++i)
    out.data[i] = 0.1f * static_cast<float>(i * 7 % 11) - 0.5f;
  return out;
}

quant::QuantizedModel make_network() {
  quant::CimConfig config = mapping::config_for(chip(), 3, "differential");
  config.adc_levels = quant::kIdealAdc;
  config.weight_granularity = config.psum_granularity = quant::Granularity::kLayer;
  quant::QuantizedModel model = mapping::chain({{4, 4, 3, 1, 2}, {4, 8, 3, 2, 1}}, kSize, config);
  for (const auto& [id, tensor] : std::map(model.graph.constants()))
    model.graph.constant(id) = pattern(tensor.shape);
  for (auto& [name, layer] : model.layers) {
    layer.activation_scale = 0.1f;
    layer.weight_scale = {0.2f};
  }
  return model;
}

const quant::QuantizedModel& network() {
  static const quant::QuantizedModel model = make_network();
  return model;
}

// What the verifier takes runs like the network that is not mapped, or is refused with a reason.
void run_mapped(const mapping::Mapping& mapping) {
  std::unique_ptr<sim::MappedNetwork> mapped;
  try {
    mapped = std::make_unique<sim::MappedNetwork>(network(), mapping);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kBadInput) throw;
    return;
  }
  const ir::Tensor picture = pattern({1, 4, kSize, kSize});
  BITLINE_CHECK(mapped->forward(picture, {}).data == mapped->network().forward(picture).data);
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
  run_mapped(*mapping);
  return MappingOutcome::kHolds;
}

std::string mapping_seed() {
  mapping::MappingOptions options;
  options.packing = mapping::Packing::kStacked;
  return mapping::to_json_text(mapping::map_network(network(), chip(), options));
}

}  // namespace bitline::fuzz
