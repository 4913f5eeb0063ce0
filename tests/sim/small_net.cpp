#include "sim/small_net.h"

#include <cmath>

#include "sim/random_layer.h"

namespace bitline::sim {

namespace {

ir::ValueId add_conv(ir::Graph& graph, Dice& dice, const std::string& name, ir::ValueId x, std::int64_t in,
                     std::int64_t out, std::int64_t stride) {
  ir::Conv op;
  op.window.kernel = {3, 3};
  op.window.stride = {stride, stride};
  op.window.pad_begin = op.window.pad_end = {1, 1};
  const float spread = std::sqrt(2.0f / static_cast<float>(9 * in));
  ir::Tensor weight({out, in, 3, 3});
  for (float& v : weight.data) v = spread * dice.normal() * std::exp(0.5f * dice.normal());
  const ir::ValueId w = graph.add_constant(name + ".weight", weight);
  const ir::ValueId b = graph.add_constant(name + ".bias", ir::Tensor({out}, dice.normals(out, 0.1f)));
  return graph.add_node(name + ".relu", ir::Relu{}, {graph.add_node(name, op, {x, w, b})});
}

}  // namespace

ir::Graph small_net(std::uint64_t seed) {
  Dice dice(seed);
  ir::Graph graph;
  ir::ValueId x = graph.add_input("x", {ir::kBatch, 3, 9, 8});
  x = add_conv(graph, dice, "conv1", x, 3, 6, 1);
  x = add_conv(graph, dice, "conv2", x, 6, 8, 2);
  x = add_conv(graph, dice, "conv3", x, 8, 8, 1);
  x = graph.add_node("flat", ir::Flatten{1}, {graph.add_node("pool", ir::GlobalAveragePool{}, {x})});
  const ir::ValueId w = graph.add_constant("fc.weight", ir::Tensor({5, 8}, dice.normals(40, 1.0f)));
  graph.set_output(graph.add_node("fc", ir::Linear{}, {x, w}));
  return graph;
}

ir::Tensor random_images(std::int64_t count, std::uint64_t seed) {
  Dice dice(seed);
  return ir::Tensor({count, 3, 9, 8}, dice.normals(count * 3 * 9 * 8, 1.0f));
}

BatchSource random_batches(std::vector<std::int64_t> sizes, std::uint64_t seed) {
  return [sizes = std::move(sizes), seed, next = std::size_t{0}]() mutable -> std::optional<LabelledBatch> {
    if (next == sizes.size()) return std::nullopt;
    LabelledBatch batch{random_images(sizes[next], seed + next), {}};
    Dice dice(seed + next + 1000);
    for (std::int64_t i = 0; i < sizes[next]; ++i) batch.labels.push_back(dice.between(0, 4));
    ++next;
    return batch;
  };
}

}  // namespace bitline::sim
