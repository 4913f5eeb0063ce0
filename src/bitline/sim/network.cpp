#include "bitline/sim/network.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "bitline/base/error.h"
#include "bitline/ir/shapes.h"
#include "bitline/quant/lsq.h"

namespace bitline::sim {

namespace {

ir::Shape output_shape(const LayerProgram& program, const ir::Tensor& x, ImageSize out) {
  const std::int64_t outputs = program.tiling.grid.outputs;
  return x.shape.size() == 2 ? ir::Shape{x.dim(0), outputs}
                             : ir::Shape{x.dim(0), outputs, out.height, out.width};
}

ImageSize image_size(const ir::Tensor& x) {
  return x.shape.size() == 2 ? ImageSize{1, 1} : ImageSize{x.dim(2), x.dim(3)};
}

void check_input(const LayerProgram& program, const ir::Tensor& x) {
  const bool ranked = x.shape.size() == 2 || x.shape.size() == 4;
  if (ranked && x.dim(1) == program.tiling.shape.in_channels) return;
  bad_input("a layer on the array takes [N, " + std::to_string(program.tiling.shape.in_channels) +
                "] or [N, " + std::to_string(program.tiling.shape.in_channels) + ", H, W], got " +
                ir::shape_text(x.shape),
            Where{{}, 0, 0, program.name});
}

// Codes as numbers, in the order of a tensor.
void append_codes(const LayerProgram& program, const ir::Tensor& x, std::span<const quant::Code> kept,
                  std::vector<float>& codes) {
  ir::Tensor last(x.shape, std::vector<float>(kept.begin(), kept.end()));
  for (float& code : last.data) code += static_cast<float>(program.activation_range.low);
  const ir::Tensor first = x.shape.size() == 4 ? to_channels_first(last) : std::move(last);
  codes.insert(codes.end(), first.data.begin(), first.data.end());
}

void run_kernel(const PreparedLayer& prepared, const BatchCodes& batch, std::span<float> y,
                std::vector<float>* adc_codes) {
  const auto images = static_cast<std::size_t>(batch.images);
  const std::size_t in = batch.codes.size() / images, out = y.size() / images;
  for (std::size_t n = 0; n < images; ++n)
    prepared.run({batch.codes.subspan(n * in, in), batch.size, batch.first + n}, y.subspan(n * out, out),
                 adc_codes);
}

// Storage for the outputs: that of `dying` where it fits.
ir::Tensor make_output(ir::Shape shape, ir::Tensor* dying) {
  if (dying == nullptr || dying->size() != static_cast<std::size_t>(ir::element_count(shape)))
    return ir::Tensor(std::move(shape));
  return {std::move(shape), std::move(dying->data)};
}

// run_layer with x and y channels-last. `dying` is x when nobody reads it afterwards, else null.
ir::Tensor run_channels_last(const LayerProgram& program, const PreparedLayer& prepared, const ir::Tensor& x,
                             ir::Tensor* dying, LayerTrace* trace, std::uint64_t first = 0,
                             const LayerRunner& runner = {}) {
  check_input(program, x);
  const ImageSize input = image_size(x);
  const std::int64_t images = x.dim(0);
  const std::size_t size = x.size();
  const auto storage = std::make_unique_for_overwrite<quant::Code[]>(size);
  const std::span<quant::Code> codes(storage.get(), size);
  quant::lsq_codes(x.data, program.activation_scale, program.activation_range, codes,
                   program.activation_offset);
  if (trace != nullptr) append_codes(program, x, codes, trace->input_codes);
  ir::Tensor y = make_output(output_shape(program, x, output_size(program.tiling.shape, input)), dying);
  if (images == 0) return y;
  const BatchCodes batch{codes, images, input, first};
  std::vector<float>* adc_codes = trace == nullptr ? nullptr : &trace->adc_codes;
  if (!runner || !runner(program, batch, y.data, adc_codes)) run_kernel(prepared, batch, y.data, adc_codes);
  return y;
}

}  // namespace

LayerProgram compile_node(const ir::Graph& graph, const ir::Node& node, const quant::CimLayer& layer) {
  const auto shape = mapping::layer_shape(graph, node);
  if (!shape)
    unsupported("only convolutions and linear layers with constant weights run on an array",
                Where{{}, 0, 0, node.name});
  const bool has_bias = node.inputs.size() > 2;
  const std::span<const float> bias =
      has_bias ? std::span<const float>(graph.constant(node.inputs[2]).data) : std::span<const float>{};
  return compile_layer(node.name, *shape, graph.constant(node.inputs[1]).data, bias, layer);
}

ir::Tensor run_layer(const LayerProgram& program, const PreparedLayer& prepared, const ir::Tensor& x,
                     LayerTrace* trace) {
  if (x.shape.size() != 4) return run_channels_last(program, prepared, x, nullptr, trace);
  ir::Tensor last = to_channels_last(x);
  return to_channels_first(run_channels_last(program, prepared, last, &last, trace));
}

Network::Network(const quant::QuantizedModel& model, std::string_view kernel)
    : Network(std::make_shared<const ir::Graph>(model.graph), std::string(kernel)) {
  const std::vector<ir::Shape> shapes = ir::infer_shapes(*graph_);
  for (const auto& [name, layer] : model.layers) {
    const ir::Node* node = graph_->find_node(name);
    if (node == nullptr)
      bad_input("the model quantizes a layer that its graph does not have", Where{{}, 0, 0, name});
    mapping::check_array_input(*node, shapes[static_cast<std::size_t>(node->inputs[0])]);
    add_layer(compile_node(*graph_, *node, layer));
  }
  layout_ = std::make_shared<const Layout>(
      *graph_, [this](const ir::Node& node) { return layers_.count(node.name) != 0; });
}

void Network::add_layer(LayerProgram program) {
  auto layer = std::make_unique<Layer>();
  layer->program = std::move(program);
  layer->kernel = &choose_kernel(kernel_, layer->program);
  layer->prepared = layer->kernel->prepare(layer->program);
  layers_.emplace(layer->program.name, std::move(layer));
}

Network Network::on_chip(const Variation& variation, std::uint64_t seed, std::uint64_t chip) const {
  Network network(graph_, kernel_);
  network.layout_ = layout_;
  for (const auto& [name, layer] : layers_) {
    const LayerProgram& program = layer->program;
    network.add_layer(program.config.digital ? program : perturb(program, variation, seed, chip));
  }
  return network;
}

ir::Tensor Network::run_on_array(const Layer& layer, const ir::Node& node, const ir::Tensor& given,
                                 ir::Tensor* dying, const Execution& execution, LayerTrace* trace) const {
  const bool turn_in = given.shape.size() == 4 && !layout_->channels_last(node.inputs[0]);
  ir::Tensor turned = turn_in ? to_channels_last(given) : ir::Tensor();
  ir::Tensor y = run_channels_last(layer.program, *layer.prepared, turn_in ? turned : given,
                                   turn_in ? &turned : dying, trace, execution.first, execution.runner);
  const bool turn_out = y.shape.size() == 4 && !layout_->channels_last(node.output);
  return turn_out ? to_channels_first(y) : y;
}

ir::Tensor Network::forward(const ir::Tensor& images, Trace* trace, std::uint64_t first,
                            const LayerRunner& runner) const {
  const Execution execution{runner, first};
  const auto hook = [&](const ir::Node& node, const ir::Operands& operands,
                        ir::Tensor* dying) -> std::optional<ir::Tensor> {
    const auto it = layers_.find(node.name);
    if (it == layers_.end()) return layout_->run(node, operands, dying);
    if (trace != nullptr) trace->push_back({node.name, {}, {}});
    return run_on_array(*it->second, node, *operands[0], dying, execution,
                        trace == nullptr ? nullptr : &trace->back());
  };
  return ir::run_graph(*graph_, images, hook);
}

ir::Tensor Network::finite_logits(const ir::Tensor& images, std::uint64_t first) const {
  const auto finite = [](const ir::Tensor& x) {
    return std::all_of(x.data.begin(), x.data.end(), [](float v) { return std::isfinite(v); });
  };
  ir::Tensor logits = forward(images, nullptr, first);
  if (finite(logits)) return logits;
  const LayerRunner runner;
  const Execution execution{runner, first};
  const auto hook = [&](const ir::Node& node, const ir::Operands& operands,
                        ir::Tensor*) -> std::optional<ir::Tensor> {
    const auto it = layers_.find(node.name);
    std::optional<ir::Tensor> y =
        it == layers_.end() ? layout_->run(node, operands, nullptr)
                            : run_on_array(*it->second, node, *operands[0], nullptr, execution, nullptr);
    if (!y) y = ir::run_node(node, operands);
    if (!finite(*y))
      bad_input("its values are not finite, so the network has no answer", Where{{}, 0, 0, node.name},
                "check the weights and the input scaling");
    return y;
  };
  ir::run_graph(*graph_, images, hook);
  bad_input("the network's outputs are not finite", {}, "check the images and the input scaling");
}

const std::vector<const LayerProgram*> Network::programs() const {
  std::vector<const LayerProgram*> out;
  for (const ir::Node& node : graph_->nodes()) {
    if (const auto it = layers_.find(node.name); it != layers_.end()) out.push_back(&it->second->program);
  }
  return out;
}

const CimKernel& Network::kernel(const std::string& layer) const {
  return *layers_.at(layer)->kernel;
}

}  // namespace bitline::sim
