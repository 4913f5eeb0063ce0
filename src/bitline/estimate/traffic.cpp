#include "bitline/estimate/traffic.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "bitline/base/units.h"

namespace bitline::estimate {

namespace {

using mapping::Block;
using mapping::Mapping;

constexpr std::size_t kLevels = 3;

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

// The unit of a level that an array is in, numbered through; of level 0 to 2, and -1 for the array itself.
std::int64_t unit_of(const Mapping& mapping, std::int64_t array, int level) {
  if (level < 0) return array;
  if (level == 0) return mapping.macro_of(array);
  return level == 1 ? mapping.tile_of(array) : 0;
}

double mean_positions(const mapping::MappedLayer& layer) {
  return static_cast<double>(layer.positions) / static_cast<double>(layer.replicas);
}

double sum_bits(const mapping::MappedLayer& layer, int input_bits) {
  return layer.weight_bits + input_bits + std::ceil(std::log2(static_cast<double>(layer.rows)));
}

double accesses(const Vectors& vectors, double width) {
  double sum = 0.0;
  for (const auto& [bits, times] : vectors) sum += times * std::ceil(bits / width);
  return sum;
}

// Names a thing once.
using Key = std::array<std::int64_t, 7>;

}  // namespace

double hops(const Place& a, const Place& b) {
  return std::abs(a.x - b.x) + std::abs(a.y - b.y);
}

Place place_of_tile(std::int64_t tile, std::int64_t tiles) {
  const auto columns = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(tiles))));
  return {static_cast<double>(tile % columns), static_cast<double>(tile / columns)};
}

Traffic::Traffic(const Mapping& mapping, const Dataflow& flow) : flow_(flow), layers_(mapping.layers.size()) {
  count_units(mapping);
  count_outputs(mapping);
  place_layers(mapping);
}

void Traffic::count_units(const Mapping& mapping) {
  std::set<Key> inputs, results;
  for (const Block& b : mapping.blocks) {
    const mapping::MappedLayer& of = mapping.layers[index(b.layer)];
    const int input_bits = flow_.layers[index(b.layer)].input_bits;
    const double times = mean_positions(of);
    Layer& layer = layers_[index(b.layer)];
    for (int level = 0; level < static_cast<int>(kLevels); ++level) {
      const std::int64_t unit = unit_of(mapping, b.array, level) * mapping.rounds + b.round;
      const auto at = static_cast<std::size_t>(level);
      if (inputs.insert({b.layer, b.replica, b.group, b.first_row, b.rows, unit, level}).second)
        layer.inputs[at][static_cast<double>(b.rows * input_bits)] += times;
      if (results.insert({b.layer, b.replica, b.group, b.first_output, b.outputs, unit, level}).second)
        layer.results[at][static_cast<double>(b.outputs) * sum_bits(of, input_bits)] += times;
    }
  }
}

void Traffic::count_outputs(const Mapping& mapping) {
  std::map<std::array<std::int64_t, 5>, const Block*> accumulating;
  std::set<Key> arrays;
  for (const Block& b : mapping.blocks) {
    if (!arrays.insert({b.layer, b.replica, b.group, b.first_output, b.outputs, b.array, b.round}).second)
      continue;
    const LayerData& data = flow_.layers[index(b.layer)];
    const mapping::MappedLayer& of = mapping.layers[index(b.layer)];
    Layer& layer = layers_[index(b.layer)];
    const auto [it, first] =
        accumulating.insert({{b.layer, b.replica, b.group, b.first_output, b.outputs}, &b});
    const double times = mean_positions(of);
    if (first) {
      layer.outputs[static_cast<double>(b.outputs * data.output_bits)] += times;
      continue;
    }
    const Block& to = *it->second;
    const double bits = static_cast<double>(b.outputs) * sum_bits(of, data.input_bits);
    const bool same_round = b.round == to.round;
    for (int level = 0; level < static_cast<int>(kLevels); ++level) {
      const auto same = [&](int l) { return unit_of(mapping, b.array, l) == unit_of(mapping, to.array, l); };
      if (same_round && same(level - 1)) continue;
      layer.partial[static_cast<std::size_t>(level)][bits] += same(level) ? times : 2.0 * times;
    }
    layer.routed[bits] += times * hops(place_of_tile(mapping.tile_of(b.array), mapping.chip.tiles),
                                       place_of_tile(mapping.tile_of(to.array), mapping.chip.tiles));
  }
}

