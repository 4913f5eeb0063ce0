#include "bitline/estimate/pipeline_plan.h"

#include <algorithm>
#include <map>

#include "bitline/estimate/logic.h"
#include "bitline/estimate/roll_up.h"
#include "bitline/estimate/technology.h"

namespace bitline::estimate {

namespace {

constexpr double kOperations = 2.0;  // of a MAC
constexpr std::array<const char*, 3> kModelled = {"bus", "router", "buffer"};

// Converters are a server of their own where the cycle does not say how many columns share one. With analog
// accumulation a layer's step has the time of its conversions.
bool converters_are_shared(const hardware::HardwareSpec& spec) {
  return spec.adc.rate && spec.adc.count && !spec.array.column_mux && !spec.accumulation.stated;
}

void plan_vertices(const PlanInput& in, RoundPlan& plan) {
  const double rate = digital_rate(in.spec) * in.cycle;  // operations a cycle
  for (const Vertex& vertex : in.flow.vertices) {
    VertexPlan out;
    if (vertex.kind == VertexKind::kLayer) {
      const auto l = static_cast<std::size_t>(vertex.layer);
      const mapping::MappedLayer& layer = in.mapping.layers[l];
      const double stage = in.activity.rounds[static_cast<std::size_t>(plan.round)].times[l];
      out.active = stage > 0.0;
      out.replicas = layer.replicas;
      out.step = stage / static_cast<double>(layer.positions_of_replica());
    } else {
      out.active = vertex.kind != VertexKind::kPictures && vertex.last_round == plan.round;
      out.in_logic = rate > 0.0 && vertex.row_macs > 0.0;
      if (out.in_logic) out.step = kOperations * vertex.row_macs / rate;
    }
    plan.vertices.push_back(std::move(out));
  }
}

double bits_at(const PlanInput& in, const Vertex& vertex) {
  if (vertex.place < 0) return 0.0;
  const std::string& node = in.mapping.layers[static_cast<std::size_t>(vertex.place)].node;
  const auto layer = in.model.layers.find(node);
  return layer == in.model.layers.end() ? 0.0 : layer->second.config.activation_bits;
}

// Rows have the bits of the layer in whose tiles they wait.
void plan_edges(const PlanInput& in, RoundPlan& plan) {
  for (const Edge& edge : in.flow.edges) {
    const Vertex &from = in.flow.vertices[edge.from], &to = in.flow.vertices[edge.to];
    EdgePlan out;
    out.stored = from.last_round < plan.round;
    out.active = plan.vertices[edge.to].active && from.last_round <= plan.round;
    out.row_bits = from.row_elements * bits_at(in, to);
    plan.edges.push_back(std::move(out));
  }
}

// Conversions of a row of each layer in each macro, over the rate of the macro's converters. A replica has
// its part of the row's positions.
void add_conversions(const PlanInput& in, RoundPlan& plan) {
  if (!converters_are_shared(in.spec)) return;
  const double rate =
      in.spec.adc.count->value * in.spec.adc.rate->value / adc_factors(in.spec.adc).time * in.cycle;
  std::map<std::pair<std::int64_t, std::size_t>, double> columns;
  for (const mapping::Block& b : in.mapping.blocks) {
    if (b.round != plan.round || b.first_part != 0) continue;
    const auto macro = static_cast<std::size_t>(in.mapping.macro_of(b.array));
    columns[{b.layer, macro}] += static_cast<double>(b.outputs * b.slices);
  }
  std::size_t macros = 0;
  for (const auto& [key, count] : columns) macros = std::max(macros, key.second + 1);
  for (std::size_t v = 0; v < plan.vertices.size(); ++v) {
    const Vertex& vertex = in.flow.vertices[v];
    if (vertex.kind != VertexKind::kLayer) continue;
    const mapping::MappedLayer& layer = in.mapping.layers[static_cast<std::size_t>(vertex.layer)];
    const double cycles =
        static_cast<double>(vertex.row_positions * layer.input_cycles) / static_cast<double>(layer.replicas);
    for (auto it = columns.lower_bound({vertex.layer, 0}); it != columns.end(); ++it) {
      if (it->first.first != vertex.layer) break;
      plan.vertices[v].conversions.push_back({plan.servers + it->first.second, it->second * cycles / rate});
    }
  }
  plan.servers += macros;
}

void note_others(const char* level, const std::vector<hardware::Component>& components,
                 std::vector<std::string>& notes) {
  for (const hardware::Component& c : components) {
    const bool known = std::find(kModelled.begin(), kModelled.end(), c.kind) != kModelled.end();
    if (known) notes.push_back(std::string(level) + "." + c.name + ": only those of tiles are in the model");
  }
}

}  // namespace

RoundPlan plan_round(const PlanInput& in, std::int64_t round) {
  RoundPlan plan;
  plan.round = round;
  plan_vertices(in, plan);
  plan_edges(in, plan);
  add_conversions(in, plan);
  const std::vector<std::vector<TileShare>> shares = tile_shares(in, round);
  add_movement(in, shares, plan);
  set_least_rows(in.flow, plan);
  set_room(in, shares, plan);
  return plan;
}

std::vector<std::string> pipeline_notes(const PlanInput& in) {
  std::vector<std::string> notes;
  movement_notes(in, notes);
  note_others("macro", in.spec.macro.components, notes);
  note_others("chip", in.spec.chip.components, notes);
  const bool timed = digital_rate(in.spec) > 0.0;
  for (const std::string& node : in.flow.timeless) {
    const bool takes_time =
        timed && std::any_of(in.flow.vertices.begin(), in.flow.vertices.end(),
                             [&](const Vertex& v) { return v.node == node && v.row_macs > 0.0; });
    if (!takes_time) notes.push_back(node + ": not on arrays, takes no time");
  }
  return notes;
}

double digital_rate(const hardware::HardwareSpec& spec) {
  return digital_peak(roll_up(spec)).value_or(0.0);
}

double logic_stage(const Flow& flow, const RoundPlan& plan) {
  double cycles = 0.0;
  for (std::size_t v = 0; v < flow.vertices.size(); ++v) {
    if (plan.vertices[v].in_logic)
      cycles += plan.vertices[v].step * static_cast<double>(flow.vertices[v].rows);
  }
  return cycles;
}

}  // namespace bitline::estimate
