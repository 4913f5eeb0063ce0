#include "bitline/ir/classes.h"

#include <algorithm>
#include <string>

#include "bitline/base/error.h"
#include "bitline/ir/fold.h"
#include "bitline/ir/shapes.h"

namespace bitline::ir {

namespace {

const Node* producer(const Graph& graph, ValueId value) {
  const auto& nodes = graph.nodes();
  const auto it =
      std::find_if(nodes.begin(), nodes.end(), [value](const Node& n) { return n.output == value; });
  return it == nodes.end() ? nullptr : &*it;
}

bool only_renames(const Node& node) {
  return std::holds_alternative<Flatten>(node.op) || std::holds_alternative<Reshape>(node.op);
}

}  // namespace

std::int64_t class_count(const Shape& output) {
  if (output.size() < 2) return 0;
  const bool alone = std::all_of(output.begin() + 2, output.end(), [](std::int64_t d) { return d == 1; });
  return alone ? output[1] : 0;
}

std::int64_t class_count(const Graph& graph) {
  const Shape shape = infer_shapes(graph)[static_cast<std::size_t>(graph.output())];
  const std::int64_t count = class_count(shape);
  if (count == 0)
    unsupported("the network's output " + shape_text(shape) + " is not one number for each class", {},
                "expected [N, classes]");
  return count;
}

const Node* final_softmax(const Graph& graph) {
  const std::vector<Shape> shapes = infer_shapes(graph);
  const Node* node = producer(graph, graph.output());
  while (node != nullptr && only_renames(*node)) node = producer(graph, node->inputs[0]);
  if (node == nullptr || !std::holds_alternative<Softmax>(node->op)) return nullptr;
  const Shape& shape = shapes[static_cast<std::size_t>(node->output)];
  const auto rank = static_cast<int>(shape.size());
  const int axis = std::get<Softmax>(node->op).axis;
  return class_count(shape) > 0 && (axis + rank) % rank == 1 ? node : nullptr;
}

ValueId logits_value(const Graph& graph) {
  const Node* softmax = final_softmax(graph);
  return softmax == nullptr ? graph.output() : softmax->inputs[0];
}

Graph up_to_logits(const Graph& graph) {
  if (final_softmax(graph) == nullptr) return graph;
  Graph cut = graph;
  cut.set_output(logits_value(graph));
  return remove_dead_code(cut);
}

Graph without_outputs(const Graph& graph, std::vector<std::int64_t> outputs) {
  if (outputs.empty()) return graph;
  Graph cut = up_to_logits(graph);
  const std::int64_t classes = class_count(cut);
  std::sort(outputs.begin(), outputs.end());
  outputs.erase(std::unique(outputs.begin(), outputs.end()), outputs.end());
  if (outputs.front() < 0 || outputs.back() >= classes)
    bad_input("output " + std::to_string(outputs.back()) + " cannot be ignored: the network has " +
                  std::to_string(classes) + " outputs",
              {}, "they count from 0");
  if (std::ssize(outputs) == classes) bad_input("no output is left that tells classes apart");
  std::vector<ValueId> kept;
  outputs.push_back(classes);
  std::int64_t first = 0;
  for (const std::int64_t ignored : outputs) {
    if (ignored > first)
      kept.push_back(cut.add_node("classes_from_" + std::to_string(first),
                                  Slice{{1}, {first}, {ignored}, {1}}, {cut.output()}));
    first = ignored + 1;
  }
  cut.set_output(kept.size() == 1 ? kept[0] : cut.add_node("classes", Concat{1}, kept));
  return cut;
}

}  // namespace bitline::ir
