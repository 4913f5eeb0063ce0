#include "bitline/estimate/digital.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <variant>

#include "bitline/base/error.h"
#include "bitline/base/units.h"
#include "bitline/ir/shapes.h"
#include "bitline/mapping/tiling.h"

namespace bitline::estimate {

namespace {

using hardware::HardwareSpec;
using hardware::value_or;

template <class... Ops>
bool is_one_of(const ir::Op& op) {
  return (std::holds_alternative<Ops>(op) || ...);
}

// Counts the values of a network at their sources.
class Sources {
 public:
  explicit Sources(const ir::Graph& graph) : graph_(graph), shapes_(ir::infer_shapes(graph)) {
    producers_.resize(static_cast<std::size_t>(graph.value_count()), nullptr);
    for (const ir::Node& node : graph.nodes()) producers_[static_cast<std::size_t>(node.output)] = &node;
  }

  const ir::Shape& shape(ir::ValueId value) const { return shapes_[static_cast<std::size_t>(value)]; }

  std::int64_t count(ir::ValueId value) const {
    std::set<ir::ValueId> found, visited;
    collect(value, found, visited);
    std::int64_t sum = 0;
    for (const ir::ValueId id : found) {
      const ir::Shape& s = shape(id);
      sum += std::accumulate(s.begin() + 1, s.end(), std::int64_t{1}, std::multiplies<>());
    }
    return sum;
  }

 private:
  void collect(ir::ValueId value, std::set<ir::ValueId>& found, std::set<ir::ValueId>& visited) const {
    if (!visited.insert(value).second) return;
    const ir::Node* node = producers_[static_cast<std::size_t>(value)];
    const bool moves =
        node != nullptr &&
        is_one_of<ir::Slice, ir::Concat, ir::Reshape, ir::Transpose, ir::Pad, ir::Flatten>(node->op);
    if (!moves) {
      found.insert(value);
      return;
    }
    for (const ir::ValueId input : node->inputs) {
      if (!graph_.is_constant(input)) collect(input, found, visited);
    }
  }

  const ir::Graph& graph_;
  std::vector<ir::Shape> shapes_;
  std::vector<const ir::Node*> producers_;
};

double ceil_ratio(std::int64_t things, double each) {
  return std::ceil(static_cast<double>(things) / each);
}

class DigitalEstimator {
 public:
  DigitalEstimator(const HardwareSpec& spec, const std::vector<DigitalLayer>& layers)
      : spec_(spec), d_(spec.accelerator), layers_(layers), roll_(roll_up(spec)) {}

  Estimate run() {
    double time = 0.0;
    for (const DigitalLayer& layer : layers_) {
      LayerEstimate e;
      e.node = layer.node;
      e.macs = layer.macs();
      e.stage = std::max(compute(layer), exchange(layer));
      time += *e.stage;
      out_.macs += e.macs;
      out_.layers.push_back(std::move(e));
    }
    out_.period = out_.latency = time;
    check_memory();
    check_exchange();
    for (const ComponentTotal& c : roll_.components) add_component(c);
    const LevelTotal& chip = roll_.chip();
    if (chip.area > 0.0 && chip.no_area.empty()) out_.area = chip.area;
    return std::move(out_);
  }

 private:
  double chips() const { return static_cast<double>(spec_.chips); }
  bool is_copied(const DigitalLayer& layer) const { return d_.weights == "copied" && layer.positions > 1; }

  double compute(const DigitalLayer& layer) const {
    const double cycles = ceil_ratio(layer.rows, d_.inputs->value) *
                          ceil_ratio(layer.neurons(), d_.outputs->value * d_.units->value);
    return cycles / spec_.technology.clock->value;
  }

  double exchange(const DigitalLayer& layer) const {
    if (chips() <= 1.0 || !d_.link_bandwidth) return 0.0;
    const double bytes = std::ceil(value_or(spec_.operands.input_bits, kBitsPerByte) / kBitsPerByte);
    return received(layer) * bytes / (value_or(d_.links, 1.0) * d_.link_bandwidth->value);
  }

