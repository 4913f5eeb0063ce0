// How a layer's weight matrix is cut to arrays (ColumnQuant, DATE 2025, section on array tiling).
//
// A convolution group is a matrix of Cin/groups * kh * kw rows and Cout/groups columns. Whole kernel windows
// stay together: a row tile holds n = min(Cin/groups, floor(R / (kh*kw))) input channels, so a layer has
// T = ceil(Cin/groups / n) row tiles and the last may be smaller. Each row tile sees only its own channels.
// A linear layer is a 1x1 convolution on a 1x1 image.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bitline/ir/graph.h"
#include "bitline/quant/config.h"

namespace bitline::mapping {

struct LayerShape {
  std::int64_t in_channels = 1;
  std::int64_t out_channels = 1;
  std::int64_t groups = 1;
  ir::Window window;

  std::int64_t group_inputs() const { return in_channels / groups; }
  std::int64_t group_outputs() const { return out_channels / groups; }
  std::int64_t window_size() const { return window.kernel[0] * window.kernel[1]; }
  std::int64_t group_of(std::int64_t output) const { return output / group_outputs(); }
};

// The shape of a Conv or Linear node with constant weights; nothing for any other node.
std::optional<LayerShape> layer_shape(const ir::Graph& graph, const ir::Node& node);

struct ArrayInput {
  const ir::Node* node;
  const ir::Shape* shape;  // of its first input
};
// Throws Error{kUnsupported} naming every node whose input arrays cannot take: a Linear takes [N, K]. (Linear
// layers over tokens become 1x1 convolutions when an ONNX file is read.)
void check_array_inputs(const std::vector<ArrayInput>& inputs);
void check_array_input(const ir::Node& node, const ir::Shape& input);  // of one

struct RowTile {
  std::int64_t first_channel = 0;  // within the group
  std::int64_t channels = 0;
};

struct LayerTiling {
  LayerShape shape;
  std::vector<RowTile> tiles;  // of each group
  quant::ColumnGrid grid;

  std::int64_t rows(std::size_t tile) const { return tiles[tile].channels * shape.window_size(); }
  // All tiles but the last have the same rows.
  std::int64_t first_row(std::size_t tile) const { return tiles[tile].first_channel * shape.window_size(); }
  std::size_t tile_of(std::int64_t row) const { return static_cast<std::size_t>(row / rows(0)); }
};

// Cuts a layer. Throws Error{kBadInput} naming the node when one kernel window has more rows than the array
// activates at once.
LayerTiling tile_layer(const LayerShape& shape, const quant::CimConfig& config, const std::string& node_name);

// Groups of scales of a tiled layer.
quant::GroupMap weight_groups(const LayerTiling& tiling, const quant::CimConfig& config);
quant::GroupMap psum_groups(const LayerTiling& tiling, const quant::CimConfig& config);

// Dequantization multiplications for one output position, counted as ColumnQuant does: one for each distinct
// partial-sum scale (T*S*Cout column-wise, T*S a column tile array-wise, where an array multiplies its whole
// vector by one scalar), whatever the granularity of the weights, since weight scales are folded in; with
// ranges for each input cycle as often as there are cycles. Behind ideal converters sums are integers, and
// there is one multiplication for each distinct weight scale.
std::int64_t dequantization_multiplications(const LayerTiling& tiling, const quant::CimConfig& config);

}  // namespace bitline::mapping