void Traffic::place_layers(const Mapping& mapping) {
  std::set<std::array<std::int64_t, 3>> arrays;
  std::vector<double> counts(layers_.size(), 0.0);
  for (const Block& b : mapping.blocks) {
    if (!arrays.insert({b.layer, b.round, b.array}).second) continue;
    const Place at = place_of_tile(mapping.tile_of(b.array), mapping.chip.tiles);
    layers_[index(b.layer)].place.x += at.x;
    layers_[index(b.layer)].place.y += at.y;
    counts[index(b.layer)] += 1.0;
  }
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    layers_[l].place.x /= counts[l];
    layers_[l].place.y /= counts[l];
  }
}

Place Traffic::place_of(std::int64_t layer) const {
  return layer < 0 ? Place{} : layers_[index(layer)].place;
}

double Traffic::router_uses(std::size_t layer, double width) const {
  double flits = 0.0;
  for (const auto& [bits, times] : layers_[layer].routed) flits += times * std::ceil(bits / width);
  for (const Transfer& f : flow_.flows) {
    if (index(f.to >= 0 ? f.to : f.from) != layer) continue;
    flits += hops(place_of(f.from), place_of(f.to)) * std::ceil(f.values * f.bits / width);
  }
  return flits;
}

double Traffic::link_bytes(std::size_t layer) const {
  double bytes = 0.0;
  for (const Transfer& f : flow_.flows) {
    if (f.from >= 0 && f.to >= 0) continue;
    if (index(f.to >= 0 ? f.to : f.from) == layer) bytes += f.values * f.bits / kBitsPerByte;
  }
  return bytes;
}

namespace {

enum class Use { kBuffer, kRegister, kBus, kRouter, kLink, kActivation, kPooling, kAlu, kDigital };

struct UseOf {
  const char* kind;
  Use use;
  bool by_width;
};
constexpr std::array<UseOf, 9> kUses = {{{"buffer", Use::kBuffer, true},
                                         {"register", Use::kRegister, true},
                                         {"bus", Use::kBus, true},
                                         {"router", Use::kRouter, true},
                                         {"link", Use::kLink, false},
                                         {"activation", Use::kActivation, false},
                                         {"pooling", Use::kPooling, false},
                                         {"alu", Use::kAlu, false},
                                         {"digital", Use::kDigital, false}}};

const UseOf* find_use(const std::string& kind) {
  const auto it = std::find_if(kUses.begin(), kUses.end(), [&](const UseOf& u) { return kind == u.kind; });
  return it == kUses.end() ? nullptr : &*it;
}

}  // namespace

double Traffic::uses_of(const hardware::Component& component, std::size_t level, std::size_t l) const {
  const Layer& layer = layers_[l];
  const LayerData& data = flow_.layers[l];
  const double width = value_or(component.width, 1.0);
  const double inputs = component.holds == "outputs" ? 0.0 : accesses(layer.inputs[level], width);
  const bool outputs = component.holds != "inputs";
  switch (find_use(component.kind)->use) {
    case Use::kBuffer:
      return inputs + (outputs ? accesses(layer.outputs, width) : 0.0);
    case Use::kRegister:
      return 2.0 * (inputs + (outputs ? accesses(layer.results[level], width) : 0.0));
    case Use::kBus:
      return inputs + accesses(layer.outputs, width) + accesses(layer.partial[level], width);
    case Use::kRouter:
      return router_uses(l, width);
    case Use::kLink:
      return link_bytes(l);
    case Use::kActivation:
      return data.activations;
    case Use::kPooling:
      return data.pooled;
    case Use::kAlu:
      return data.operations;
    case Use::kDigital:
      return data.digital_macs;
  }
  return 0.0;
}

std::optional<std::vector<double>> Traffic::uses(const hardware::Component& component, std::size_t level,
                                                 std::string& reason) const {
  const UseOf* use = find_use(component.kind);
  reason = use == nullptr ? kNoCount : "no width";
  if (use == nullptr || (use->by_width && !component.width)) return std::nullopt;
  std::vector<double> out;
  for (std::size_t l = 0; l < layers_.size(); ++l) out.push_back(uses_of(component, level, l));
  return out;
}

}  // namespace bitline::estimate
