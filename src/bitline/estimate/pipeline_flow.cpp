#include "bitline/estimate/pipeline_flow.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "bitline/base/error.h"
#include "bitline/estimate/pipeline_rows.h"
#include "bitline/ir/shapes.h"
#include "bitline/mapping/tiling.h"

namespace bitline::estimate {

namespace {

// Where the rows of a value come from: a vertex, and the span of its rows behind each row of the value.
struct Origin {
  std::size_t vertex = 0;
  std::vector<RowSpan> spans;
};

Where at(const std::string& node) {
  return {{}, 0, 0, node};
}

template <class... Ops>
bool is_any(const ir::Op& op) {
  return (std::holds_alternative<Ops>(op) || ...);
}

bool is_weighted(const ir::Op& op) {
  return is_any<ir::Conv, ir::Linear>(op);
}

// What makes fewer or other values of its rows works where they are; only its output travels.
bool is_logic(const ir::Op& op) {
  return is_weighted(op) || is_any<ir::MaxPool, ir::AveragePool, ir::GlobalAveragePool, ir::ReduceMean>(op);
}

class FlowBuilder {
 public:
  FlowBuilder(const mapping::Mapping& mapping, const Activity& activity, const ir::Graph& graph)
      : mapping_(mapping),
        activity_(activity),
        graph_(graph),
        shapes_(ir::infer_shapes(graph)),
        origins_(static_cast<std::size_t>(graph.value_count())),
        arrays_(mapping.layers.size(), 0) {
    for (std::size_t l = 0; l < mapping.layers.size(); ++l) layers_[mapping.layers[l].node] = l;
    for (const ArrayActivity& array : activity.arrays) {
      if (array.layer >= 0) ++arrays_[static_cast<std::size_t>(array.layer)];
    }
  }

  Flow build() {
    for (const auto& [node, layer] : layers_) {
      if (graph_.find_node(node) == nullptr)
        bad_input("the mapping has a layer that the network does not have", at(node),
                  "map this network on the hardware");
    }
    Vertex pictures;
    pictures.kind = VertexKind::kPictures;
    pictures.first_round = pictures.last_round = -1;
    add_vertex(pictures, graph_.input());
    for (const ir::Node& node : graph_.nodes()) add_node(node);
    add_result();
    check_rounds();
    return std::move(flow_);
  }

 private:
  std::optional<Origin>& origin(ir::ValueId value) { return origins_[static_cast<std::size_t>(value)]; }
  const ir::Shape& shape(ir::ValueId value) const { return shapes_[static_cast<std::size_t>(value)]; }

  // Activations that the node reads, each once; constants have no origin.
  std::vector<ir::ValueId> activations_of(const ir::Node& node) {
    std::vector<ir::ValueId> out;
    for (const ir::ValueId value : node.inputs) {
      if (origin(value) && std::find(out.begin(), out.end(), value) == out.end()) out.push_back(value);
    }
    return out;
  }

  // For each row of the node's output, the rows of the vertex behind `value`.
  std::vector<RowSpan> spans_through(const ir::Node& node, ir::ValueId value) {
    const std::vector<RowSpan>& behind = origin(value)->spans;
    std::vector<RowSpan> out(static_cast<std::size_t>(row_count(shape(node.output))));
    for (std::size_t y = 0; y < out.size(); ++y) {
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (node.inputs[i] != value) continue;
        const RowSpan rows = rows_needed(node, i, static_cast<std::int64_t>(y), shapes_);
        for (std::int64_t r = rows.first; r <= rows.last; ++r)
          out[y] = joined(out[y], behind[static_cast<std::size_t>(r)]);
      }
    }
    return out;
  }

  void add_node(const ir::Node& node) {
    const std::vector<ir::ValueId> inputs = activations_of(node);
    if (inputs.empty()) return;
    const auto layer = layers_.find(node.name);
    if (layer == layers_.end() && is_weighted(node.op)) flow_.timeless.push_back(node.name);
    if (layer == layers_.end() && inputs.size() == 1 && !is_logic(node.op)) {
      origin(node.output) = Origin{origin(inputs[0])->vertex, spans_through(node, inputs[0])};
      return;
    }
    Vertex vertex;
    vertex.node = node.name;
    for (const ir::ValueId value : inputs) stand_with(flow_.vertices[origin(value)->vertex], vertex);
    if (layer != layers_.end()) put_layer(layer->second, node, vertex);
    const auto& logic = mapping_.digital;
    if (std::find(logic.begin(), logic.end(), node.name) != logic.end()) vertex.row_macs = row_macs(node);
    const std::size_t index = add_vertex(std::move(vertex), node.output);
    for (const ir::ValueId value : inputs) add_edge(origin(value)->vertex, index, spans_through(node, value));
  }

