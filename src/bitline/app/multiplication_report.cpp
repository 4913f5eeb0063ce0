#include "bitline/app/multiplication_report.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "bitline/ir/shapes.h"
#include "bitline/mapping/tiling.h"

namespace bitline::app {

namespace {

bool is_shift(float factor) {
  int exponent = 0;
  return factor == 0.0f || std::abs(std::frexp(factor, &exponent)) == 0.5f;
}

// Elements behind the batch; positions without the channel, too.
std::int64_t product(const ir::Shape& shape, std::size_t first) {
  std::int64_t count = 1;
  for (std::size_t axis = first; axis < shape.size(); ++axis) count *= shape[axis];
  return count;
}

// Multiplications that the operators outside arrays cost.
struct OperatorCost {
  const ir::Graph& graph;
  const ir::Node& node;
  const std::vector<ir::Shape>& shapes;
  Multiplications& sum;

  const ir::Shape& shape(ir::ValueId id) const { return shapes[static_cast<std::size_t>(id)]; }
  std::int64_t outputs() const { return product(shape(node.output), 1); }
  void average_of(std::int64_t count) const {
    if (!is_shift(static_cast<float>(count))) sum.others += outputs();
  }

  // For each output a product with every weight of its row.
  void layer() const { sum.float_layers += outputs() * product(shape(node.inputs[1]), 1); }
  void operator()(const ir::Conv&) const { layer(); }
  void operator()(const ir::Linear&) const { layer(); }
  void operator()(const ir::MatMul&) const { sum.float_layers += outputs() * shape(node.inputs[0]).back(); }

  void operator()(const ir::BatchNorm&) const { sum.others += outputs(); }
  void operator()(const ir::Mul&) const {
    for (const ir::ValueId id : node.inputs) {
      if (!graph.is_constant(id)) continue;
      const std::vector<float>& factors = graph.constant(id).data;
      if (std::all_of(factors.begin(), factors.end(), is_shift)) return;
    }
    sum.others += outputs();
  }
  void operator()(const ir::AveragePool& op) const { average_of(op.window.kernel[0] * op.window.kernel[1]); }
  void operator()(const ir::GlobalAveragePool&) const { average_of(product(shape(node.inputs[0]), 2)); }
  void operator()(const ir::ReduceMean& op) const {
    std::int64_t count = 1;
    const ir::Shape& from = shape(node.inputs[0]);
    for (const int axis : op.axes)
      count *= from[static_cast<std::size_t>(axis < 0 ? axis + std::ssize(from) : axis)];
    average_of(count);
  }
  void operator()(const ir::Softmax&) const { sum.others += outputs(); }
  template <class Other>
  void operator()(const Other&) const {}
};

// Scales of partial sums that are powers of two: the digital side shifts. Behind ideal ADCs the factor is
// that of the weights and the input.
std::int64_t shifts_of(const quant::CimLayer& layer, std::int64_t groups) {
  if (layer.config.adc_levels != quant::kIdealAdc)
    return std::count_if(layer.psum_step.begin(), layer.psum_step.end(), is_shift);
  const bool all = is_shift(layer.activation_scale) &&
                   std::all_of(layer.weight_scale.begin(), layer.weight_scale.end(), is_shift);
  return all ? groups : 0;
}

}  // namespace

Multiplications count_multiplications(const quant::QuantizedModel& model) {
  const std::vector<ir::Shape> shapes = ir::infer_shapes(model.graph);
  Multiplications sum;
  std::set<std::pair<ir::ValueId, float>> quantized;
  for (const ir::Node& node : model.graph.nodes()) {
    const auto it = model.layers.find(node.name);
    if (it == model.layers.end()) {
      std::visit(OperatorCost{model.graph, node, shapes, sum}, node.op);
      continue;
    }
    const quant::CimLayer& layer = it->second;
    const auto tiling =
        mapping::tile_layer(*mapping::layer_shape(model.graph, node), layer.config, node.name);
    const std::int64_t groups = mapping::dequantization_multiplications(tiling, layer.config);
    const std::int64_t positions = product(shapes[static_cast<std::size_t>(node.output)], 2);
    sum.dequantization += positions * groups;
    sum.dequantization_shifts += positions * shifts_of(layer, groups);
    const bool is_new = quantized.emplace(node.inputs[0], layer.activation_scale).second;
    if (is_new && !is_shift(layer.activation_scale))
      sum.input_quantization += product(shapes[static_cast<std::size_t>(node.inputs[0])], 1);
  }
  return sum;
}

void add_multiplication_figures(const quant::QuantizedModel& model, result::Record& record) {
  const Multiplications sum = count_multiplications(model);
  record.add("dequantization_shifts_per_image", sum.dequantization_shifts);
  record.add("input_quantization_multiplications_per_image", sum.input_quantization);
  record.add("float_layer_multiplications_per_image", sum.float_layers);
  record.add("other_multiplications_per_image", sum.others);
}

}  // namespace bitline::app
