#include "bitline/estimate/dataflow.h"

#include <algorithm>
#include <map>

#include "bitline/ir/shapes.h"
#include "bitline/mapping/tiling.h"

namespace bitline::estimate {

namespace {

// Values of a tensor by where they come from: a layer, or -1.
using Origins = std::map<std::int64_t, double>;

enum class Work { kNone, kActivation, kPooling, kOperation };

template <class T>
bool is(const ir::Node& node) {
  return std::holds_alternative<T>(node.op);
}

Work work_of(const ir::Node& node) {
  if (is<ir::Relu>(node) || is<ir::Clip>(node) || is<ir::Softmax>(node)) return Work::kActivation;
  if (is<ir::MaxPool>(node) || is<ir::AveragePool>(node) || is<ir::GlobalAveragePool>(node) ||
      is<ir::ReduceMean>(node))
    return Work::kPooling;
  return is<ir::Add>(node) || is<ir::Mul>(node) || is<ir::BatchNorm>(node) ? Work::kOperation : Work::kNone;
}

double size_of(const ir::Shape& shape) {
  double size = 1.0;
  for (const std::int64_t extent : shape) size *= static_cast<double>(extent);
  return size;
}

class Walk {
 public:
  Walk(const quant::QuantizedModel& model, const mapping::Mapping& mapping)
      : model_(model), shapes_(ir::infer_shapes(model.graph, 1)) {
    origins_.resize(shapes_.size());
    for (const mapping::MappedLayer& layer : mapping.layers) {
      const auto index = static_cast<std::int64_t>(layers_.size());
      layers_[layer.node] = index;
      const quant::CimConfig& config = model.layers.at(layer.node).config;
      LayerData data;
      data.input_bits = config.activation_bits;
      data.adc_levels = config.adc_levels;
      out_.layers.push_back(data);
    }
    out_.digital = mapping.digital;
  }

  Dataflow run() {
    const ir::Graph& graph = model_.graph;
    origins_at(graph.input()) = {{-1, values(graph.input())}};
    for (const ir::Node& node : graph.nodes()) {
      const auto it = layers_.find(node.name);
      if (it == layers_.end()) {
        pass(node);
      } else {
        receive(origins_at(node.inputs[0]), it->second);
        origins_at(node.output) = {{it->second, values(node.output)}};
      }
    }
    for (const auto& [from, count] : origins_at(graph.output())) {
      if (from >= 0) add_flow({from, -1, count, at(from).input_bits});
    }
    return std::move(out_);
  }

 private:
  Origins& origins_at(ir::ValueId id) { return origins_[static_cast<std::size_t>(id)]; }
  LayerData& at(std::int64_t layer) { return out_.layers[static_cast<std::size_t>(layer)]; }
  double values(ir::ValueId id) const { return size_of(shapes_[static_cast<std::size_t>(id)]); }

  void add_flow(const Transfer& flow) {
    if (flow.from >= 0) at(flow.from).output_bits = std::max(at(flow.from).output_bits, flow.bits);
    out_.flows.push_back(flow);
  }

  void receive(const Origins& origins, std::int64_t layer) {
    for (const auto& [from, count] : origins) add_flow({from, layer, count, at(layer).input_bits});
  }

  // What comes in goes out again, as much of it as the output holds.
  void pass(const ir::Node& node) {
    Origins& out = origins_at(node.output);
    double in = 0.0;
    for (const ir::ValueId input : node.inputs) {
      if (model_.graph.is_constant(input)) continue;
      in += values(input);
      const double share = share_of(node, input);
      for (const auto& [from, count] : origins_at(input)) out[from] += count * share;
    }
    if (out.empty()) return;
    LayerData& layer = at(std::max<std::int64_t>(0, out.rbegin()->first));
    count_work(work_of(node), node, layer, in);
    if (std::find(out_.digital.begin(), out_.digital.end(), node.name) != out_.digital.end())
      layer.digital_macs += macs_of(node);
  }

  // Of the values of an input that are moved on. What an addition or a product spreads over a larger operand
  // moves as it is.
  double share_of(const ir::Node& node, ir::ValueId input) const {
    if (is<ir::Concat>(node)) return 1.0;
    const double share = values(node.output) / values(input);
    return is<ir::Add>(node) || is<ir::Mul>(node) ? std::min(1.0, share) : share;
  }

  double macs_of(const ir::Node& node) const {
    const auto shape = mapping::layer_shape(model_.graph, node);
    return values(node.output) * static_cast<double>(shape->group_inputs() * shape->window_size());
  }

  void count_work(Work work, const ir::Node& node, LayerData& layer, double in) const {
    const double out = values(node.output);
    if (work == Work::kActivation) layer.activations += out;
    if (work == Work::kPooling) layer.pooled += in;
    if (work == Work::kOperation) layer.operations += is<ir::BatchNorm>(node) ? 2.0 * out : out;
  }

  const quant::QuantizedModel& model_;
  std::vector<ir::Shape> shapes_;
  std::map<std::string, std::int64_t> layers_;
  std::vector<Origins> origins_;  // by value
  Dataflow out_;
};

}  // namespace

Dataflow dataflow_of(const quant::QuantizedModel& model, const mapping::Mapping& mapping) {
  return Walk(model, mapping).run();
}

}  // namespace bitline::estimate
