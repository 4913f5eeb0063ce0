#include "bitline/estimate/estimate.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "bitline/base/error.h"
#include "bitline/base/suggest.h"
#include "bitline/estimate/activity.h"
#include "bitline/estimate/technology.h"

namespace bitline::estimate {

namespace {

using hardware::HardwareSpec;
using hardware::value_or;

constexpr std::size_t kChipLevel = 2;
constexpr double kBitsPerByte = 8.0;

enum class Cost { kRead, kRow, kConversion, kSample, kAddition, kBusy };

// How a component is charged; a kind that is not here is charged while its level works.
struct Rule {
  const char* kind;
  Cost cost;
};
constexpr std::array<Rule, 2> kRules = {{{"sample-hold", Cost::kSample}, {"shift-add", Cost::kAddition}}};

Cost cost_of(const ComponentTotal& c) {
  if (c.name == "array") return Cost::kRead;
  if (c.name == "dac") return Cost::kRow;
  if (c.name == "adc") return Cost::kConversion;
  for (const Rule& rule : kRules) {
    if (c.component->kind != rule.kind) continue;
    if (rule.cost != Cost::kAddition || c.component->energy) return rule.cost;
  }
  return Cost::kBusy;
}

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

class Estimator {
 public:
  Estimator(const mapping::Mapping& mapping, const HardwareSpec& spec, const EstimateOptions& options)
      : mapping_(mapping),
        spec_(spec),
        options_(options),
        roll_(roll_up(spec)),
        activity_(count_activity(mapping)) {}

  Estimate run(const std::vector<std::string>& unmapped) {
    check_options();
    start();
    add_times();
    add_shares();
    for (const ComponentTotal& c : roll_.components) add_component(c);
    add_loading();
    for (const std::string& node : unmapped) out_.absent.push_back(node + ": not on arrays");
    add_totals();
    return std::move(out_);
  }

 private:
  void check_options() const {
    check_chip(mapping_.chip, mapping::chip_of(spec_));
    if (options_.batch < 1) bad_input("a batch has at least one picture");
    require_share("input", options_.density.input);
    require_share("weight", options_.density.weight);
    std::vector<std::string> nodes;
    for (const mapping::MappedLayer& layer : mapping_.layers) nodes.push_back(layer.node);
    for (const auto& [node, density] : options_.layers) {
      if (std::find(nodes.begin(), nodes.end(), node) == nodes.end())
        bad_input("densities are given for '" + node + "', which is not on arrays", {},
                  suggestion(node, nodes));
      require_share("input", density.input);
      require_share("weight", density.weight);
    }
  }

  void start() {
    for (std::size_t l = 0; l < mapping_.layers.size(); ++l) {
      const mapping::MappedLayer& layer = mapping_.layers[l];
      const LayerActivity& a = activity_.layers[l];
      LayerEstimate e;
      e.node = layer.node;
      e.macs = layer.weights() * layer.positions;
      e.array_reads = a.array_reads;
      e.row_uses = a.row_uses;
      e.conversions = a.conversions;
      out_.macs += e.macs;
      out_.layers.push_back(std::move(e));
      const auto it = options_.layers.find(layer.node);
      densities_.push_back(it == options_.layers.end() ? options_.density : it->second);
    }
    const LevelTotal& chip = roll_.chip();
    if (chip.area > 0.0 && chip.no_area.empty()) out_.area = chip.area;
  }

  double loaded_bytes(const RoundActivity& round) const {
    return round.cells * mapping_.chip.cell_bits / kBitsPerByte;
  }

  void add_times() {
    if (!roll_.cycle) {
      out_.absent.push_back("array.cycle: no time");
      return;
    }
    const auto batch = static_cast<double>(options_.batch);
    const bool reloads = mapping_.rounds > 1;
    if (reloads && !spec_.weights.bandwidth) out_.absent.push_back("weights.bandwidth: no loading time");
    double period = 0.0, latency = 0.0;
    std::vector<double> stages(mapping_.layers.size(), 0.0);
    for (const RoundActivity& round : activity_.rounds) {
      double sum = 0.0, slowest = 0.0;
      for (std::size_t l = 0; l < stages.size(); ++l) {
        const double stage = static_cast<double>(round.stages[l]) * *roll_.cycle;
        stages[l] += stage;
        sum += stage;
        slowest = std::max(slowest, stage);
      }
      const double load =
          reloads && spec_.weights.bandwidth ? loaded_bytes(round) / spec_.weights.bandwidth->value : 0.0;
      latency += load + sum + (reloads ? (batch - 1.0) * slowest : 0.0);
      period += slowest;
    }
    for (std::size_t l = 0; l < stages.size(); ++l) out_.layers[l].stage = stages[l];
    out_.latency = latency;
    out_.period = reloads ? latency / batch : period;
  }

