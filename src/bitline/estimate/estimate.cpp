#include "bitline/estimate/estimate.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "bitline/base/error.h"
#include "bitline/base/units.h"
#include "bitline/estimate/accumulation.h"
#include "bitline/estimate/activity.h"
#include "bitline/estimate/loading.h"
#include "bitline/estimate/logic.h"
#include "bitline/estimate/option_checks.h"
#include "bitline/estimate/technology.h"
#include "bitline/estimate/traffic.h"

namespace bitline::estimate {

namespace {

using hardware::HardwareSpec;
using hardware::value_or;

constexpr std::size_t kChipLevel = 2;

enum class Cost { kRead, kRow, kConversion, kSum, kSample, kAddition, kBusy };

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
  if (is_used_by_sums(*c.component)) return Cost::kSum;
  for (const Rule& rule : kRules) {
    if (c.component->kind != rule.kind) continue;
    if (rule.cost != Cost::kAddition || c.component->energy) return rule.cost;
  }
  return Cost::kBusy;
}

class Estimator {
 public:
  Estimator(const mapping::Mapping& mapping, const HardwareSpec& spec, const EstimateOptions& options)
      : mapping_(mapping),
        spec_(spec),
        options_(options),
        roll_(roll_up(spec)),
        activity_(count_activity(mapping, conversions_in(spec, roll_.cycle))) {}

  Estimate run(const std::vector<std::string>& unmapped) {
    check_options(mapping_, spec_, options_);
    start();
    add_times();
    add_shares();
    for (const ComponentTotal& c : roll_.components) add_component(c);
    add_loading();
    for (const std::string& node : unmapped) {
      if (!in_digital_unit(node)) {
        out_.elsewhere.push_back(node);
      } else if (!digital_peak(roll_)) {
        no_time(node + ": in logic, no peak: takes no time");
      }
    }
    for (LesserConverter& less : lesser_converters(mapping_, spec_, options_.flow)) {
      out_.absent.push_back(std::move(less.what));
      ++out_.uncounted;
      if (less.slower) out_.time_complete = false;
    }
    add_totals();
    return std::move(out_);
  }

