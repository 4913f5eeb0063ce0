#include "bitline/app/pipeline_report.h"

#include <optional>

namespace bitline::app {

namespace {

using estimate::Pipeline;
using result::Value;

constexpr double kMicro = 1e6, kPicojouleSecond = 1e12;

// J a picture, for the pipeline's period; that of a single picture is all its time.
double energy(const ChipEstimate& chip) {
  return chip.estimate.energy_at(chip.pipeline->period.value_or(chip.pipeline->total));
}

double energy_delay(const ChipEstimate& chip) {
  return energy(chip) * chip.pipeline->latency;
}

void add_figures(const ChipEstimate& chip, result::Record& record) {
  const Pipeline& p = *chip.pipeline;
  record.add("pipeline_pictures", static_cast<std::int64_t>(p.completions.size()));
  record.add("pipeline_latency", p.latency * kMicro, "us", 4);
  if (p.period) record.add("pipeline_period", *p.period * kMicro, "us", 4);
  if (p.frames()) record.add("pipeline_fps", *p.frames(), "images/s", 4);
  record.add("pipeline_energy", energy(chip) * kMicro, "uJ", 4);
  record.add("pipeline_edp", energy_delay(chip) * kPicojouleSecond, "pJ s", 4);
}

result::Table layers(const ChipEstimate& chip) {
  const Pipeline& p = *chip.pipeline;
  result::Table table{"pipeline_by_layer",
                      "Layers on " + chip.name + ", time over all pictures: at work, waiting and why",
                      {{"node", "node", 0}, {"replicas", "replicas", 0}, {"busy", "busy us", 3}},
                      {}};
  for (std::size_t w = 0; w < estimate::kWaits; ++w) {
    const std::string name = estimate::wait_name(static_cast<estimate::Wait>(w));
    table.columns.push_back({name, name + " us", 3});
  }
  table.columns.push_back({"utilisation", "busy %", 1});
  for (std::size_t l = 0; l < p.layers.size(); ++l) {
    const estimate::PipelineLayer& layer = p.layers[l];
    const bool on_arrays = layer.mapped >= 0;  // layers in logic have no replicas
    std::vector<Value> row = {layer.node, std::string(), layer.busy * kMicro};
    if (on_arrays) row[1] = chip.mapping.layers[static_cast<std::size_t>(layer.mapped)].replicas;
    for (const double wait : layer.waits) row.emplace_back(wait * kMicro);
    row.emplace_back(100.0 * layer.utilisation);
    table.rows.push_back(std::move(row));
  }
  return table;
}

result::Table comparison(const std::vector<ChipEstimate>& chips) {
  result::Table table{"pipeline_comparison",
                      "Chips as pipelines, and their period and latency over the first",
                      {{"hardware", "hardware", 0},
                       {"latency", "latency us", 3},
                       {"latency_ratio", "latency x", 3},
                       {"period", "period us", 3},
                       {"period_ratio", "period x", 3},
                       {"fps", "FPS", 1},
                       {"energy", "energy uJ", 4},
                       {"edp", "EDP pJ s", 3}},
                      {}};
  const Pipeline& first = *chips.front().pipeline;
  for (const ChipEstimate& chip : chips) {
    std::vector<Value> row(table.columns.size(), std::string());
    row[0] = chip.name;
    if (chip.pipeline) {
      const Pipeline& p = *chip.pipeline;
      row[1] = p.latency * kMicro;
      row[2] = p.latency / first.latency;
      if (p.period) row[3] = *p.period * kMicro;
      if (p.period && first.period) row[4] = *p.period / *first.period;
      if (p.frames()) row[5] = *p.frames();
      row[6] = energy(chip) * kMicro;
      row[7] = energy_delay(chip) * kPicojouleSecond;
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

result::Table notes(const std::vector<ChipEstimate>& chips) {
  result::Table table{"pipeline_notes",
                      "Not in the time of the pipeline",
                      {{"hardware", "hardware", 0}, {"what", "what", 0}},
                      {}};
  for (const ChipEstimate& chip : chips) {
    if (!chip.pipeline) {
      table.rows.push_back({chip.name, chip.no_pipeline});
      continue;
    }
    for (const std::string& note : chip.pipeline->notes) table.rows.push_back({chip.name, note});
  }
  return table;
}

}  // namespace

void add_pipeline(const std::vector<ChipEstimate>& chips, result::Record& record) {
  add_figures(chips.front(), record);
  if (chips.size() > 1) record.tables.push_back(comparison(chips));
  record.tables.push_back(layers(chips.front()));
  if (result::Table table = notes(chips); !table.rows.empty()) record.tables.push_back(std::move(table));
}

}  // namespace bitline::app