  // How long the units of a level work, shared among the layers in them by their arrays' reads.
  std::vector<double> busy_shares(std::int64_t arrays_a_unit) const {
    std::vector<double> out(mapping_.layers.size(), 0.0);
    const auto a_round = static_cast<std::size_t>(activity_.arrays_a_round);
    for (std::size_t round = 0; round < activity_.rounds.size(); ++round) {
      for (std::size_t first = 0; first < a_round; first += static_cast<std::size_t>(arrays_a_unit)) {
        const std::size_t end = std::min(a_round, first + static_cast<std::size_t>(arrays_a_unit));
        double longest = 0.0, sum = 0.0;
        for (std::size_t i = round * a_round + first; i < round * a_round + end; ++i) {
          longest = std::max(longest, activity_.arrays[i].reads);
          sum += activity_.arrays[i].reads;
        }
        for (std::size_t i = round * a_round + first; sum > 0.0 && i < round * a_round + end; ++i) {
          const ArrayActivity& a = activity_.arrays[i];
          if (a.layer >= 0) out[static_cast<std::size_t>(a.layer)] += longest * a.reads / sum;
        }
      }
    }
    return out;
  }

  void add_shares() {
    const mapping::Chip& chip = mapping_.chip;
    busy_[0] = busy_shares(chip.arrays_per_macro);
    busy_[1] = busy_shares(chip.arrays_per_macro * chip.macros_per_tile);
    double reads = 0.0;
    for (const LayerActivity& a : activity_.layers) reads += a.array_reads;
    for (const LayerActivity& a : activity_.layers) work_.push_back(a.array_reads / reads);
  }

  // A part whose energy for layer l is of(l).
  template <class OfLayer>
  void add_part(const std::string& name, const OfLayer& of) {
    out_.parts.push_back(name);
    for (std::size_t l = 0; l < out_.layers.size(); ++l) out_.layers[l].energy.push_back(of(l));
  }

  void absent(const std::string& name, const char* what) {
    out_.absent.push_back(name + ": " + what);
    add_part(name, [](std::size_t) { return 0.0; });
  }

  // The power without leakage, of one unit of the level, and the leakage.
  struct Power {
    double work = 0.0, leakage = 0.0;
  };
  static Power power_of(const ComponentTotal& c) {
    const double leakage = value_or(c.component->leakage, 0.0), work = value_or(c.component->power, 0.0);
    if (!c.power) return {};
    if (leakage == 0.0) return {*c.power, 0.0};
    return {*c.power * work / (work + leakage), *c.power * leakage / (work + leakage)};
  }

  // Energy of one use of an instance that takes `time`.
  std::optional<double> use_energy(const ComponentTotal& c, std::optional<double> time) const {
    if (c.component->energy) {
      const double adc = c.name == "adc" ? adc_factors(spec_.adc).energy : 1.0;
      return c.component->energy->value * energy_factor(spec_.technology, *c.component) * adc;
    }
    if (!c.component->power || !time) return std::nullopt;
    return power_of(c).work / c.instances * *time;
  }

  std::optional<double> conversion_time() const {
    if (!spec_.adc.rate) return std::nullopt;
    return adc_factors(spec_.adc).time / spec_.adc.rate->value;
  }

  void add_component(const ComponentTotal& c) {
    if (!c.component->power && !c.component->energy && !c.component->leakage) {
      absent(c.name, "no power, no energy");
      return;
    }
    const Cost cost = cost_of(c);
    if (cost == Cost::kBusy) {
      add_busy(c);
    } else {
      add_uses(c, cost);
    }
    if (c.component->leakage) add_leakage(c);
  }

  double uses(std::size_t l, Cost cost) const {
    const LayerActivity& a = activity_.layers[l];
    const Density& d = densities_[l];
    switch (cost) {
      case Cost::kRead:
        return a.array_reads * d.input * d.weight;
      case Cost::kRow:
        return a.row_uses * d.input;
      default:
        return a.conversions;
    }
  }

  void add_uses(const ComponentTotal& c, Cost cost) {
    const bool leaks_only = !c.component->power && !c.component->energy;
    const std::optional<double> energy =
        leaks_only ? 0.0 : use_energy(c, cost == Cost::kConversion ? conversion_time() : roll_.cycle);
    if (!energy) {
      absent(c.name, cost == Cost::kConversion ? "no adc.rate" : "no array.cycle");
      return;
    }
    add_part(c.name, [&](std::size_t l) { return uses(l, cost) * *energy; });
  }

