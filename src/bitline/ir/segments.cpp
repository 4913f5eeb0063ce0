#include "bitline/ir/segments.h"

#include <algorithm>
#include <map>

#include "bitline/ir/shapes.h"

namespace bitline::ir {

namespace {

// Node indices i such that the graph may be cut behind node i.
std::vector<std::size_t> narrow_places(const Graph& graph) {
  const std::vector<Node>& nodes = graph.nodes();
  const auto values = static_cast<std::size_t>(graph.value_count());
  std::vector<std::size_t> last_use(values, 0), first_use(values, nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const ValueId id : nodes[i].inputs) {
      const auto v = static_cast<std::size_t>(id);
      last_use[v] = i;
      first_use[v] = std::min(first_use[v], i);
    }
  }
  last_use[static_cast<std::size_t>(graph.output())] = nodes.size();
  std::vector<int> crossing(nodes.size() + 1, 0);  // values that live behind node i, as differences
  const auto lives = [&](std::size_t from, std::size_t until) {  // behind from .. until-1
    if (from >= until) return;
    ++crossing[from];
    --crossing[until];
  };
  lives(0, last_use[static_cast<std::size_t>(graph.input())]);
  for (const auto& [id, value] : graph.constants())
    lives(first_use[static_cast<std::size_t>(id)], last_use[static_cast<std::size_t>(id)]);
  for (std::size_t i = 0; i < nodes.size(); ++i)
    lives(i, last_use[static_cast<std::size_t>(nodes[i].output)]);
  std::vector<std::size_t> places;
  int alive = 0;
  for (std::size_t i = 0; i + 1 < nodes.size(); ++i) {
    alive += crossing[i];
    if (alive == 1 && last_use[static_cast<std::size_t>(nodes[i].output)] > i) places.push_back(i);
  }
  return places;
}

Graph copy_nodes(const Graph& graph, const std::vector<Shape>& shapes, ValueId input, std::size_t first,
                 std::size_t last) {
  Graph part;
  std::map<ValueId, ValueId> ids;
  ids[input] = part.add_input(graph.value_name(input), shapes[static_cast<std::size_t>(input)]);
  for (std::size_t i = first; i <= last; ++i) {
    const Node& node = graph.nodes()[i];
    std::vector<ValueId> inputs;
    for (const ValueId id : node.inputs) {
      if (ids.count(id) == 0) ids[id] = part.add_constant(graph.value_name(id), graph.constant(id));
      inputs.push_back(ids.at(id));
    }
    ids[node.output] = part.add_node(node.name, node.op, std::move(inputs));
  }
  part.set_output(ids.at(graph.nodes()[last].output));
  return part;
}

}  // namespace

std::vector<Graph> cut_into_segments(const Graph& graph, const std::function<bool(const Node&)>& counts) {
  const std::vector<Node>& nodes = graph.nodes();
  const std::vector<Shape> shapes = infer_shapes(graph);
  const std::vector<std::size_t> places = narrow_places(graph);
  std::vector<Graph> parts;
  std::size_t first = 0;
  ValueId input = graph.input();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!counts(nodes[i])) continue;
    // The last narrow place before this node that leaves a counting node in front of it.
    const auto place = std::lower_bound(places.begin(), places.end(), i);
    if (place != places.begin() && *std::prev(place) >= first &&
        std::any_of(nodes.begin() + static_cast<std::ptrdiff_t>(first),
                    nodes.begin() + static_cast<std::ptrdiff_t>(*std::prev(place)) + 1, counts)) {
      const std::size_t last = *std::prev(place);
      parts.push_back(copy_nodes(graph, shapes, input, first, last));
      input = nodes[last].output;
      first = last + 1;
    }
  }
  parts.push_back(copy_nodes(graph, shapes, input, first, nodes.size() - 1));
  return parts;
}

}  // namespace bitline::ir
