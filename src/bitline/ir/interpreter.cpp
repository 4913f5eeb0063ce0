#include "bitline/ir/interpreter.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include <oneapi/dnnl/dnnl.hpp>

#include "bitline/base/error.h"
#include "bitline/ir/impl/operators.h"
#include "bitline/ir/shapes.h"

namespace bitline::ir {

namespace {

Shape output_shape(const Node& node, const Operands& operands) {
  std::vector<Shape> shapes;
  for (const Tensor* t : operands) shapes.push_back(t->shape);
  return infer_shape(node, shapes);
}

Tensor dispatch(const Node& node, const Operands& operands, Tensor* dying, Recycler* recycler) {
  const Shape shape = output_shape(node, operands);
  const Call call{node, operands, shape, dying, recycler};
  try {
    return std::visit([&](const auto& op) { return execute(op, call); }, node.op);
  } catch (const dnnl::error& e) {
    unsupported(std::string(op_name(node.op)) + ": oneDNN cannot run this: " + e.what(),
                Where{{}, 0, 0, node.name});
  }
}

void check_input(const Graph& graph, const Shape& given) {
  const Shape& wanted = graph.input_shape();
  bool fits = given.size() == wanted.size();
  for (std::size_t d = 0; fits && d < given.size(); ++d) fits = wanted[d] == kBatch || wanted[d] == given[d];
  if (fits) return;
  bad_input("the network's input '" + graph.value_name(graph.input()) + "' is " + shape_text(wanted) +
            ", but it was given " + shape_text(given));
}

// One run of a graph: the live activations and how many reads each has left.
class Run {
 public:
  Run(const Graph& graph, const Tensor& input, const NodeHook& hook)
      : graph_(graph),
        input_(input),
        hook_(hook),
        reads_left_(graph.use_counts()),
        activations_(reads_left_.size()) {}

  Tensor all_nodes() {
    for (const Node& node : graph_.nodes()) {
      activations_[index(node.output)] = one_node(node);
      release_inputs(node);
    }
    const ValueId out = graph_.output();
    return is_activation(out) ? std::move(activations_[index(out)]) : *value(out);
  }

 private:
  static std::size_t index(ValueId id) { return static_cast<std::size_t>(id); }

  bool is_activation(ValueId id) const { return id != graph_.input() && !graph_.is_constant(id); }

  const Tensor* value(ValueId id) const {
    if (id == graph_.input()) return &input_;
    return graph_.is_constant(id) ? &graph_.constant(id) : &activations_[index(id)];
  }

  Tensor one_node(const Node& node) {
    Operands operands;
    for (const ValueId id : node.inputs) operands.push_back(value(id));
    const ValueId first = node.inputs.empty() ? -1 : node.inputs[0];
    const bool dies = first >= 0 && is_activation(first) && reads_left_[index(first)] == 1;
    Tensor* dying = dies ? &activations_[index(first)] : nullptr;
    if (hook_) {
      const Shape shape = output_shape(node, operands);
      if (std::optional<Tensor> taken = hook_(node, operands, dying)) {
        BITLINE_CHECK(taken->shape == shape);
        return std::move(*taken);
      }
    }
    return dispatch(node, operands, dying, &recycler_);
  }

  void release(ValueId id) { recycler_.give(std::exchange(activations_[index(id)], Tensor())); }

  void release_inputs(const Node& node) {
    for (const ValueId id : node.inputs) {
      if (--reads_left_[index(id)] == 0 && is_activation(id)) release(id);
    }
    if (reads_left_[index(node.output)] == 0) release(node.output);
  }

  const Graph& graph_;
  const Tensor& input_;
  const NodeHook& hook_;
  std::vector<int> reads_left_;
  std::vector<Tensor> activations_;  // indexed by ValueId
  Recycler recycler_;
};

}  // namespace

Tensor Recycler::make(const Shape& shape) {
  const auto count = static_cast<std::size_t>(element_count(shape));
  // Taking much more than is needed would let small tensors hold large blocks.
  const auto fits = [&](const std::vector<float>& s) { return s.size() >= count && s.size() / 2 <= count; };
  const auto spare = std::find_if(spares_.begin(), spares_.end(), fits);
  if (spare == spares_.end()) return Tensor(shape);
  Tensor t;
  t.shape = shape;
  t.data = std::move(*spare);
  t.data.resize(count);
  spares_.erase(spare);
  return t;
}

void Recycler::give(Tensor dead) {
  // The oldest spare goes first: what a network shrank away from does not come back.
  constexpr std::size_t kMostSpares = 2;
  if (dead.data.empty()) return;
  if (spares_.size() == kMostSpares) spares_.erase(spares_.begin());
  spares_.push_back(std::move(dead.data));
}

Tensor run_node(const Node& node, const Operands& operands, Tensor* dying) {
  return dispatch(node, operands, dying, nullptr);
}

Tensor run_graph(const Graph& graph, const Tensor& input, const NodeHook& hook) {
  if (graph.input() < 0) bad_input("the graph has no input");
  if (graph.output() < 0) bad_input("the graph has no output");
  check_input(graph, input.shape);
  return Run(graph, input, hook).all_nodes();
}

}  // namespace bitline::ir
