#include "bitline/ir/fold.h"

#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "bitline/base/error.h"
#include "bitline/ir/shapes.h"

namespace bitline::ir {

namespace {

using IdMap = std::map<ValueId, ValueId>;  // ids of the old graph to ids of the new one

struct Folded {
  Tensor weight;
  Tensor bias;
};

// What decides whether a batch-norm can be folded.
struct Survey {
  std::vector<Shape> shapes;
  std::vector<int> use_counts;
  std::map<ValueId, const Node*> producer;
};

Survey survey(const Graph& graph) {
  Survey s{infer_shapes(graph), graph.use_counts(), {}};
  for (const Node& node : graph.nodes()) s.producer[node.output] = &node;
  return s;
}

bool constant_inputs(const Graph& graph, const Node& node) {
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    if (!graph.is_constant(node.inputs[i])) return false;
  }
  return true;
}

// The Conv or Linear that `norm` can be folded into, or null.
const Node* fold_target(const Graph& graph, const Survey& s, const Node& norm) {
  if (!std::holds_alternative<BatchNorm>(norm.op) || !constant_inputs(graph, norm)) return nullptr;
  const auto it = s.producer.find(norm.inputs[0]);
  if (it == s.producer.end()) return nullptr;
  const Node& target = *it->second;
  const std::size_t rank = s.shapes[static_cast<std::size_t>(target.output)].size();
  // A Linear over more than two dimensions has its channels last, a BatchNorm always second.
  const bool channels_agree =
      std::holds_alternative<Conv>(target.op) || (std::holds_alternative<Linear>(target.op) && rank == 2);
  const bool only_reader = s.use_counts[static_cast<std::size_t>(target.output)] == 1;
  return channels_agree && only_reader && constant_inputs(graph, target) ? &target : nullptr;
}

Folded fold_parameters(const Graph& graph, const FoldableNorm& fold) {
  const NormParameters norm = norm_parameters(graph, fold);
  Tensor weight = graph.constant(fold.layer->inputs[1]);
  Tensor bias({weight.dim(0)});
  const std::size_t row = weight.size() / bias.size();
  for (std::size_t c = 0; c < bias.size(); ++c) {
    for (std::size_t i = c * row; i < (c + 1) * row; ++i) {
      weight.data[i] = static_cast<float>(weight.data[i] * norm.factor[c]);
    }
    bias.data[c] = static_cast<float>(norm.offset[c]);
  }
  return {std::move(weight), std::move(bias)};
}

// Copies a graph node by node, so that a pass can leave out or replace some of them.
class Rebuild {
 public:
  explicit Rebuild(const Graph& old) : old_(old), names_(old) {
    if (old.input() >= 0)
      ids_[old.input()] = graph_.add_input(old.value_name(old.input()), old.input_shape());
  }

  void constant(ValueId id) { ids_[id] = graph_.add_constant(old_.value_name(id), old_.constant(id)); }

  void node(const Node& node) {
    std::vector<ValueId> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(ids_.at(id));
    ids_[node.output] = graph_.add_node(node.name, node.op, std::move(inputs));
  }

  // The node `target` with new parameters, standing for itself and the batch-norm behind it.
  void folded(const Node& target, const Node& norm, Folded parameters) {
    const ValueId weight = graph_.add_constant(names_.weight(target), std::move(parameters.weight));
    const ValueId bias = graph_.add_constant(names_.bias(target), std::move(parameters.bias));
    ids_[norm.output] = graph_.add_node(target.name, target.op, {ids_.at(target.inputs[0]), weight, bias});
  }

  Graph finish() {
    if (old_.output() >= 0) graph_.set_output(ids_.at(old_.output()));
    return std::move(graph_);
  }

 private:
  const Graph& old_;
  ParameterNames names_;
  Graph graph_;
  IdMap ids_;
};

std::set<ValueId> reachable_from_output(const Graph& graph) {
  std::set<ValueId> live;
  if (graph.output() >= 0) live.insert(graph.output());
  for (auto it = graph.nodes().rbegin(); it != graph.nodes().rend(); ++it) {
    if (live.count(it->output) != 0) live.insert(it->inputs.begin(), it->inputs.end());
  }
  return live;
}

}  // namespace

ParameterNames::ParameterNames(const Graph& graph) : graph_(graph), use_counts_(graph.use_counts()) {
  for (const auto& [id, value] : graph.constants()) taken_.insert(graph.value_name(id));
}

std::string ParameterNames::name(const Node& layer, std::size_t input, const char* role) {
  const bool has = layer.inputs.size() > input;
  if (has && use_counts_[static_cast<std::size_t>(layer.inputs[input])] == 1)
    return graph_.value_name(layer.inputs[input]);
  const std::string wanted = layer.name + "." + role;
  std::string name = wanted;
  for (int n = 2; !taken_.insert(name).second; ++n) name = wanted + "_" + std::to_string(n);
  return name;
}

std::vector<FoldableNorm> foldable_norms(const Graph& graph) {
  const Survey s = survey(graph);
  std::vector<FoldableNorm> folds;
  for (const Node& node : graph.nodes()) {
    if (const Node* target = fold_target(graph, s, node)) folds.push_back({target, &node});
  }
  return folds;
}

NormParameters norm_parameters(const Graph& graph, const FoldableNorm& fold) {
  const auto parameter = [&](std::size_t i) -> const std::vector<float>& {
    return graph.constant(fold.norm->inputs[i]).data;
  };
  const double epsilon = static_cast<double>(std::get<BatchNorm>(fold.norm->op).epsilon);
  const bool has_bias = fold.layer->inputs.size() == 3;
  NormParameters out;
  for (std::size_t c = 0; c < parameter(1).size(); ++c) {
    const double factor = parameter(1)[c] / std::sqrt(parameter(4)[c] + epsilon);
    const double bias = has_bias ? static_cast<double>(graph.constant(fold.layer->inputs[2]).data[c]) : 0.0;
    const double centered = bias - static_cast<double>(parameter(3)[c]);
    out.factor.push_back(factor);
    out.offset.push_back(centered * factor + static_cast<double>(parameter(2)[c]));
  }
  return out;
}

Graph fold_batch_norm(const Graph& graph) {
  std::map<ValueId, FoldableNorm> folds;  // by the output of the Conv or Linear
  std::set<const Node*> vanishing;
  for (const FoldableNorm& fold : foldable_norms(graph)) {
    folds.emplace(fold.layer->output, fold);
    vanishing.insert(fold.norm);
  }
  Rebuild out(graph);
  for (const auto& [id, value] : graph.constants()) out.constant(id);
  for (const Node& node : graph.nodes()) {
    if (vanishing.count(&node) != 0) continue;
    const auto fold = folds.find(node.output);
    if (fold == folds.end()) {
      out.node(node);
    } else {
      out.folded(node, *fold->second.norm, fold_parameters(graph, fold->second));
    }
  }
  return remove_dead_code(out.finish());
}

Graph remove_dead_code(const Graph& graph) {
  const std::set<ValueId> live = reachable_from_output(graph);
  Rebuild out(graph);
  for (const auto& [id, value] : graph.constants()) {
    if (live.count(id) != 0) out.constant(id);
  }
  for (const Node& node : graph.nodes()) {
    if (live.count(node.output) != 0) out.node(node);
  }
  return out.finish();
}

}  // namespace bitline::ir
