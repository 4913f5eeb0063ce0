#include "bitline/estimate/array_costs.h"

#include <algorithm>

#include "bitline/base/error.h"
#include "bitline/estimate/activity.h"

namespace bitline::estimate {

namespace {

using hardware::Component;
using hardware::HardwareSpec;

constexpr std::size_t kMostCandidates = 256;
constexpr std::int64_t kMostArrays = 1 << 16;  // in a tile

HardwareSpec without_leakage(HardwareSpec spec) {
  for (Component* c : {static_cast<Component*>(&spec.array), &spec.dac, static_cast<Component*>(&spec.adc)})
    c->leakage.reset();
  for (hardware::Level* level : {&spec.macro, &spec.tile, &spec.chip}) {
    for (Component& c : level->components) c.leakage.reset();
  }
  return spec;
}

double energy_of_uses(const Estimate& e, std::size_t layer) {
  double sum = 0.0;
  for (std::size_t p = 0; p < e.parts.size(); ++p) {
    if (e.rules[p].charge == Charge::kUses) sum += e.layers[layer].energy[p];
  }
  return sum;
}

double area_of_level(const RollUp& roll, std::size_t level) {
  double area = 0.0;
  for (const ComponentTotal& c : roll.components) {
    if (c.level == level) area += c.area.value_or(0.0);
  }
  return area;
}

// A layer's arrays follow each other through the rounds.
std::vector<LayerCost> costs_of(const mapping::Mapping& mapping, const HardwareSpec& spec,
                                const Estimate& e) {
  const Activity activity = count_activity(mapping, conversions_in(spec, roll_up(spec).cycle));
  std::vector<LayerCost> out(e.layers.size());
  for (const ArrayActivity& array : activity.arrays) {
    if (array.layer >= 0) out[static_cast<std::size_t>(array.layer)].work.push_back(array.work);
  }
  for (std::size_t l = 0; l < out.size(); ++l) {
    out[l].row_uses = e.layers[l].row_uses;
    out[l].conversions = e.layers[l].conversions;
    out[l].energy = energy_of_uses(e, l);
    for (const RoundActivity& round : activity.rounds)
      out[l].cycles = std::max(out[l].cycles, round.times[l]);
  }
  return out;
}

void check_nodes(const std::vector<std::string>& nodes, const mapping::Mapping& mapping,
                 const std::string& name) {
  for (std::size_t l = 0; l < std::max(nodes.size(), mapping.layers.size()); ++l) {
    const bool both = l < nodes.size() && l < mapping.layers.size();
    if (both && nodes[l] == mapping.layers[l].node) continue;
    bad_input("candidate " + name + " has other layers on arrays than the first one",
              Where{{}, 0, 0, l < nodes.size() ? nodes[l] : mapping.layers[l].node});
  }
}

}  // namespace

ArrayCosts::ArrayCosts(const std::vector<Candidate>& candidates, const HardwareSpec& spec,
                       mapping::MappingOptions options)
    : candidates_(candidates.size()) {
  if (candidates.empty() || candidates.size() > kMostCandidates)
    bad_input("a table of costs has 1 to " + std::to_string(kMostCandidates) + " candidates");
  options.replicate = false;
  options.array_budget = 0;
  options.reload = true;
  set_chip(spec);
  std::vector<std::vector<LayerCost>> columns;
  for (const Candidate& candidate : candidates) {
    const mapping::Mapping mapping = map_network(candidate.model, mapping::chip_of(spec), options);
    if (columns.empty()) {
      for (const mapping::MappedLayer& layer : mapping.layers) nodes_.push_back(layer.node);
      add_rules(estimate(mapping, spec, {}, {}));
    }
    check_nodes(nodes_, mapping, candidate.name);
    const EstimateOptions densities{
        candidate.options.density, candidate.options.layers, 1, {}, candidate.options.adc_bits};
    columns.push_back(costs_of(mapping, spec, estimate(mapping, without_leakage(spec), {}, densities)));
  }
  for (std::size_t l = 0; l < nodes_.size(); ++l) {
    for (std::vector<LayerCost>& column : columns) add_entry(std::move(column[l]));
  }
}

void ArrayCosts::set_chip(const HardwareSpec& spec) {
  const mapping::Chip chip = mapping::chip_of(spec);
  const RollUp roll = roll_up(spec);
  capacity_ = chip.capacity();
  macros_.size = chip.arrays_per_macro;
  tiles_.size = chip.arrays_per_macro * chip.macros_per_tile;
  if (tiles_.size > kMostArrays)
    unsupported("a tile of more than " + std::to_string(kMostArrays) + " arrays has no table of costs");
  cycle_ = roll.cycle.value_or(0.0);
  array_area_ = area_of_level(roll, 0) / static_cast<double>(macros_.size) +
                area_of_level(roll, 1) / static_cast<double>(tiles_.size);
  chip_area_ = area_of_level(roll, 2);
}

void ArrayCosts::add_rules(const Estimate& e) {
  for (std::size_t p = 0; p < e.parts.size(); ++p) {
    const PartRule& rule = e.rules[p];
    if (rule.charge == Charge::kPlaced)
      unsupported("'" + e.parts[p] + "' states an energy of a use, which depends on where all layers lie", {},
                  "estimate such a chip network by network");
    if (rule.charge == Charge::kMacro) macros_.energy += rule.power * cycle_;
    if (rule.charge == Charge::kTile) tiles_.energy += rule.power * cycle_;
    if (rule.charge == Charge::kChip) chip_power_ += rule.power;
    chip_power_ += rule.leakage;
  }
}

void ArrayCosts::add_entry(LayerCost cost) {
  macros_.add(cost.work);
  tiles_.add(cost.work);
  figures_.push_back({cost.arrays(), cost.cycles, cost.energy});
  costs_.push_back(std::move(cost));
}

void ArrayCosts::Units::add(const std::vector<double>& work) {
  const std::int64_t arrays = std::ssize(work);
  const auto longest_of = [&](std::int64_t first, std::int64_t end) {
    return *std::max_element(work.begin() + first, work.begin() + end);
  };
  for (std::int64_t start = 0; start < size; ++start) {
    std::int64_t at = std::min(arrays, size - start);
    Longest out{longest_of(0, at), 0.0, 0.0};
    for (; at + size <= arrays; at += size) out.between += longest_of(at, at + size);
    if (at < arrays) out.last = longest_of(at, arrays);
    longest.push_back(out);
  }
}

double ArrayCosts::busy_energy(const Units& units, std::span<const std::uint8_t> choice) const {
  if (units.energy == 0.0) return 0.0;
  double sum = 0.0, open = 0.0;  // of the unit that is not full yet
  std::int64_t start = 0;
  for (std::size_t l = 0; l < choice.size(); ++l) {
    const std::size_t entry = l * candidates_ + choice[l];
    const Longest& longest =
        units.longest[entry * static_cast<std::size_t>(units.size) + static_cast<std::size_t>(start)];
    open = std::max(open, longest.first);
    const std::int64_t end = start + figures_[entry].arrays;
    if (end >= units.size) {
      sum += open + longest.between;
      open = longest.last;
    }
    start = end % units.size;
  }
  return (sum + open) * units.energy;
}

NetworkCost ArrayCosts::total(std::span<const std::uint8_t> choice) const {
  BITLINE_CHECK(choice.size() == nodes_.size());
  NetworkCost out;
  double slowest = 0.0, cycles = 0.0;
  for (std::size_t l = 0; l < choice.size(); ++l) {
    const Figures& f = figures_[l * candidates_ + choice[l]];
    out.arrays += f.arrays;
    out.energy += f.energy;
    cycles += f.cycles;
    slowest = std::max(slowest, f.cycles);
  }
  out.period = slowest * cycle_;
  out.latency = cycles * cycle_;
  out.energy += busy_energy(macros_, choice) + busy_energy(tiles_, choice) + chip_power_ * out.period;
  out.area = static_cast<double>(out.arrays) * array_area_ + chip_area_;
  out.fits = capacity_ == 0 || out.arrays <= capacity_;
  return out;
}

}  // namespace bitline::estimate
