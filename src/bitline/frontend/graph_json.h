// A graph as JSON (structure) and safetensors (weights), both in one file under the metadata key
// "bitline.graph".
//
// The JSON lists the graph's values in the order of their ids: the input, the constants by name and shape,
// and the nodes with operator, attributes and the ids they read. Loading gives back the same graph, bit for
// bit.
#pragma once

#include <string>

#include "bitline/io/filesystem.h"
#include "bitline/io/json.h"
#include "bitline/io/safetensors.h"
#include "bitline/ir/graph.h"

namespace bitline::frontend {

inline constexpr const char* kGraphKey = "bitline.graph";

// Values that no input, constant or node defines any more are left out, and ids close the gap.
io::Json graph_to_json(const ir::Graph& graph);

// Error{kBadInput}, with node where there is one: unknown operators, keys or versions, values used before
// they are written, tensors that are missing, of another shape or not finite, shapes that do not fit.
ir::Graph graph_from_json(const io::Json& json, const io::TensorFile& tensors);

void save_graph(io::FileSystem& fs, const std::string& path, const ir::Graph& graph);
ir::Graph load_graph(io::FileSystem& fs, const std::string& path);

}  // namespace bitline::frontend
