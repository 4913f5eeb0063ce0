// Networks of one or a few layers and chips for the tests of mappings.
#pragma once

#include <string>
#include <vector>

#include "bitline/mapping/map_network.h"

namespace bitline::mapping {

struct NetLayer {
  std::int64_t in = 8, out = 8, kernel = 3, groups = 1, stride = 1;
};

// Convolutions conv0, conv1, ... one after the other on images of size x size, all with `config`.
inline quant::QuantizedModel chain(const std::vector<NetLayer>& layers, std::int64_t size,
                                   const quant::CimConfig& config) {
  quant::QuantizedModel model;
  ir::ValueId x = model.graph.add_input("x", {ir::kBatch, layers.front().in, size, size});
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const NetLayer& l = layers[i];
    ir::Conv op;
    op.groups = l.groups;
    op.window.kernel = {l.kernel, l.kernel};
    op.window.stride = {l.stride, l.stride};
    op.window.pad_begin = op.window.pad_end = {l.kernel / 2, l.kernel / 2};
    const std::string name = "conv" + std::to_string(i);
    const ir::ValueId w =
        model.graph.add_constant(name + ".weight", ir::Tensor({l.out, l.in / l.groups, l.kernel, l.kernel}));
    x = model.graph.add_node(name, op, {x, w});
    model.layers[name].config = config;
  }
  model.graph.set_output(x);
  return model;
}

inline Chip small_chip(std::int64_t rows, std::int64_t columns, int cell_bits, std::int64_t arrays = 0) {
  Chip chip;
  chip.name = "small";
  chip.rows = chip.active_rows = rows;
  chip.columns = columns;
  chip.cell_bits = cell_bits;
  chip.tiles = arrays;
  return chip;
}

inline quant::CimConfig config_for(const Chip& chip, int weight_bits,
                                   const std::string& encoding = "twos-complement") {
  quant::CimConfig config;
  config.weight_bits = weight_bits;
  config.array_rows = static_cast<int>(chip.active_rows);
  config.array_columns = static_cast<int>(chip.columns);
  config.cell_bits = chip.cell_bits;
  config.dac_bits = 1;
  config.encoding = encoding;
  return config;
}

}  // namespace bitline::mapping