  // Values that a chip gets from others.
  double received(const DigitalLayer& layer) const {
    const auto values = static_cast<double>(layer.inputs);
    if (is_copied(layer)) {
      const double side = std::sqrt(static_cast<double>(layer.positions) / chips());
      return 4.0 * side * static_cast<double>(layer.border);
    }
    if (!layer.is_local()) return values * (chips() - 1.0) / chips();
    const auto groups = static_cast<double>(layer.groups);
    const double edge = std::sqrt(groups * static_cast<double>(layer.rows) / values) - 1.0;
    const double piece = (std::sqrt(groups / chips()) + edge) / (std::sqrt(groups) + edge);
    return values * std::max(piece * piece - 1.0 / chips(), 0.0);
  }

  void check_memory() {
    const double bytes = std::ceil(value_or(spec_.operands.weight_bits, kBitsPerByte) / kBitsPerByte);
    double needed = 0.0;
    for (const DigitalLayer& layer : layers_)
      needed += static_cast<double>(layer.weights()) * bytes * (is_copied(layer) ? chips() : 1.0);
    if (!spec_.operands.weight_bits) out_.absent.push_back("operands.weight_bits: taken as 8");
    if (needed <= d_.memory->value) return;
    out_.time_complete = false;
    ++out_.uncounted;
    out_.absent.push_back("accelerator.memory: weights take " +
                          hardware::quantity_text(needed, hardware::Dimension::kCapacity) + " of " +
                          hardware::quantity_text(d_.memory->value, hardware::Dimension::kCapacity));
  }

  void check_exchange() {
    if (chips() <= 1.0) return;
    if (!d_.link_bandwidth) {
      out_.absent.push_back("accelerator.link_bandwidth: exchange between chips is free");
    } else if (!spec_.operands.input_bits) {
      out_.absent.push_back("operands.input_bits: taken as 8");
    }
    if (!d_.link_bandwidth || !spec_.operands.input_bits) out_.time_complete = false;
  }

  void add_component(const ComponentTotal& c) {
    if (!c.power) out_.absent.push_back(c.name + ": no power");
    const double power = c.power.value_or(0.0);
    const bool gated = c.component->idle == "gated";
    out_.parts.push_back(c.name);
    out_.rules.push_back(
        {gated ? Charge::kUses : Charge::kChip, gated ? 0.0 : power, 0.0, c.power.has_value()});
    double energy = 0.0;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      LayerEstimate& layer = out_.layers[l];
      layer.energy.push_back(power * (gated ? compute(layers_[l]) : *layer.stage));
      layer.total += layer.energy.back();
      energy += layer.energy.back();
    }
    out_.part_energy.push_back(energy);
    out_.energy += energy;
  }

  const HardwareSpec& spec_;
  const hardware::Accelerator& d_;
  const std::vector<DigitalLayer>& layers_;
  RollUp roll_;
  Estimate out_;
};

}  // namespace

std::vector<DigitalLayer> digital_layers(const ir::Graph& graph, const std::vector<std::string>& nodes) {
  const Sources sources(graph);
  std::vector<DigitalLayer> out;
  for (const ir::Node& node : graph.nodes()) {
    const auto shape = mapping::layer_shape(graph, node);
    if (!shape || std::find(nodes.begin(), nodes.end(), node.name) == nodes.end()) continue;
    const ir::Shape& output = sources.shape(node.output);
    const std::size_t channels = std::holds_alternative<ir::Conv>(node.op) ? 1 : output.size() - 1;
    DigitalLayer layer;
    layer.node = node.name;
    layer.rows = shape->group_inputs() * shape->window_size();
    layer.outputs = shape->out_channels;
    for (std::size_t axis = 1; axis < output.size(); ++axis)
      if (axis != channels) layer.positions *= output[axis];
    layer.groups = shape->groups;
    layer.inputs = sources.count(node.inputs[0]);
    layer.border = shape->in_channels * (shape->window.kernel[0] / 2);
    out.push_back(layer);
  }
  return out;
}

Estimate estimate_digital(const HardwareSpec& spec, const std::vector<DigitalLayer>& layers) {
  BITLINE_CHECK(spec.accelerator.stated);
  return DigitalEstimator(spec, layers).run();
}

}  // namespace bitline::estimate
