#include "bitline/sim/layout.h"

#include <algorithm>
#include <deque>
#include <variant>

#include "bitline/ir/shapes.h"

namespace bitline::sim {

namespace {

constexpr std::int64_t kBlock = 16;  // values of a row and a column that share cache lines

// out[j][i] = in[i][j]
void transpose(const float* in, std::int64_t rows, std::int64_t columns, float* out) {
  for (std::int64_t top = 0; top < rows; top += kBlock) {
    for (std::int64_t left = 0; left < columns; left += kBlock) {
      const std::int64_t bottom = std::min(top + kBlock, rows), right = std::min(left + kBlock, columns);
      for (std::int64_t j = left; j < right; ++j) {
        for (std::int64_t i = top; i < bottom; ++i) out[j * rows + i] = in[i * columns + j];
      }
    }
  }
}

// Works on the values one by one, whatever their order.
bool element_wise(const ir::Node& node) {
  return std::holds_alternative<ir::Relu>(node.op) || std::holds_alternative<ir::Clip>(node.op) ||
         std::holds_alternative<ir::Add>(node.op) || std::holds_alternative<ir::Mul>(node.op);
}

// BatchNorm of channels-last values.
ir::Tensor batch_norm(const ir::BatchNorm& op, const ir::Operands& operands, ir::Tensor* dying) {
  const ir::ChannelAffine affine = ir::channel_affine(op, operands);
  ir::Tensor y = dying != nullptr ? std::move(*dying) : *operands[0];
  const std::size_t channels = affine.alpha.size();
  for (std::size_t pixel = 0; pixel < y.size(); pixel += channels) {
    float* values = y.data.data() + pixel;
    for (std::size_t c = 0; c < channels; ++c) values[c] = values[c] * affine.alpha[c] + affine.beta[c];
  }
  return y;
}

}  // namespace

Layout::Layout(const ir::Graph& graph, const std::function<bool(const ir::Node&)>& on_array)
    : last_(static_cast<std::size_t>(graph.value_count()), false), constant_(last_) {
  const auto at = [](ir::ValueId id) { return static_cast<std::size_t>(id); };
  const std::vector<ir::Shape> shapes = ir::infer_shapes(graph);
  const auto shape = [&](ir::ValueId id) -> const ir::Shape& { return shapes[at(id)]; };
  for (ir::ValueId id = 0; id < graph.value_count(); ++id) constant_[at(id)] = graph.is_constant(id);
  for (const ir::Node& node : graph.nodes()) {
    if (shape(node.output).size() != 4) continue;
    if (on_array(node)) {
      last_[at(node.output)] = true;
    } else if (std::holds_alternative<ir::BatchNorm>(node.op)) {
      last_[at(node.output)] = last_[at(node.inputs[0])];
    } else if (element_wise(node)) {
      const auto alike = [&](ir::ValueId id) {  // no broadcasting
        return !constant_[at(id)] && shape(id) == shape(node.output);
      };
      last_[at(node.output)] =
          std::all_of(node.inputs.begin(), node.inputs.end(), alike) &&
          std::any_of(node.inputs.begin(), node.inputs.end(), [&](ir::ValueId id) { return last_[at(id)]; });
    }
  }
  // The network's result is for everyone.
  last_[at(graph.output())] = false;
}

std::optional<ir::Tensor> Layout::run(const ir::Node& node, const ir::Operands& operands,
                                      ir::Tensor* dying) const {
  const bool wanted = channels_last(node.output);
  std::deque<ir::Tensor> turned;
  ir::Operands in = operands;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const auto id = static_cast<std::size_t>(node.inputs[i]);
    if (constant_[id] || last_[id] == wanted) continue;
    turned.push_back(wanted ? to_channels_last(*in[i]) : to_channels_first(*in[i]));
    in[i] = &turned.back();
    if (i == 0) dying = &turned.back();
  }
  if (const auto* norm = std::get_if<ir::BatchNorm>(&node.op); norm != nullptr && wanted)
    return batch_norm(*norm, in, dying);
  if (turned.empty()) return std::nullopt;
  return ir::run_node(node, in, dying);
}

ir::Tensor to_channels_last(const ir::Tensor& x) {
  ir::Tensor y(x.shape);
  const std::int64_t pixels = x.dim(2) * x.dim(3), size = x.dim(1) * pixels;
  for (std::int64_t n = 0; n < x.dim(0); ++n)
    transpose(x.data.data() + n * size, x.dim(1), pixels, y.data.data() + n * size);
  return y;
}

ir::Tensor to_channels_first(const ir::Tensor& x) {
  ir::Tensor y(x.shape);
  const std::int64_t pixels = x.dim(2) * x.dim(3), size = x.dim(1) * pixels;
  for (std::int64_t n = 0; n < x.dim(0); ++n)
    transpose(x.data.data() + n * size, pixels, x.dim(1), y.data.data() + n * size);
  return y;
}

}  // namespace bitline::sim
