// Calibrated networks of a few random layers, mapped on small chips, for the tests of mapped execution.
#pragma once

#include <string>
#include <vector>

#include "mapping/mapped_net.h"
#include "sim/random_layer.h"

#include "bitline/ir/shapes.h"
#include "bitline/sim/calibrate.h"
#include "bitline/sim/mapped_network.h"

namespace bitline::sim {

// Convolutions conv0, conv1, ... with random weights and biases and ReLU between, on images of size x size;
// with `classes` a linear layer "fc" follows.
inline ir::Graph random_chain(const std::vector<mapping::NetLayer>& layers, std::int64_t size,
                              std::uint64_t seed, std::int64_t classes = 0) {
  Dice dice(seed);
  ir::Graph graph;
  ir::ValueId x = graph.add_input("x", {ir::kBatch, layers.front().in, size, size});
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const mapping::NetLayer& l = layers[i];
    ir::Conv op;
    op.groups = l.groups;
    op.window.kernel = {l.kernel, l.kernel};
    op.window.stride = {l.stride, l.stride};
    op.window.pad_begin = op.window.pad_end = {l.kernel / 2, l.kernel / 2};
    const std::string name = "conv" + std::to_string(i);
    const std::int64_t rows = l.in / l.groups * l.kernel * l.kernel;
    const ir::ValueId w = graph.add_constant(
        name + ".weight",
        ir::Tensor({l.out, l.in / l.groups, l.kernel, l.kernel}, dice.normals(l.out * rows, 0.4f)));
    const ir::ValueId b = graph.add_constant(name + ".bias", ir::Tensor({l.out}, dice.normals(l.out, 0.2f)));
    x = graph.add_node(name + ".relu", ir::Relu{}, {graph.add_node(name, op, {x, w, b})});
  }
  if (classes > 0) {
    const std::int64_t in = layers.back().out;
    x = graph.add_node("flat", ir::Flatten{1}, {graph.add_node("pool", ir::GlobalAveragePool{}, {x})});
    const ir::ValueId w =
        graph.add_constant("fc.weight", ir::Tensor({classes, in}, dice.normals(classes * in, 1.0f)));
    x = graph.add_node("fc", ir::Linear{}, {x, w});
  }
  graph.set_output(x);
  return graph;
}

inline ir::Tensor random_inputs(const ir::Graph& graph, std::int64_t count, std::uint64_t seed) {
  Dice dice(seed);
  ir::Shape shape = ir::infer_shapes(graph)[static_cast<std::size_t>(graph.input())];
  shape[0] = count;
  std::int64_t size = 1;
  for (const std::int64_t extent : shape) size *= extent;
  return ir::Tensor(shape, dice.normals(size, 1.0f));
}

// Every layer on arrays.
inline quant::QuantizedModel calibrated(const ir::Graph& graph, const quant::CimConfig& config,
                                        std::uint64_t seed) {
  CalibrateOptions options;
  options.config = config;
  options.policy.first = options.policy.last = options.policy.shortcut = mapping::Placement::kArray;
  return calibrate(graph, random_inputs(graph, 3, seed), options, {});
}

struct Execution {
  std::vector<float> logits;
  Trace trace;
};

inline Execution run(const Network& network, const ir::Tensor& images) {
  Execution out;
  out.logits = network.forward(images, &out.trace).data;
  return out;
}

inline Execution run(const MappedNetwork& network, const ir::Tensor& images, int threads = 1,
                     const CellEdit& edit = {}) {
  Context context;
  context.threads = threads;
  Execution out;
  out.logits = network.forward(images, context, &out.trace, edit).data;
  return out;
}

// Which layer has another code; empty when all codes and logits are the same bits.
inline std::string difference(const Execution& expected, const Execution& actual) {
  if (expected.trace.size() != actual.trace.size()) return "number of layers";
  for (std::size_t i = 0; i < expected.trace.size(); ++i) {
    const LayerTrace& a = expected.trace[i];
    const LayerTrace& b = actual.trace[i];
    if (a.name != b.name) return a.name + " and " + b.name;
    if (a.input_codes != b.input_codes) return a.name + ": input codes";
    if (a.adc_codes.empty() || a.adc_codes != b.adc_codes) return a.name + ": ADC codes";
  }
  return expected.logits == actual.logits ? "" : "logits";
}

}  // namespace bitline::sim
