#include "bitline/mapping/layer_roles.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>
#include <variant>
#include <vector>

#include "bitline/ir/shapes.h"
#include "bitline/mapping/tiling.h"

namespace bitline::mapping {

namespace {

constexpr int kNone = std::numeric_limits<int>::max();  // no fork; constants and dead values have no place

// The tree of dominators over activations: a value's parent is the nearest value through which every path
// from the input to it leads. Jumps of growing length find common ancestors in logarithmic time.
class DominatorTree {
 public:
  DominatorTree(std::size_t values, ir::ValueId input) : places_(values) { place(input, input); }

  void place(ir::ValueId value, ir::ValueId parent) {
    const Place& p = at(parent);
    const bool root = value == parent;
    const Place& j = root ? p : at(p.jump);
    const bool far = !root && p.depth - j.depth == j.depth - at(j.jump).depth;
    places_[static_cast<std::size_t>(value)] = {parent, far ? j.jump : parent, root ? 0 : p.depth + 1};
  }

  ir::ValueId common(ir::ValueId a, ir::ValueId b) const {
    if (at(a).depth < at(b).depth) std::swap(a, b);
    while (at(a).depth > at(b).depth) a = at(at(a).jump).depth >= at(b).depth ? at(a).jump : at(a).parent;
    while (a != b) {
      const bool far = at(a).jump != at(b).jump;
      a = far ? at(a).jump : at(a).parent;
      b = far ? at(b).jump : at(b).parent;
    }
    return a;
  }

 private:
  struct Place {
    ir::ValueId parent = 0;
    ir::ValueId jump = 0;
    int depth = 0;
  };
  const Place& at(ir::ValueId value) const { return places_[static_cast<std::size_t>(value)]; }

  std::vector<Place> places_;
};

// One walk from the input to the output and one back.
class RoleFinder {
 public:
  explicit RoleFinder(const ir::Graph& graph)
      : graph_(graph),
        shapes_(ir::infer_shapes(graph)),
        order_(shapes_.size(), -1),
        layers_(shapes_.size(), 0),
        reads_input_(shapes_.size(), false),
        ends_(shapes_.size(), false),
        fork_(shapes_.size(), -1),
        tree_(shapes_.size(), graph.input()) {}

  std::map<std::string, LayerRoles> run() {
    at(order_, graph_.input()) = 0;
    reads_input_[index(graph_.input())] = true;
    for (std::size_t i = 0; i < graph_.nodes().size(); ++i) walk(graph_.nodes()[i], static_cast<int>(i) + 1);
    ends_[index(graph_.output())] = true;
    at(fork_, graph_.output()) = kNone;  // the output is read from outside every branch
    for (std::size_t i = graph_.nodes().size(); i-- > 0;) walk_back(graph_.nodes()[i]);
    return std::move(roles_);
  }

 private:
  static std::size_t index(ir::ValueId id) { return static_cast<std::size_t>(id); }
  template <class T>
  static T& at(std::vector<T>& values, ir::ValueId id) {
    return values[index(id)];
  }
  bool is_layer(const ir::Node& node) const { return layer_shape(graph_, node).has_value(); }
  bool is_activation(ir::ValueId id) const { return order_[index(id)] >= 0; }

  void walk(const ir::Node& node, int order) {
    const bool layer = is_layer(node);
    if (layer) roles_.try_emplace(node.name);
    ir::ValueId dominator = -1;
    int length = 0;
    bool reads = false;
    for (const ir::ValueId id : node.inputs) {
      if (!is_activation(id)) continue;
      dominator = dominator < 0 ? id : tree_.common(dominator, id);
      length = std::max(length, at(layers_, id));
      reads = reads || reads_input_[index(id)];
    }
    if (dominator < 0) return;
    if (layer) roles_[node.name].first = reads;
    at(order_, node.output) = order;
    at(layers_, node.output) = length + (layer ? 1 : 0);
    reads_input_[index(node.output)] = reads && !layer;
    tree_.place(node.output, dominator);
  }

  // The operand of a join that is its shorter branch, and the order of the fork; {-1, kNone} for none.
  std::pair<ir::ValueId, int> shortcut_of(const ir::Node& node) {
    const bool add = std::holds_alternative<ir::Add>(node.op) && node.inputs.size() == 2;
    if (!add || !is_activation(node.inputs[0]) || !is_activation(node.inputs[1])) return {-1, kNone};
    const ir::ValueId a = node.inputs[0], b = node.inputs[1];
    if (shapes_[index(a)] != shapes_[index(b)] || at(layers_, a) == at(layers_, b)) return {-1, kNone};
    const ir::ValueId shorter = at(layers_, a) < at(layers_, b) ? a : b;
    return {shorter, at(order_, tree_.common(a, b))};
  }

  // A branch reaches back from its join while all readers of a value are in it, as far as the fork.
  void walk_back(const ir::Node& node) {
    if (!is_activation(node.output)) return;
    const int fork = at(fork_, node.output);
    const bool in_branch = fork >= 0 && fork < at(order_, node.output);
    const bool layer = is_layer(node);
    if (layer) {
      roles_[node.name].last = ends_[index(node.output)];
      roles_[node.name].shortcut = in_branch;
    }
    const auto [shorter, join_fork] = shortcut_of(node);
    for (const ir::ValueId id : node.inputs) {
      if (!is_activation(id)) continue;
      if (!layer && ends_[index(node.output)]) ends_[index(id)] = true;
      int demand = in_branch ? fork : kNone;
      if (id == shorter) demand = std::min(demand, join_fork);
      merge(id, demand);
    }
  }

  // -1: nobody has read the value yet. kNone wins: a reader outside all branches.
  void merge(ir::ValueId id, int demand) {
    int& fork = at(fork_, id);
    if (fork == kNone || demand == kNone) {
      fork = kNone;
    } else {
      fork = fork < 0 ? demand : std::min(fork, demand);
    }
  }

  const ir::Graph& graph_;
  const std::vector<ir::Shape> shapes_;
  std::vector<int> order_;   // of activations, 0 for the input; -1 for constants
  std::vector<int> layers_;  // the most layers in a row from the input
  std::vector<bool> reads_input_, ends_;
  std::vector<int> fork_;  // the order of the fork whose shorter branch the value is on
  DominatorTree tree_;
  std::map<std::string, LayerRoles> roles_;
};

}  // namespace

std::map<std::string, LayerRoles> layer_roles(const ir::Graph& graph) {
  return RoleFinder(graph).run();
}

std::string role_text(const LayerRoles& roles) {
  std::string text;
  const auto add = [&text](bool has, const char* name) {
    if (has) text += (text.empty() ? "" : ", ") + std::string(name);
  };
  add(roles.first, "first");
  add(roles.last, "last");
  add(roles.shortcut, "shortcut");
  return text;
}

}  // namespace bitline::mapping
