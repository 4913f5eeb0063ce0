#include "bitline/app/estimate_report.h"

#include <algorithm>
#include <optional>

#include "bitline/mapping/usage.h"

namespace bitline::app {

namespace {

using result::Value;

constexpr double kMicro = 1e6, kTera = 1e-12, kSquareMillimetre = 1e-6, kPerSquareMillimetre = 1e6;
constexpr double kPicojouleSecond = 1e12;

Value value_of(const std::optional<double>& value, double scale) {
  if (!value) return std::string();
  return *value * scale;
}

std::optional<double> density_of(const estimate::Estimate& e) {
  const auto per_area = e.operations_per_area();
  if (!per_area) return std::nullopt;
  return *per_area * kSquareMillimetre;
}

std::string sums_text(const estimate::Estimate& e) {
  std::string out;
  if (e.lacks_constants()) out = "lower bounds: constants are missing (table absent)";
  if (!e.complete() && out.empty()) out = "lower bounds: not all is counted (table absent)";
  if (e.elsewhere.empty()) return out;
  if (!out.empty()) out += ", and ";
  return out + "without " + std::to_string(e.elsewhere.size()) +
         (e.elsewhere.size() == 1 ? " layer" : " layers") + " that the chip does not run (table elsewhere)";
}

void add_figures(const ChipEstimate& chip, result::Record& record) {
  const estimate::Estimate& e = chip.estimate;
  const mapping::Usage usage = mapping::usage_of(chip.mapping);
  const auto add = [&](const char* key, const std::optional<double>& value, double scale, const char* unit) {
    if (value) record.add(key, *value * scale, unit, 4);
  };
  record.add("mapped", chip.precision);
  record.add("operation", std::string("a multiply-accumulate is two; only layers on arrays count, dense"));
  record.add("macs_per_image", e.macs);
  record.add("arrays", chip.mapping.arrays);
  record.add("rounds", chip.mapping.rounds);
  record.add("cell_utilisation", 100.0 * usage.utilisation(), "%");
  record.add("energy_per_image", e.energy * kMicro, "uJ", 4);
  add("period", e.period, kMicro, "us");
  add("latency", e.latency, kMicro, "us");
  add("images_per_second", e.frames(), 1.0, "images/s");
  add("throughput", e.operations_rate(), kTera, "TOPS");
  add("power_efficiency", e.operations_per_joule(), kTera, "TOPS/W");
  add("area_efficiency", density_of(e), kTera, "TOPS/mm2");
  add("energy_delay", e.energy_delay(), kPicojouleSecond, "pJ s");
  add("area", e.area, kPerSquareMillimetre, "mm2");
  if (e.loaded_bytes > 0.0) record.add("loaded_weights", e.loaded_bytes / (1024.0 * 1024.0), "MiB");
  if (!e.complete() || !e.elsewhere.empty()) record.add("sums_are", sums_text(e));
}

std::string title_of(const std::vector<ChipEstimate>& chips) {
  const bool some_less =
      std::any_of(chips.begin(), chips.end(), [](const auto& c) { return c.common.has_value(); });
  return std::string("Chips, and their energy and rate over the first") +
         (some_less ? ": of the layers that all of them run" : "");
}

result::Table comparison(const std::vector<ChipEstimate>& chips) {
  result::Table table{"comparison",
                      title_of(chips),
                      {{"hardware", "hardware", 0},
                       {"mapped", "mapped", 0},
                       {"arrays", "arrays", 0},
                       {"rounds", "rounds", 0},
                       {"energy", "energy uJ", 3},
                       {"energy_ratio", "energy x", 3},
                       {"period", "period us", 3},
                       {"latency", "latency us", 3},
                       {"images_per_second", "FPS", 1},
                       {"rate_ratio", "rate x", 3},
                       {"throughput", "TOPS", 4},
                       {"power_efficiency", "TOPS/W", 4},
                       {"area_efficiency", "TOPS/mm2", 4},
                       {"energy_delay", "EDP pJ s", 3},
                       {"bound", "sums", 0}},
                      {}};
  const estimate::Estimate& first = chips.front().compared();
  for (const ChipEstimate& chip : chips) {
    const estimate::Estimate& e = chip.compared();
    std::optional<double> energy_ratio, rate_ratio;
    if (first.complete() && e.complete()) energy_ratio = e.energy / first.energy;
    if (first.frames() && e.frames()) rate_ratio = *first.period / *e.period;
    table.rows.push_back({chip.name, chip.precision, chip.mapping.arrays, chip.mapping.rounds,
                          e.energy * kMicro, value_of(energy_ratio, 1.0), value_of(e.period, kMicro),
                          value_of(e.latency, kMicro), value_of(e.frames(), 1.0), value_of(rate_ratio, 1.0),
                          value_of(e.operations_rate(), kTera), value_of(e.operations_per_joule(), kTera),
                          value_of(density_of(e), kTera), value_of(e.energy_delay(), kPicojouleSecond),
                          std::string(e.complete() ? "complete" : "lower bound")});
  }
  return table;
}

// A row for every component that one of the chips has; what has no constants stays empty.
result::Table components(const std::vector<ChipEstimate>& chips) {
  result::Table table{
      "energy_by_component", "Energy for one picture, uJ", {{"component", "component", 0}}, {}};
  std::vector<std::string> parts;
  for (std::size_t c = 0; c < chips.size(); ++c) {
    table.columns.push_back({"chip" + std::to_string(c), chips[c].name + " uJ", 4});
    table.columns.push_back({"share" + std::to_string(c), "%", 1});
    for (const std::string& part : chips[c].estimate.parts) {
      if (std::find(parts.begin(), parts.end(), part) == parts.end()) parts.push_back(part);
    }
  }
  for (const std::string& part : parts) {
    std::vector<Value> row = {part};
    for (const ChipEstimate& chip : chips) {
      const estimate::Estimate& e = chip.estimate;
      const auto p =
          static_cast<std::size_t>(std::find(e.parts.begin(), e.parts.end(), part) - e.parts.begin());
      const bool known = p < e.parts.size() && e.rules[p].known;
      const double energy = known ? e.part_energy[p] : 0.0;
      row.push_back(known ? Value(energy * kMicro) : Value(std::string()));
      row.push_back(known && e.energy > 0.0 ? Value(100.0 * energy / e.energy) : Value(std::string()));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

result::Table layers(const ChipEstimate& chip) {
  result::Table table{"energy_by_layer",
                      "Layers on " + chip.name,
                      {{"node", "node", 0},
                       {"macs", "MACs", 0},
                       {"replicas", "replicas", 0},
                       {"stage", "stage us", 3},
                       {"conversions", "conversions", 0},
                       {"input_density", "inputs", 4},
                       {"weight_density", "cells", 4},
                       {"energy", "energy uJ", 4},
                       {"share", "%", 1}},
                      {}};
  for (std::size_t l = 0; l < chip.estimate.layers.size(); ++l) {
    const estimate::LayerEstimate& layer = chip.estimate.layers[l];
    const double share = chip.estimate.energy > 0.0 ? 100.0 * layer.total / chip.estimate.energy : 0.0;
    table.rows.push_back({layer.node, layer.macs, chip.mapping.layers[l].replicas,
                          value_of(layer.stage, kMicro), layer.conversions, layer.density.input,
                          layer.density.weight, layer.total * kMicro, share});
  }
  return table;
}

result::Table absent(const std::vector<ChipEstimate>& chips) {
  result::Table table{"absent", "Not in the sums", {{"hardware", "hardware", 0}, {"what", "what", 0}}, {}};
  for (const ChipEstimate& chip : chips) {
    for (const std::string& what : chip.estimate.absent) table.rows.push_back({chip.name, what});
  }
  return table;
}

// In logic that the chip does not have, or in float.
result::Table elsewhere(const std::vector<ChipEstimate>& chips) {
  result::Table table{
      "elsewhere", "Layers that no figure is of", {{"hardware", "hardware", 0}, {"layers", "layers", 0}}, {}};
  for (const ChipEstimate& chip : chips) {
    std::string layers;
    for (const std::string& node : chip.estimate.elsewhere) layers += (layers.empty() ? "" : " ") + node;
    if (!layers.empty()) table.rows.push_back({chip.name, layers});
  }
  return table;
}

// Where the figures come from: read, derived, reconstructed, fitted.
result::Table marks(const std::vector<ChipEstimate>& chips) {
  result::Table table{
      "marks", "Constants of the chips", {{"hardware", "hardware", 0}, {"marks", "constants", 0}}, {}};
  for (const ChipEstimate& chip : chips) table.rows.push_back({chip.name, chip.marks});
  return table;
}

}  // namespace

result::Record estimate_report(const std::string& title, const std::vector<ChipEstimate>& chips) {
  result::Record record;
  record.title = title;
  add_figures(chips.front(), record);
  if (chips.size() > 1) record.tables.push_back(comparison(chips));
  record.tables.push_back(components(chips));
  record.tables.push_back(layers(chips.front()));
  record.tables.push_back(marks(chips));
  if (result::Table table = elsewhere(chips); !table.rows.empty()) record.tables.push_back(std::move(table));
  if (result::Table table = absent(chips); !table.rows.empty()) record.tables.push_back(std::move(table));
  return record;
}

}  // namespace bitline::app
