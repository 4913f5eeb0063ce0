// Chips and networks for the tests of pipelines. An array is a macro and a tile of its own, so every layer of
// one array has a tile for itself; a position takes four cycles of 10 ns, one for each bit of the input.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hardware/small_chip.h"
#include "mapping/mapped_net.h"

#include "bitline/estimate/estimate.h"
#include "bitline/estimate/pipeline.h"
#include "bitline/mapping/map_network.h"
#include "bitline/mapping/tiling.h"

namespace bitline::estimate {

inline constexpr double kCycle = 10e-9;

// Components of a tile as one line of YAML, for example kBus; further sections as `more`.
inline constexpr const char* kBus = "bus: {kind: bus, width: 8, clock: 100 MHz, cite: d}";
inline constexpr const char* kRouter = "router: {kind: router, width: 8, clock: 100 MHz, cite: d}";
inline std::string buffer_of(std::int64_t bytes) {
  return "edram: {kind: buffer, capacity: " + std::to_string(bytes) + " B, cite: d}";
}

inline std::string logic_of(const std::string& peak) {
  return "logic: {kind: digital, peak: " + peak + ", energy: 1 pJ, cite: d}";
}

inline hardware::HardwareSpec tiled_chip(const std::string& components, int tiles,
                                         const std::string& more = {}, int arrays_a_macro = 1) {
  return hardware::parse_hardware(
      "schema: bitline-hardware/1\n"
      "name: tiled\n"
      "technology: {node: 32 nm, cite: a}\n"
      "operands: {weight_bits: 4, input_bits: 4, cite: a}\n"
      "cell: {kind: rram, bits: 4, cite: b}\n"
      "array: {rows: 128, columns: 64, cycle: 10 ns, count: " +
          std::to_string(arrays_a_macro) +
          ", cite: b}\n"
          "dac: {bits: 1, cite: b}\n"
          "tile: {macros: 1, cite: d, components: {" +
          components + "}}\nchip: {tiles: " + std::to_string(tiles) + ", cite: d}\n" + more,
      "chip.yaml");
}

// Graphs of convolutions with the operands of tiled_chip.
struct Net {
  quant::QuantizedModel model;

  ir::ValueId input(std::int64_t channels, std::int64_t size) {
    return model.graph.add_input("x", {ir::kBatch, channels, size, size});
  }
  ir::ValueId conv(ir::ValueId x, std::int64_t in, std::int64_t out, std::int64_t kernel = 1,
                   std::int64_t stride = 1) {
    ir::Conv op;
    op.window.kernel = {kernel, kernel};
    op.window.stride = {stride, stride};
    op.window.pad_begin = op.window.pad_end = {kernel / 2, kernel / 2};
    const std::string name = "conv" + std::to_string(model.layers.size());
    const ir::ValueId w = model.graph.add_constant(name + ".weight", ir::Tensor({out, in, kernel, kernel}));
    configure(name);
    return model.graph.add_node(name, op, {x, w});
  }
  ir::ValueId linear(ir::ValueId x, std::int64_t in, std::int64_t out) {
    const std::string name = "fc" + std::to_string(model.layers.size());
    const ir::ValueId w = model.graph.add_constant(name + ".weight", ir::Tensor({out, in}));
    configure(name);
    return model.graph.add_node(name, ir::Linear{}, {x, w});
  }
  ir::ValueId node(const std::string& name, ir::Op op, std::vector<ir::ValueId> inputs) {
    return model.graph.add_node(name, std::move(op), std::move(inputs));
  }
  Net& ends(ir::ValueId value) {
    model.graph.set_output(value);
    return *this;
  }

 private:
  void configure(const std::string& name) {
    quant::CimConfig& config = model.layers[name].config;
    config.weight_bits = config.activation_bits = 4;
    config.array_rows = 128;
    config.array_columns = 64;
    config.cell_bits = 4;
    config.dac_bits = 1;
  }
};

// conv0, conv1, ...: eight channels on 4x4 pixels, one array each, a row in 16 cycles.
inline Net chain_of(const std::vector<std::int64_t>& kernels) {
  Net net;
  ir::ValueId x = net.input(8, 4);
  for (const std::int64_t kernel : kernels) x = net.conv(x, 8, 8, kernel);
  net.ends(x);
  return net;
}

// conv0, then a 3x3 convolution beside a shortcut, their sum, and conv2.
inline Net residual_net() {
  Net net;
  const ir::ValueId stem = net.conv(net.input(8, 4), 8, 8);
  const ir::ValueId branch = net.conv(stem, 8, 8, 3);
  const ir::ValueId sum = net.node("add", ir::Add{}, {branch, stem});
  net.ends(net.conv(net.node("relu", ir::Relu{}, {sum}), 8, 8));
  return net;
}

// The same with these layers in digital logic.
inline Net in_logic(Net net, const std::vector<std::string>& nodes) {
  for (const std::string& node : nodes) net.model.layers.at(node).config.digital = true;
  return net;
}

inline mapping::Mapping mapped(const Net& net, const hardware::HardwareSpec& spec, bool replicate = false) {
  mapping::MappingOptions options;
  options.replicate = replicate;
  return mapping::map_network(net.model, mapping::chip_of(spec), options);
}

inline Pipeline pipeline_of(const Net& net, const hardware::HardwareSpec& spec, std::int64_t pictures,
                            bool replicate = false) {
  PipelineOptions options;
  options.pictures = options.batch = pictures;
  return simulate_pipeline(mapped(net, spec, replicate), net.model, spec, options, {});
}

inline double cycles(double seconds) {
  return seconds / kCycle;
}
inline double waited(const Pipeline& p, std::size_t layer, Wait wait) {
  return cycles(p.layers[layer].waits[static_cast<std::size_t>(wait)]);
}

}  // namespace bitline::estimate
