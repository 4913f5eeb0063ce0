#include "bitline/ir/equalize.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "bitline/ir/constants.h"

namespace bitline::ir {

namespace {

constexpr int kMostRounds = 50;
constexpr double kSettled = 1e-3;
constexpr float kMostFactor = 64.0f;  // that a channel is scaled by, all rounds together
constexpr float kMostBias = 8.0f;     // that a bias may become, times the largest that the layer had

bool is_layer(const Node& node) {
  return std::holds_alternative<Conv>(node.op) || std::holds_alternative<Linear>(node.op);
}

// f(s * x) = s * f(x) for s > 0, channel by channel of what the layer writes: dimension 1 behind a
// convolution, the last one behind a linear layer.
bool keeps_scales(const Node& node, const Node& layer) {
  if (std::holds_alternative<Relu>(node.op)) return true;
  if (!std::holds_alternative<Conv>(layer.op)) return false;
  return std::holds_alternative<MaxPool>(node.op) || std::holds_alternative<AveragePool>(node.op) ||
         std::holds_alternative<GlobalAveragePool>(node.op);
}

std::int64_t groups_of(const Node& node) {
  const auto* conv = std::get_if<Conv>(&node.op);
  return conv == nullptr ? 1 : conv->groups;
}

// The weights of a layer [O, C/groups, ...] seen by output or by input channel.
class Weights {
 public:
  Weights(Tensor& weight, std::int64_t groups)
      : weight_(weight),
        outputs_(weight.dim(0)),
        inputs_(weight.dim(1)),
        window_(static_cast<std::int64_t>(weight.size()) / (outputs_ * inputs_)),
        groups_(groups) {}

  std::int64_t outputs() const { return outputs_; }
  std::int64_t inputs() const { return inputs_ * groups_; }

  template <class Visit>
  void of_output(std::int64_t o, Visit&& visit) {
    const std::int64_t each = inputs_ * window_;
    for (std::int64_t i = 0; i < each; ++i) visit(weight_.data[static_cast<std::size_t>(o * each + i)]);
  }
  template <class Visit>
  void of_input(std::int64_t c, Visit&& visit) {
    const std::int64_t group = c / inputs_, members = outputs_ / groups_;
    for (std::int64_t o = group * members; o < (group + 1) * members; ++o) {
      const std::int64_t begin = (o * inputs_ + c % inputs_) * window_;
      for (std::int64_t i = begin; i < begin + window_; ++i) visit(weight_.data[static_cast<std::size_t>(i)]);
    }
  }

 private:
  Tensor& weight_;
  std::int64_t outputs_, inputs_, window_, groups_;
};

float largest(const Tensor& x) {
  float out = 0.0f;
  for (const float value : x.data) out = std::max(out, std::fabs(value));
  return out;
}

class Equalizer {
 public:
  explicit Equalizer(const Graph& graph) {
    OwnedConstants owned = own_constants(graph, is_layer);
    graph_ = std::move(owned.graph);
    original_ = std::move(owned.original);
    uses_ = graph_.use_counts();
  }

  Graph run() {
    std::vector<Pair> pairs = find_pairs();
    for (int round = 0; round < kMostRounds; ++round) {
      double moved = 0.0;
      for (Pair& pair : pairs) moved = std::max(moved, equalize(pair));
      if (moved < kSettled) break;
    }
    return rejoin_constants(std::move(graph_), original_);
  }

 private:
  struct Pair {
    const Node *first, *second;
    std::vector<float> factors;  // of the channels between them, so far
    float most_bias = 0.0f;
  };

  bool read_once(ValueId id) const { return uses_[static_cast<std::size_t>(id)] == 1; }

  bool has_constants(const Node& node) const {
    return std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                       [this](ValueId id) { return graph_.is_constant(id); });
  }

  const Node* only_reader(ValueId id) const {
    const auto& nodes = graph_.nodes();
    const auto it = std::find_if(nodes.begin(), nodes.end(), [id](const Node& n) {
      return std::find(n.inputs.begin(), n.inputs.end(), id) != n.inputs.end();
    });
    return it == nodes.end() || !read_once(id) ? nullptr : &*it;
  }

  std::vector<Pair> find_pairs() {
    std::vector<Pair> pairs;
    for (const Node& first : graph_.nodes()) {
      if (!is_layer(first) || !has_constants(first)) continue;
      const Node* next = only_reader(first.output);
      while (next != nullptr && keeps_scales(*next, first)) next = only_reader(next->output);
      if (next == nullptr || next->op.index() != first.op.index() || !has_constants(*next)) continue;
      Tensor& a = graph_.constant(first.inputs[1]);
      Tensor& b = graph_.constant(next->inputs[1]);
      if (a.dim(0) != b.dim(1) * groups_of(*next)) continue;
      const float bias = first.inputs.size() > 2 ? largest(graph_.constant(first.inputs[2])) : 0.0f;
      pairs.push_back(
          {&first, next, std::vector<float>(static_cast<std::size_t>(a.dim(0)), 1.0f), kMostBias * bias});
    }
    return pairs;
  }

  // Returns the largest |log s|.
  double equalize(Pair& pair) {
    Weights a(graph_.constant(pair.first->inputs[1]), groups_of(*pair.first));
    Weights b(graph_.constant(pair.second->inputs[1]), groups_of(*pair.second));
    Tensor* bias = pair.first->inputs.size() > 2 ? &graph_.constant(pair.first->inputs[2]) : nullptr;
    double moved = 0.0;
    for (std::int64_t c = 0; c < a.outputs(); ++c) {
      float r1 = 0.0f, r2 = 0.0f;
      a.of_output(c, [&r1](float w) { r1 = std::max(r1, std::fabs(w)); });
      b.of_input(c, [&r2](float w) { r2 = std::max(r2, std::fabs(w)); });
      if (!std::isnormal(r1) || !std::isnormal(r2)) continue;
      float* own = bias == nullptr ? nullptr : &bias->data[static_cast<std::size_t>(c)];
      float& so_far = pair.factors[static_cast<std::size_t>(c)];
      float s = std::clamp(std::sqrt(r1 / r2), 1.0f / (kMostFactor * so_far), kMostFactor / so_far);
      // The bias of a channel with next to no weights would grow beyond all others, and the scale of the
      // layer's outputs with it.
      if (own != nullptr && *own != 0.0f) s = std::max(s, std::fabs(*own) / pair.most_bias);
      so_far *= s;
      a.of_output(c, [s](float& w) { w /= s; });
      b.of_input(c, [s](float& w) { w *= s; });
      if (own != nullptr) *own /= s;
      moved = std::max(moved, std::fabs(std::log(static_cast<double>(s))));
    }
    return moved;
  }

  Graph graph_;
  std::map<ValueId, ValueId> original_;
  std::vector<int> uses_;
};

}  // namespace

Graph equalize_layers(const Graph& graph) {
  return Equalizer(graph).run();
}

}  // namespace bitline::ir
