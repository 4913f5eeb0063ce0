#include "bitline/ir/shapes.h"

#include <string>
#include <utility>
#include <variant>

#include "bitline/base/error.h"
#include "bitline/ir/impl/axes.h"
#include "bitline/ir/impl/shape_rules.h"

namespace bitline::ir {

namespace {

// Far above any network, far below where byte counts overflow.
constexpr std::int64_t kLargestTensor = std::int64_t{1} << 48;

std::vector<Shape> shapes_of(const Graph& graph, const Node& node, const std::vector<Shape>& shapes) {
  std::vector<Shape> inputs;
  for (const ValueId id : node.inputs) {
    const bool known = graph.is_constant(id) || !shapes[static_cast<std::size_t>(id)].empty();
    if (!known) {
      bad_input("reads '" + graph.value_name(id) + "' before it is computed", Where{{}, 0, 0, node.name},
                "nodes must be in topological order");
    }
    inputs.push_back(shapes[static_cast<std::size_t>(id)]);
  }
  return inputs;
}

}  // namespace

void NodeShapes::fail(const std::string& message, std::string hint) const {
  bad_input(std::string(op_name(node_.op)) + ": " + message, Where{{}, 0, 0, node_.name}, std::move(hint));
}

void NodeShapes::expect_inputs(std::size_t least, std::size_t most) const {
  if (count() >= least && count() <= most) return;
  std::string wanted = std::to_string(least);
  if (most != least) wanted += " to " + std::to_string(most);
  fail("has " + std::to_string(count()) + " inputs, expected " + wanted);
}

void NodeShapes::expect_rank(std::size_t i, std::size_t rank, const char* layout) const {
  if (input(i).size() == rank) return;
  fail("input " + std::to_string(i) + " has shape " + shape_text(input(i)) + ", expected " + layout);
}

void NodeShapes::expect_vector(std::size_t i, const char* what, std::int64_t length) const {
  if (input(i) == Shape{length}) return;
  fail(std::string(what) + " has shape " + shape_text(input(i)) + ", expected " + shape_text({length}));
}

std::int64_t NodeShapes::known(std::size_t i, std::size_t axis, const char* what) const {
  const std::int64_t extent = input(i)[axis];
  if (extent != kBatch) return extent;
  fail(std::string(what) + " of input " + std::to_string(i) + " " + shape_text(input(i)) +
           " is the batch size",
       "the batch must stay the first dimension");
}

std::size_t NodeShapes::axis(int axis, std::size_t rank) const {
  if (!axis_exists(axis, rank)) {
    fail("axis " + std::to_string(axis) + " does not exist in " + shape_text(input(0)));
  }
  return resolve_axis(axis, rank);
}

std::int64_t NodeShapes::product(const Shape& shape, std::size_t first, std::size_t last) const {
  std::int64_t known_part = 1;
  bool has_batch = false;
  for (std::size_t d = first; d < last; ++d) {
    if (shape[d] == kBatch) {
      expect(!has_batch, "the batch occurs twice in " + shape_text(shape));
      has_batch = true;
    } else if (__builtin_mul_overflow(known_part, shape[d], &known_part)) {
      fail(shape_text(shape) + " has too many elements");
    }
  }
  if (!has_batch) return known_part;
  expect(known_part == 1, "would merge the batch with other dimensions of " + shape_text(shape));
  return kBatch;
}

Shape infer_shape(const Node& node, const std::vector<Shape>& inputs) {
  const NodeShapes n(node, inputs);
  Shape out = std::visit([&](const auto& op) { return shape_rule(op, n); }, node.op);
  std::int64_t elements = 1;
  for (const std::int64_t d : out) {
    if (d == kBatch) continue;
    const bool overflow = __builtin_mul_overflow(elements, d, &elements);
    n.expect(!overflow && elements <= kLargestTensor, "the output " + shape_text(out) + " is too large");
  }
  return out;
}

std::vector<Shape> infer_shapes(const Graph& graph, std::int64_t batch) {
  if (graph.input() < 0) bad_input("the graph has no input");
  if (graph.output() < 0) bad_input("the graph has no output");
  std::vector<Shape> shapes(static_cast<std::size_t>(graph.value_count()));
  for (const auto& [id, value] : graph.constants()) shapes[static_cast<std::size_t>(id)] = value.shape;
  Shape& input = shapes[static_cast<std::size_t>(graph.input())];
  input = graph.input_shape();
  for (std::int64_t& d : input) d = d == kBatch ? batch : d;
  for (const Node& node : graph.nodes()) {
    shapes[static_cast<std::size_t>(node.output)] = infer_shape(node, shapes_of(graph, node, shapes));
  }
  return shapes;
}

}  // namespace bitline::ir