 private:
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
      const auto it = options_.layers.find(layer.node);
      e.density = it == options_.layers.end() ? options_.density : it->second;
      out_.layers.push_back(std::move(e));
    }
    const LevelTotal& chip = roll_.chip();
    if (chip.area > 0.0 && chip.no_area.empty()) out_.area = chip.area;
  }

  // Names what makes times lower bounds.
  void no_time(const std::string& what) {
    out_.absent.push_back(what);
    out_.time_complete = false;
  }

  void add_times() {
    if (!roll_.cycle) {
      no_time("array.cycle: no time");
      return;
    }
    const auto batch = static_cast<double>(options_.batch);
    const bool reloads = mapping_.rounds > 1;
    if (reloads && !spec_.weights.bandwidth) no_time("weights.bandwidth: no loading time");
    double period = 0.0, latency = 0.0;
    std::vector<double> stages(mapping_.layers.size(), 0.0);
    for (std::size_t r = 0; r < activity_.rounds.size(); ++r) {
      double sum = 0.0, slowest = 0.0;
      for (std::size_t l = 0; l < stages.size(); ++l) {
        const double stage = activity_.rounds[r].times[l] * *roll_.cycle;
        stages[l] += stage;
        sum += stage;
        slowest = std::max(slowest, stage);
      }
      const double load = loading_time(mapping_, spec_, activity_, r);
      latency += load + sum + (reloads ? (batch - 1.0) * slowest : 0.0);
      period += slowest;
    }
    for (std::size_t l = 0; l < stages.size(); ++l) out_.layers[l].stage = stages[l];
    const double digital = digital_time(roll_, options_.flow);
    out_.latency = latency + (reloads ? batch : 1.0) * digital;
    out_.period = reloads ? *out_.latency / batch : std::max(period, digital);
  }

  bool in_digital_unit(const std::string& node) const {
    const std::vector<std::string>& digital = options_.flow.digital;
    return std::find(digital.begin(), digital.end(), node) != digital.end() && has_digital_unit(roll_);
  }

  // Cycles that the units of a level work, shared among the layers in them by those of their arrays.
  std::vector<double> busy_shares(std::int64_t arrays_a_unit) const {
    std::vector<double> out(mapping_.layers.size(), 0.0);
    const auto a_round = static_cast<std::size_t>(activity_.arrays_a_round);
    for (std::size_t round = 0; round < activity_.rounds.size(); ++round) {
      for (std::size_t first = 0; first < a_round; first += static_cast<std::size_t>(arrays_a_unit)) {
        const std::size_t end = std::min(a_round, first + static_cast<std::size_t>(arrays_a_unit));
        double longest = 0.0, sum = 0.0;
        for (std::size_t i = round * a_round + first; i < round * a_round + end; ++i) {
          longest = std::max(longest, activity_.arrays[i].work);
          sum += activity_.arrays[i].work;
        }
        for (std::size_t i = round * a_round + first; sum > 0.0 && i < round * a_round + end; ++i) {
          const ArrayActivity& a = activity_.arrays[i];
          if (a.layer >= 0) out[static_cast<std::size_t>(a.layer)] += longest * a.work / sum;
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
  void add_part(const std::string& name, const OfLayer& of, const PartRule& rule = {}) {
    out_.parts.push_back(name);
    out_.rules.push_back(rule);
    for (std::size_t l = 0; l < out_.layers.size(); ++l) out_.layers[l].energy.push_back(of(l));
  }

  void absent(const std::string& name, const std::string& what, PartRule rule = {}) {
    out_.absent.push_back(name + ": " + what);
    rule.known = false;
    add_part(
        name, [](std::size_t) { return 0.0; }, rule);
  }

  // Energy of one use of an instance that takes `time`.
  std::optional<double> use_energy(const ComponentTotal& c, std::optional<double> time) const {
    if (c.component->energy) {
      const double adc = c.name == "adc" ? adc_factors(spec_.adc).energy : 1.0;
      return c.component->energy->value * energy_factor(spec_.technology, *c.component) * adc;
    }
    if (!c.work || !time) return std::nullopt;
    return *c.work / (c.instances * c.working) * *time;
  }

  void add_component(const ComponentTotal& c) {
    if (!c.component->power && !c.component->energy && !c.component->leakage) {
      absent(c.name, "no power, no energy");
      return;
    }
    const Cost cost = cost_of(c);
    if (cost == Cost::kBusy && (c.component->energy || is_digital_unit(c))) {
      add_traffic(c);
    } else if (cost == Cost::kBusy) {
      add_busy(c);
    } else {
      add_uses(c, cost);
    }
    if (c.component->leakage) add_leakage(c);
  }

  double uses(std::size_t l, Cost cost) const {
    const LayerActivity& a = activity_.layers[l];
    const Density& d = out_.layers[l].density;
    switch (cost) {
      case Cost::kRead:
        return a.array_reads * d.input * d.weight;
      case Cost::kRow:
        return a.row_uses * d.input;
      case Cost::kConversion:
        return a.conversions * conversion_share(l);
      case Cost::kSum:
        return a.sums;
      default:
        return a.conversions;
    }
  }

  double conversion_share(std::size_t l) const {
    const auto it = options_.adc_bits.find(out_.layers[l].node);
    return it == options_.adc_bits.end() ? 1.0 : early_stop(spec_.adc, it->second);
  }

  void add_uses(const ComponentTotal& c, Cost cost) {
    const bool leaks_only = !c.component->power && !c.component->energy;
    const std::optional<double> energy =
        leaks_only ? 0.0 : use_energy(c, cost == Cost::kConversion ? conversion_time(spec_) : roll_.cycle);
    if (!energy) {
      absent(c.name, cost == Cost::kConversion ? "no adc.rate" : "no array.cycle");
      return;
    }
    add_part(c.name, [&](std::size_t l) { return uses(l, cost) * *energy; });
  }

  // Buffers, buses, routers: uses that follow from the network and where it is placed.
  void add_traffic(const ComponentTotal& c) {
    if (!traffic_ && !options_.flow.layers.empty()) traffic_.emplace(mapping_, options_.flow);
    const bool in_logic = is_digital_unit(c);
    const PartRule rule{in_logic ? Charge::kLogic : Charge::kPlaced};
    std::string reason = kNoCount;
    std::optional<std::vector<double>> uses;
    if (traffic_) uses = traffic_->uses(*c.component, c.level, reason);
    if (!uses) {
      absent(c.name, reason, rule);
      if (reason == kNoCount) ++out_.uncounted;
      return;
    }
    const double share = in_logic ? digital_share(roll_, c) : 1.0;
    const double energy = share > 0.0 ? share * *use_energy(c, mac_time(c)) : 0.0;
    add_part(
        c.name, [&](std::size_t l) { return (*uses)[l] * energy; }, rule);
  }

  void add_busy(const ComponentTotal& c) {
    if (!out_.period) {
      absent(c.name, "no time it works");
      return;
    }
    const double power = c.work.value_or(0.0);
    if (c.level == kChipLevel) {
      const PartRule always{Charge::kChip, power * c.units};
      add_part(
          c.name, [&](std::size_t l) { return always.power * *out_.period * work_[l]; }, always);
    } else {
      const PartRule busy{c.level == 0 ? Charge::kMacro : Charge::kTile, power};
      add_part(
          c.name, [&](std::size_t l) { return power * busy_[c.level][l] * *roll_.cycle; }, busy);
    }
  }

  void add_leakage(const ComponentTotal& c) {
    if (!out_.period) {
      out_.absent.push_back(c.name + ": no time it leaks");
      return;
    }
    out_.rules.back().leakage = c.leakage * c.units;
    const double energy = out_.rules.back().leakage * *out_.period;
    for (std::size_t l = 0; l < out_.layers.size(); ++l) out_.layers[l].energy.back() += energy * work_[l];
  }

  void add_loading() {
    if (mapping_.rounds == 1) return;
    const auto batch = static_cast<double>(options_.batch);
    for (const RoundActivity& round : activity_.rounds)
      out_.loaded_bytes += loaded_bytes(mapping_, round) / batch;
    const double bits = mapping_.chip.cell_bits / kBitsPerByte;
    const double cell = value_or(spec_.weights.energy, 0.0) * bits + value_or(spec_.cell.write_energy, 0.0);
    if (!spec_.weights.energy) out_.absent.push_back("weights.energy: loading is free");
    if (!spec_.cell.write_energy) out_.absent.push_back("cell.write_energy: writing is free");
    PartRule rule{Charge::kLoading};
    rule.known = spec_.weights.energy || spec_.cell.write_energy;
    add_part(
        "weights", [&](std::size_t l) { return activity_.layers[l].cells * cell / batch; }, rule);
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
  std::optional<Traffic> traffic_;           // once it is needed
  std::array<std::vector<double>, 2> busy_;  // cycles of macros and of tiles, for each layer
  std::vector<double> work_;                 // share of each layer in all reads
  Estimate out_;
};

}  // namespace

Estimate estimate(const mapping::Mapping& mapping, const HardwareSpec& spec,
                  const std::vector<std::string>& unmapped, const EstimateOptions& options) {
  return Estimator(mapping, spec, options).run(unmapped);
}

double Estimate::energy_at(double every) const {
  double power = 0.0;
  for (const PartRule& rule : rules)
    power += rule.leakage + (rule.charge == Charge::kChip ? rule.power : 0.0);
  return energy + power * (every - period.value_or(0.0));
}

Estimate estimate_roofline(const HardwareSpec& spec, std::int64_t macs, double weight_bytes) {
  const hardware::Roofline& roofline = spec.roofline;
  Estimate out;
  out.macs = macs;
  out.parts = {"board"};
  out.rules = {{Charge::kChip, value_or(roofline.power, 0.0), 0.0, roofline.power.has_value()}};
  double period = 2.0 * static_cast<double>(macs) / roofline.peak->value;
  if (roofline.bandwidth) {
    period = std::max(period, weight_bytes / roofline.bandwidth->value);
  } else {
    out.absent.push_back("roofline.bandwidth: memory is free");
    out.time_complete = false;
  }
  out.period = out.latency = period;
  if (!roofline.power) out.absent.push_back("roofline.power: no energy");
  out.energy = value_or(roofline.power, 0.0) * period;
  out.part_energy = {out.energy};
  if (roofline.area) out.area = roofline.area->value;
  return out;
}

}  // namespace bitline::estimate