  void add_busy(const ComponentTotal& c) {
    if (c.component->energy && !c.component->power) {
      absent(c.name, "no count of its uses");
      return;
    }
    if (!out_.period) {
      absent(c.name, "no time it works");
      return;
    }
    const double power = power_of(c).work;
    if (c.level == kChipLevel) {
      add_part(c.name, [&](std::size_t l) { return power * c.units * *out_.period * work_[l]; });
    } else {
      add_part(c.name, [&](std::size_t l) { return power * busy_[c.level][l] * *roll_.cycle; });
    }
  }

  void add_leakage(const ComponentTotal& c) {
    if (!out_.period) {
      out_.absent.push_back(c.name + ": no time it leaks");
      return;
    }
    const double energy = power_of(c).leakage * c.units * *out_.period;
    for (std::size_t l = 0; l < out_.layers.size(); ++l) out_.layers[l].energy.back() += energy * work_[l];
  }

  void add_loading() {
    if (mapping_.rounds == 1) return;
    const auto batch = static_cast<double>(options_.batch);
    for (const RoundActivity& round : activity_.rounds) out_.loaded_bytes += loaded_bytes(round) / batch;
    const double bits = mapping_.chip.cell_bits / kBitsPerByte;
    const double cell = value_or(spec_.weights.energy, 0.0) * bits + value_or(spec_.cell.write_energy, 0.0);
    if (!spec_.weights.energy) out_.absent.push_back("weights.energy: loading is free");
    if (!spec_.cell.write_energy) out_.absent.push_back("cell.write_energy: writing is free");
    add_part("weights", [&](std::size_t l) { return activity_.layers[l].cells * cell / batch; });
  }

  void add_totals() {
    out_.part_energy.assign(out_.parts.size(), 0.0);
    for (LayerEstimate& layer : out_.layers) {
      layer.total = std::accumulate(layer.energy.begin(), layer.energy.end(), 0.0);
      for (std::size_t p = 0; p < layer.energy.size(); ++p) out_.part_energy[p] += layer.energy[p];
    }
    out_.energy = std::accumulate(out_.part_energy.begin(), out_.part_energy.end(), 0.0);
  }

  const mapping::Mapping& mapping_;
  const HardwareSpec& spec_;
  const EstimateOptions& options_;
  RollUp roll_;
  Activity activity_;
  std::vector<Density> densities_;           // of each layer
  std::array<std::vector<double>, 2> busy_;  // cycles of macros and of tiles, for each layer
  std::vector<double> work_;                 // share of each layer in all reads
  Estimate out_;
};

}  // namespace

std::optional<double> Estimate::frames() const {
  if (!period || *period <= 0.0) return std::nullopt;
  return 1.0 / *period;
}

std::optional<double> Estimate::operations_rate() const {
  if (!frames()) return std::nullopt;
  return 2.0 * static_cast<double>(macs) * *frames();
}

std::optional<double> Estimate::operations_per_joule() const {
  if (!complete() || energy <= 0.0) return std::nullopt;
  return 2.0 * static_cast<double>(macs) / energy;
}

std::optional<double> Estimate::operations_per_area() const {
  if (!operations_rate() || !area) return std::nullopt;
  return *operations_rate() / *area;
}

std::optional<double> Estimate::energy_delay() const {
  if (!latency) return std::nullopt;
  return energy * *latency;
}

Estimate estimate(const mapping::Mapping& mapping, const HardwareSpec& spec,
                  const std::vector<std::string>& unmapped, const EstimateOptions& options) {
  return Estimator(mapping, spec, options).run(unmapped);
}

Estimate estimate_roofline(const HardwareSpec& spec, std::int64_t macs, double weight_bytes) {
  const hardware::Roofline& roofline = spec.roofline;
  Estimate out;
  out.macs = macs;
  out.parts = {"board"};
  double period = 2.0 * static_cast<double>(macs) / roofline.peak->value;
  if (roofline.bandwidth) {
    period = std::max(period, weight_bytes / roofline.bandwidth->value);
  } else {
    out.absent.push_back("roofline.bandwidth: memory is free");
  }
  out.period = out.latency = period;
  if (!roofline.power) out.absent.push_back("roofline.power: no energy");
  out.energy = value_or(roofline.power, 0.0) * period;
  out.part_energy = {out.energy};
  if (roofline.area) out.area = roofline.area->value;
  return out;
}

}  // namespace bitline::estimate
