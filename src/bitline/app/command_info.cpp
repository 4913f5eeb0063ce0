// bitline info: what a model is made of.
#include <CLI/CLI.hpp>

#include "bitline/app/array_report.h"
#include "bitline/app/command.h"
#include "bitline/app/multiplication_report.h"
#include "bitline/app/options.h"
#include "bitline/frontend/weights.h"
#include "bitline/ir/shapes.h"
#include "bitline/mapping/tiling.h"

namespace bitline::app {

namespace {

// Multiply-accumulates of a layer for one image; one MAC counts as two operations elsewhere.
std::int64_t macs_of(const ir::Graph& graph, const ir::Node& node, const std::vector<ir::Shape>& shapes) {
  const auto shape = mapping::layer_shape(graph, node);
  if (!shape) return 0;
  std::int64_t outputs = 1;
  const ir::Shape& out = shapes[static_cast<std::size_t>(node.output)];
  for (std::size_t axis = 1; axis < out.size(); ++axis) outputs *= out[axis];
  return outputs * shape->group_inputs() * shape->window_size();
}

class InfoCommand final : public Command {
 public:
  std::string name() const override { return "info"; }
  std::string description() const override { return "describe a model: layers, shapes, parameters, tiles"; }

  void declare(CLI::App& app) override {
    model_.declare(app, "zoo:NAME, an ONNX file or a safetensors artefact");
  }

  result::Record run(Session& session) override {
    const quant::QuantizedModel model = model_.load(session, 0);
    const std::vector<ir::Shape> shapes = ir::infer_shapes(model.graph);
    std::int64_t macs = 0;
    for (const ir::Node& node : model.graph.nodes()) macs += macs_of(model.graph, node, shapes);
    result::Record record;
    record.title = model_.model;
    record.add("input", ir::shape_text(model.graph.input_shape()));
    record.add("output", ir::shape_text(shapes[static_cast<std::size_t>(model.graph.output())]));
    record.add("nodes", static_cast<std::int64_t>(model.graph.nodes().size()));
    record.add("parameters", frontend::parameter_count(model.graph));
    record.add("macs_per_image", macs);
    if (!model.layers.empty()) add_array_figures(model, record);
    add_multiplication_figures(model, record);
    for (const auto& [key, value] : model.notes) record.add("note_" + key, value);
    record.tables.push_back(layer_table(model));
    return record;
  }

 private:
  ModelOptions model_;
};

}  // namespace

std::unique_ptr<Command> make_info() {
  return std::make_unique<InfoCommand>();
}

}  // namespace bitline::app