  double row_macs(const ir::Node& node) const {
    const auto layer = mapping::layer_shape(graph_, node);
    if (!layer) return 0.0;
    return row_elements(shape(node.output)) *
           static_cast<double>(layer->group_inputs() * layer->window_size());
  }

  // Logic is in the round of its latest input; among inputs of that round the one of most arrays is its
  // place.
  void stand_with(const Vertex& from, Vertex& vertex) const {
    const bool later = from.last_round > vertex.last_round, same = from.last_round == vertex.last_round;
    const bool larger = std::pair(arrays_at(from), from.place) > std::pair(arrays_at(vertex), vertex.place);
    vertex.first_round = vertex.last_round = std::max(vertex.last_round, from.last_round);
    if (later || (same && larger)) vertex.place = from.place;
  }

  std::int64_t arrays_at(const Vertex& vertex) const {
    return vertex.place < 0 ? 0 : arrays_[static_cast<std::size_t>(vertex.place)];
  }

  void put_layer(std::size_t layer, const ir::Node& node, Vertex& vertex) const {
    vertex.kind = VertexKind::kLayer;
    vertex.layer = vertex.place = static_cast<std::int64_t>(layer);
    const std::int64_t positions = mapping_.layers[layer].positions, rows = row_count(shape(node.output));
    vertex.row_positions = positions / rows;
    if (vertex.row_positions < 1 || positions % rows != 0)
      bad_input("the mapping has " + std::to_string(positions) + " positions where the network has " +
                    std::to_string(rows) + " rows",
                at(node.name), "map this network on the hardware");
    vertex.first_round = mapping_.rounds;
    for (std::size_t r = 0; r < activity_.rounds.size(); ++r) {
      if (activity_.rounds[r].times[layer] == 0.0) continue;
      vertex.last_round = static_cast<std::int64_t>(r);
      vertex.first_round = std::min(vertex.first_round, vertex.last_round);
    }
  }

  // Its output has an origin from now on, row by row.
  std::size_t add_vertex(Vertex vertex, ir::ValueId output) {
    const std::size_t index = flow_.vertices.size();
    vertex.rows = row_count(shape(output));
    vertex.row_elements = row_elements(shape(output));
    Origin own{index, {}};
    for (std::int64_t r = 0; r < vertex.rows; ++r) own.spans.push_back({r, r});
    origin(output) = std::move(own);
    flow_.vertices.push_back(std::move(vertex));
    return index;
  }

  void add_edge(std::size_t from, std::size_t to, const std::vector<RowSpan>& spans) {
    Edge edge{from, to, {}, std::vector<std::int64_t>(spans.size() + 1, flow_.vertices[from].rows)};
    std::int64_t need = 0;
    for (const RowSpan& span : spans) {
      need = std::max(need, span.last + 1);
      edge.need.push_back(need);
    }
    for (std::size_t y = spans.size(); y-- > 0;)
      edge.keep[y] = spans[y].empty() ? edge.keep[y + 1] : std::min(edge.keep[y + 1], spans[y].first);
    flow_.vertices[from].outputs.push_back(flow_.edges.size());
    flow_.vertices[to].inputs.push_back(flow_.edges.size());
    flow_.edges.push_back(std::move(edge));
  }

  void add_result() {
    if (!origin(graph_.output())) bad_input("the network's output does not depend on its input");
    const Origin& last = *origin(graph_.output());
    RowSpan all;
    for (const RowSpan& span : last.spans) all = joined(all, span);
    Vertex result;
    result.kind = VertexKind::kResult;
    result.place = flow_.vertices[last.vertex].place;
    result.first_round = result.last_round =
        std::max<std::int64_t>(0, flow_.vertices[last.vertex].last_round);
    flow_.vertices.push_back(std::move(result));
    add_edge(last.vertex, flow_.vertices.size() - 1, {all});
  }

  void check_rounds() const {
    for (const Edge& edge : flow_.edges) {
      const Vertex &from = flow_.vertices[edge.from], &to = flow_.vertices[edge.to];
      if (from.last_round <= to.first_round) continue;
      bad_input("the layer is in round " + std::to_string(to.first_round) + ", before '" + from.node +
                    "', which it depends on",
                at(to.node), "map the network again");
    }
  }

  const mapping::Mapping& mapping_;
  const Activity& activity_;
  const ir::Graph& graph_;
  std::vector<ir::Shape> shapes_;
  std::vector<std::optional<Origin>> origins_;  // of each value
  std::vector<std::int64_t> arrays_;            // of each layer, over all rounds
  std::map<std::string, std::size_t> layers_;
  Flow flow_;
};

}  // namespace

Flow flow_of(const mapping::Mapping& mapping, const Activity& activity, const ir::Graph& graph) {
  return FlowBuilder(mapping, activity, graph).build();
}

}  // namespace bitline::estimate
