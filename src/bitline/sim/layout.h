// Which activations of a network lie channels-last. Layers on arrays read and write NHWC; what lies between
// them and works element by element, or as batch-norm channel by channel, keeps that layout, so that nothing
// is turned around from layer to layer. A tensor's shape always says [N, C, H, W]; only the order of its
// values differs.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "bitline/ir/interpreter.h"

namespace bitline::sim {

class Layout {
 public:
  // on_array: whether a node runs on an array.
  Layout(const ir::Graph& graph, const std::function<bool(const ir::Node&)>& on_array);

  bool channels_last(ir::ValueId value) const { return last_[static_cast<std::size_t>(value)]; }

  // Runs a node that is not on an array where the interpreter cannot: an operand has not the layout that the
  // node wants, or it works channel by channel on channels-last values. Otherwise nothing. `dying` as in
  // ir::NodeHook.
  std::optional<ir::Tensor> run(const ir::Node& node, const ir::Operands& operands, ir::Tensor* dying) const;

 private:
  std::vector<bool> last_;      // by value
  std::vector<bool> constant_;  // by value
};

// The same values in the other order; x is [N, C, H, W].
ir::Tensor to_channels_last(const ir::Tensor& x);
ir::Tensor to_channels_first(const ir::Tensor& x);

}  // namespace bitline::sim
