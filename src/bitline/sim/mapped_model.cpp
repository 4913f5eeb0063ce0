#include "bitline/sim/mapped_model.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/mapping/map_network.h"
#include "bitline/mapping/tiling.h"
#include "bitline/mapping/verify_mapping.h"
#include "bitline/quant/encoding.h"

namespace bitline::sim {

namespace {

using mapping::Block;
using mapping::Mapping;

Where at(const std::string& node) {
  return {{}, 0, 0, node};
}

const std::string& node_of(const Mapping& mapping, const Block& block) {
  return mapping.layers[static_cast<std::size_t>(block.layer)].node;
}

void check_names(const quant::QuantizedModel& model, const Mapping& mapping) {
  std::vector<std::string> missing;
  for (const auto& [name, layer] : model.layers)
    if (!layer.config.digital) missing.push_back(name);
  const std::vector<std::string> known = missing;
  for (const mapping::MappedLayer& layer : mapping.layers) {
    if (std::find(known.begin(), known.end(), layer.node) == known.end())
      bad_input("the mapping places a layer that the network does not have on arrays", at(layer.node),
                suggestion(layer.node, known));
    std::erase(missing, layer.node);
  }
  if (!missing.empty())
    bad_input("the mapping does not place this layer", at(missing.front()), "map this network anew");
}

// Digits are stored and driven as the layer is quantized: slices from the lowest bit up, of the bits of a
// cell. verify_mapping takes any slices that are the weight's bits.
void check_digits(const mapping::MappedLayer& layer, const quant::CimConfig& config) {
  std::vector<mapping::WeightSlice> slices;
  for (const quant::BitSlice& slice :
       quant::weight_encoding(config.encoding).slices(config.weight_bits, config.cell_bits))
    slices.push_back({slice.shift, slice.bits});
  if (layer.slices != slices)
    bad_input("the mapping cuts the weights into other slices than the layer is quantized for",
              at(layer.node),
              "expected " + std::to_string(slices.size()) + " from the lowest bit up, of " +
                  std::to_string(config.cell_bits) + " bits each but the last");
  if (const int cycles = quant::input_cycles(config); layer.input_cycles != cycles)
    bad_input("the mapping has " + std::to_string(layer.input_cycles) +
                  " input cycles, but the layer takes " + std::to_string(cycles),
              at(layer.node), "map this network anew");
}

void check_fit(const quant::QuantizedModel& model, const Mapping& mapping) {
  check_names(model, mapping);
  for (const mapping::MappedLayer& layer : mapping.layers)
    mapping::check_array(layer.node, model.layers.at(layer.node).config, mapping.chip);
  const std::vector<mapping::Violation> found = mapping::verify_mapping(mapping, model);
  if (!found.empty())
    bad_input("the mapping does not hold the network: " + found[0].name + ", " + found[0].text, {},
              "map this network anew");
  for (const mapping::MappedLayer& layer : mapping.layers)
    check_digits(layer, model.layers.at(layer.node).config);
}

void check_rounds(const quant::QuantizedModel& model, const Mapping& mapping) {
  std::map<std::string, std::set<std::int64_t>> rounds;
  for (const Block& block : mapping.blocks) rounds[node_of(mapping, block)].insert(block.round);
  std::int64_t last = 0;
  for (const ir::Node& node : model.graph.nodes()) {
    const auto it = rounds.find(node.name);
    if (it == rounds.end()) continue;
    if (*it->second.begin() < last)
      bad_input("the layer is in round " + std::to_string(*it->second.begin()) + ", after a layer of round " +
                    std::to_string(last),
                at(node.name), "rounds follow the order of the network");
    last = *it->second.rbegin();
  }
}

// Behind converters with levels the two columns of a pair are there in the same round.
void check_pairs(const quant::QuantizedModel& model, const Mapping& mapping) {
  struct Digit {
    std::int64_t layer, replica, group, row, output, slice;
    auto operator<=>(const Digit&) const = default;
  };
  std::map<Digit, std::int64_t> rounds;
  if (mapping.rounds == 1) return;
  for (const Block& b : mapping.blocks) {
    const std::string& node = node_of(mapping, b);
    const bool ideal = model.layers.at(node).config.adc_levels == quant::kIdealAdc;
    if (ideal || mapping.layers[static_cast<std::size_t>(b.layer)].parts == b.parts) continue;
    for (std::int64_t o = b.first_output; o < b.first_output + b.outputs; ++o) {
      for (std::int64_t j = b.first_slice; j < b.first_slice + b.slices; ++j) {
        const auto [it, first] =
            rounds.try_emplace({b.layer, b.replica, b.group, b.first_row, o, j}, b.round);
        if (first || it->second == b.round) continue;
        bad_input("the columns of a differential pair are in rounds " + std::to_string(it->second) + " and " +
                      std::to_string(b.round) + ", but subtract before the converter",
                  at(node), "use --pairs adjacent, or a chip with more arrays");
      }
    }
  }
}

bool scales_differ_by_tile(const quant::CimConfig& config) {
  return quant::partition(config.weight_granularity).by_tile;
}

// Whether the layer runs without its row tiles because this block does not keep them.
bool joins_tiles(const Block& block, const mapping::LayerTiling& tiling, const quant::CimConfig& config,
                 const std::string& node) {
  const std::size_t tile = tiling.tile_of(block.first_row);
  const std::int64_t first = tiling.first_row(tile), end = first + tiling.rows(tile);
  if (block.first_row == first && block.rows == end - first) return false;
  if (config.adc_levels != quant::kIdealAdc)
    bad_input("a block holds rows " + std::to_string(block.first_row) + " to " +
                  std::to_string(block.first_row + block.rows - 1) +
                  " of the matrix, but the layer's converters are calibrated for row tiles of " +
                  std::to_string(tiling.rows(0)),
              at(node), "map it with --rows windows, or quantize it with ideal converters (Pideal)");
  if (block.first_row + block.rows <= end) return false;
  if (scales_differ_by_tile(config))
    bad_input("a block adds up rows of several row tiles, which have weight scales of their own", at(node),
              "map it with --rows windows, or use weight scales a layer or channel");
  return true;
}

}  // namespace

quant::QuantizedModel as_mapped(const quant::QuantizedModel& model, const Mapping& mapping) {
  check_fit(model, mapping);
  check_rounds(model, mapping);
  std::vector<mapping::LayerTiling> tilings;
  for (const mapping::MappedLayer& layer : mapping.layers) {
    const auto shape = mapping::layer_shape(model.graph, *model.graph.find_node(layer.node));
    tilings.push_back(mapping::tile_layer(*shape, model.layers.at(layer.node).config, layer.node));
  }
  quant::QuantizedModel out = model;
  for (const Block& block : mapping.blocks) {
    const std::string& node = node_of(mapping, block);
    const auto layer = static_cast<std::size_t>(block.layer);
    if (joins_tiles(block, tilings[layer], model.layers.at(node).config, node))
      out.layers.at(node).config.array_rows = static_cast<int>(mapping.layers[layer].rows);
  }
  check_pairs(model, mapping);
  return out;
}

}  // namespace bitline::sim
