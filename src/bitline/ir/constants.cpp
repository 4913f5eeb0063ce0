#include "bitline/ir/constants.h"

#include <cstring>
#include <set>
#include <string>

#include "bitline/ir/fold.h"

namespace bitline::ir {

namespace {

std::string unused_name(const Graph& graph, std::set<std::string>& taken, const Node& node,
                        std::size_t input) {
  if (taken.empty()) {
    for (ValueId id = 0; id < graph.value_count(); ++id) taken.insert(graph.value_name(id));
  }
  const char* roles[] = {"input", "weight", "bias"};
  const std::string wanted =
      node.name + "." + (input < 3 ? std::string(roles[input]) : "constant" + std::to_string(input));
  std::string name = wanted;
  for (int n = 2; !taken.insert(name).second; ++n) name = wanted + "_" + std::to_string(n);
  return name;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape == b.shape && a.data.size() == b.data.size() &&
         std::memcmp(a.data.data(), b.data.data(), a.data.size() * sizeof(float)) == 0;
}

}  // namespace

OwnedConstants own_constants(const Graph& graph, const std::function<bool(const Node&)>& writes) {
  OwnedConstants out{graph, {}};
  std::vector<int> readers = graph.use_counts();
  std::set<std::string> taken;
  for (Node& node : out.graph.nodes()) {
    if (!writes(node)) continue;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      if (!graph.is_constant(id) || readers[static_cast<std::size_t>(id)] == 1) continue;
      --readers[static_cast<std::size_t>(id)];
      node.inputs[i] = out.graph.add_constant(unused_name(graph, taken, node, i), graph.constant(id));
      out.original.emplace(node.inputs[i], id);
    }
  }
  return out;
}

Graph rejoin_constants(Graph graph, const std::map<ValueId, ValueId>& original) {
  if (original.empty()) return graph;
  for (Node& node : graph.nodes()) {
    for (ValueId& id : node.inputs) {
      const auto it = original.find(id);
      if (it == original.end() || !same_bits(graph.constant(id), graph.constant(it->second))) continue;
      id = it->second;
    }
  }
  return remove_dead_code(graph);
}

}  // namespace bitline::ir
