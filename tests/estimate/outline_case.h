// Networks by their shapes, mapped on a board with the chip's own operands.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bitline/estimate/digital.h"
#include "bitline/estimate/estimate.h"
#include "bitline/frontend/outline.h"
#include "bitline/hardware/board.h"
#include "bitline/hardware/spec_reader.h"
#include "bitline/mapping/map_network.h"
#include "bitline/mapping/tiling.h"

namespace bitline::estimate {

inline hardware::HardwareSpec board(const char* design, std::int64_t chips) {
  return hardware::board_of(hardware::open_hardware(io::posix(), design), chips);
}

inline std::vector<std::string> layer_names(const ir::Graph& graph) {
  std::vector<std::string> names;
  for (const ir::Node& node : graph.nodes())
    if (mapping::layer_shape(graph, node)) names.push_back(node.name);
  return names;
}

inline mapping::Mapping map_outline(const ir::Graph& graph, const hardware::HardwareSpec& spec,
                                    bool replicate) {
  const mapping::Chip chip = mapping::chip_of(spec);
  quant::CimConfig config;
  config.weight_bits = static_cast<int>(spec.operands.weight_bits->value);
  config.activation_bits = static_cast<int>(spec.operands.input_bits->value);
  config.array_rows = static_cast<int>(chip.active_rows);
  config.array_columns = static_cast<int>(chip.columns);
  config.cell_bits = chip.cell_bits;
  config.dac_bits = static_cast<int>(spec.dac.bits->value);
  config.encoding = "twos-complement";
  quant::QuantizedModel model{graph, {}, {}};
  for (const std::string& name : layer_names(graph)) model.layers[name].config = config;
  mapping::MappingOptions options;
  options.rows = mapping::RowPolicy::kPacked;
  options.replicate = replicate;
  return mapping::map_network(model, chip, options);
}

// `spec` has digital units.
inline Estimate digital_outline(const std::string& network, const hardware::HardwareSpec& spec) {
  const ir::Graph graph = frontend::outline(network);
  return estimate_digital(spec, digital_layers(graph, layer_names(graph)));
}

inline Estimate estimate_outline(const std::string& network, const char* design, std::int64_t chips,
                                 bool replicate = true) {
  const hardware::HardwareSpec spec = board(design, chips);
  if (spec.is_digital()) return digital_outline(network, spec);
  return estimate(map_outline(frontend::outline(network), spec, replicate), spec, {}, {});
}

}  // namespace bitline::estimate
