#include "bitline/sim/network.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "bitline/base/error.h"
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

// [C][H][W] to [H][W][C].
void channels_last(const float* image, std::int64_t channels, ImageSize size, float* out) {
  const std::int64_t pixels = size.height * size.width;
  for (std::int64_t c = 0; c < channels; ++c, image += pixels) {
    for (std::int64_t p = 0; p < pixels; ++p) out[p * channels + c] = image[p];
  }
}

// [H][W][C] to [C][H][W].
void channels_first(const float* image, std::int64_t channels, ImageSize size, float* out) {
  const std::int64_t pixels = size.height * size.width;
  for (std::int64_t c = 0; c < channels; ++c, out += pixels) {
    for (std::int64_t p = 0; p < pixels; ++p) out[p] = image[p * channels + c];
  }
}

void append_codes(const LayerProgram& program, const std::vector<std::uint8_t>& bytes, ImageSize size,
                  std::vector<float>& codes) {
  std::vector<float> last(bytes.begin(), bytes.end());
  for (float& code : last) code += static_cast<float>(program.activation_range.low);
  const std::size_t old = codes.size();
  codes.resize(old + last.size());
  channels_first(last.data(), program.tiling.shape.in_channels, size, codes.data() + old);
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
  check_input(program, x);
  const ImageSize input = image_size(x);
  const ImageSize output = output_size(program.tiling.shape, input);
  ir::Tensor y(output_shape(program, x, output));
  const std::size_t images = static_cast<std::size_t>(x.dim(0));
  if (images == 0) return y;
  const std::size_t in = x.size() / images;
  const std::size_t out = y.size() / images;
  std::vector<float> last(std::max(in, out));  // one image, channels last
  std::vector<std::uint8_t> codes(in);
  for (std::size_t n = 0; n < images; ++n) {
    channels_last(x.data.data() + n * in, program.tiling.shape.in_channels, input, last.data());
    quant::lsq_bytes(std::span(last).first(in), program.activation_scale, program.activation_range, codes);
    if (trace != nullptr) append_codes(program, codes, input, trace->input_codes);
    prepared.run(codes, input, std::span(last).first(out), trace == nullptr ? nullptr : &trace->adc_codes);
    channels_first(last.data(), program.tiling.shape.out_channels, output, y.data.data() + n * out);
  }
  return y;
}

Network::Network(const quant::QuantizedModel& model, std::string_view kernel)
    : Network(std::make_shared<const ir::Graph>(model.graph), std::string(kernel)) {
  for (const auto& [name, layer] : model.layers) {
    const ir::Node* node = graph_->find_node(name);
    if (node == nullptr)
      bad_input("the model quantizes a layer that its graph does not have", Where{{}, 0, 0, name});
    add_layer(compile_node(*graph_, *node, layer));
  }
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
  for (const auto& [name, layer] : layers_) network.add_layer(perturb(layer->program, variation, seed, chip));
  return network;
}

ir::Tensor Network::forward(const ir::Tensor& images, Trace* trace) const {
  const auto hook = [&](const ir::Node& node, const ir::Operands& operands) -> std::optional<ir::Tensor> {
    const auto it = layers_.find(node.name);
    if (it == layers_.end()) return std::nullopt;
    const Layer& layer = *it->second;
    if (trace == nullptr) return run_layer(layer.program, *layer.prepared, *operands[0]);
    trace->push_back({node.name, {}, {}});
    return run_layer(layer.program, *layer.prepared, *operands[0], &trace->back());
  };
  return ir::run_graph(*graph_, images, hook);
}

const std::vector<const LayerProgram*> Network::programs() const {
  std::vector<const LayerProgram*> out;
  for (const ir::Node& node : graph_->nodes()) {
    if (const auto it = layers_.find(node.name); it != layers_.end()) out.push_back(&it->second->program);
  }
  return out;
}

std::string Network::kernel_name(const std::string& layer) const {
  return layers_.at(layer)->kernel->name();
}

}  // namespace bitline::sim
